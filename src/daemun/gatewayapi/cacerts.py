"""References to CA certificates: which of them can be used, and what is wrong with the others."""

from collections.abc import Iterable

import msgspec

from daemun.api.core import ConfigMap, Secret
from daemun.base.names import CORE, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.references import GrantIndex, grant_to_write, permitted
from daemun.ir.tls import Bundle

KEY = "ca.crt"
INVALID = "InvalidCACertificateRef"


class Inputs(msgspec.Struct, frozen=True):
    """The collections that CA certificates are found in."""

    config_maps: Collection[Name, ConfigMap]
    secrets: Collection[Name, Secret]
    grants: GrantIndex


def resolve(
    reader: Reader, inputs: Inputs, referrer: Ref, refs: Iterable[tuple[str, Ref]], wrong_kind: str
) -> tuple[Bundle, tuple[Finding, ...]]:
    """Those of the objects that hold CA certificates, and findings about the others, by the field that names them.

    With one good reference of several there is still something to trust; only what the others would have vouched for is
    refused (Gateway API, CACertificateRefs). `wrong_kind` is the reason for an object that cannot hold certificates.
    """
    good: list[Ref] = []
    findings: list[Finding] = []
    for where, target in refs:
        finding = _fault(reader, inputs, referrer, where, target, wrong_kind)
        if finding is not None:
            findings.append(finding)
        elif target not in good:
            good.append(target)
    return tuple(good), tuple(findings)


def _fault(reader: Reader, inputs: Inputs, referrer: Ref, where: str, target: Ref, wrong_kind: str) -> Finding | None:
    if target.group != CORE or target.kind not in {"ConfigMap", "Secret"}:
        text = f"{target.kind} of group {target.group!r} is not a kind of CA certificate"
        return Finding(wrong_kind, where, text, "Name a ConfigMap.")
    if not permitted(reader, inputs.grants, referrer, target):
        text = f"{target} is in another namespace, which has not granted it"
        return Finding("RefNotPermitted", where, text, grant_to_write(referrer, target))
    found = held(reader, inputs.config_maps, inputs.secrets, target)
    if found is None:
        return Finding(INVALID, where, f"{target} does not exist")
    if not found:
        return Finding(INVALID, where, f"{target} has no {KEY}")
    if not certificates(found):
        return Finding(INVALID, where, f"{KEY} of {target} holds no PEM certificates, or a broken one")
    return None


def held(
    reader: Reader, config_maps: Collection[Name, ConfigMap], secrets: Collection[Name, Secret], ref: Ref
) -> bytes | None:
    """What an object holds as its CA certificates; None when it does not exist."""
    in_config_map = ref.kind == "ConfigMap"
    holder = reader.get(config_maps, ref.key) if in_config_map else reader.get(secrets, ref.key)
    return None if holder is None else holder.get(KEY) or b""


def certificates(pem: bytes) -> bytes:
    """The certificates in PEM, alone: whatever else stands beside them, a key even, goes nowhere. Empty for bad PEM."""
    # Loaded with the first certificate, as in `keypair`.
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        return b"".join(one.public_bytes(Encoding.PEM) for one in x509.load_pem_x509_certificates(pem))
    except (ValueError, x509.InvalidVersion):
        return b""
