"""References to Secrets with a certificate and its key, as listeners and clients of backends need them."""

from daemun.api.core import Secret
from daemun.base.names import Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding, absent
from daemun.gatewayapi.references import GrantIndex, grant_to_write, permitted
from daemun.gatewayapi.tls import certificates


def certificate_fault(
    reader: Reader,
    secrets: Collection[Name, Secret],
    grants: GrantIndex,
    referrer: Ref,
    where: str,
    target: Ref,
    reason: str,
) -> Finding | None:
    """What is wrong with a reference to a certificate; `reason` is for all but a grant that is missing."""
    if (target.group, target.kind) != ("", "Secret"):
        return Finding(reason, where, f"{target.kind} is not a kind of certificate", "Name a Secret.")
    if not permitted(reader, grants, referrer, target):
        text = f"{target} is in another namespace, which has not granted it"
        return Finding("RefNotPermitted", where, text, grant_to_write(referrer, target))
    secret = reader.get(secrets, target.key)
    if secret is None:
        return absent(reason, where, target)
    fault = certificates.fault(secret)
    return Finding(reason, where, f"{target} cannot be served: {fault}") if fault else None
