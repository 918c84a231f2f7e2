"""References to CA certificates: which of them can be used, and what is wrong with the others.

Beside them may be lists of what their authorities have revoked. Envoy heeds them for all authorities or for none: where
one has a list, nothing passes of an authority that has none, or one that is past its time.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from cryptography import x509

from daemun.api.core import ConfigMap, Secret
from daemun.base.names import CORE, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding, absent
from daemun.gatewayapi.references import GrantIndex, grant_to_write, permitted
from daemun.gatewayapi.tls.flaws import flaw
from daemun.ir.tls import Bundle

KEY = "ca.crt"
REVOKED = "ca.crl"
"""Beside the certificates, in PEM: what their authorities have revoked."""
INVALID = "InvalidCACertificateRef"
_BEGIN = b"-----BEGIN X509 CRL-----"


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
    good: dict[Ref, str] = {}
    findings: list[Finding] = []
    for where, target in refs:
        finding = _fault(reader, inputs, referrer, where, target, wrong_kind)
        if finding is not None:
            findings.append(finding)
        else:
            good.setdefault(target, where)
    found = ((target, holder(reader, inputs.config_maps, inputs.secrets, target)) for target in good)
    findings += troubles([(str(target), good[target], one) for target, one in found if one is not None])
    return tuple(good), tuple(findings)


def troubles(holders: Iterable[tuple[str, str, Secret | ConfigMap]]) -> Iterator[Finding]:
    """What is refused, unasked, by those who trust all of these: a name, the field that names it, and the object."""
    holders = list(holders)
    listed = {issuer for _, _, one in holders for issuer in revokers(one.get(REVOKED) or b"")}
    forged = _forged(holders) if listed else set()
    for name, where, one in holders:
        for key in (KEY, REVOKED):
            if found := flaw(one, key):
                yield Finding(INVALID, where, f"{key} of {name} {found}", "Renew it.")
        if not listed:
            continue
        for subject in sorted(_subjects(one.get(KEY) or b"")):
            if subject not in listed:
                text = f"there is no {REVOKED} of {subject}: whatever it vouches for is refused"
                yield Finding(INVALID, where, text, f"Put its list into {REVOKED} of {name}.")
            elif subject in forged:
                text = f"no {REVOKED} of {subject} has its signature: whatever it vouches for is refused"
                yield Finding(INVALID, where, text, f"Put the list that it has signed into {REVOKED} of {name}.")


def _fault(reader: Reader, inputs: Inputs, referrer: Ref, where: str, target: Ref, wrong_kind: str) -> Finding | None:
    if target.group != CORE or target.kind not in {"ConfigMap", "Secret"}:
        text = f"{target.kind} of group {target.group!r} is not a kind of CA certificate"
        return Finding(wrong_kind, where, text, "Name a ConfigMap.")
    if not permitted(reader, inputs.grants, referrer, target):
        text = f"{target} is in another namespace, which has not granted it"
        return Finding("RefNotPermitted", where, text, grant_to_write(referrer, target))
    found = holder(reader, inputs.config_maps, inputs.secrets, target)
    if found is None:
        return absent(INVALID, where, target)
    if not found.get(KEY):
        return Finding(INVALID, where, f"{target} has no {KEY}")
    bad = fault(found)
    return Finding(INVALID, where, f"{bad[0]} of {target} {bad[1]}") if bad else None


def fault(found: Secret | ConfigMap) -> tuple[str, str] | None:
    """The key that makes an object with CA certificates unusable, and what is wrong with it.

    Without a list that is broken those would be let in who are on it.
    """
    if not certificates(found.get(KEY) or b""):
        return KEY, "holds no PEM certificates, or a broken one"
    revoked = found.get(REVOKED)
    if revoked and not revocations(revoked):
        return REVOKED, "holds no lists of revocations in PEM, or a broken one"
    return None


def holder(
    reader: Reader, config_maps: Collection[Name, ConfigMap], secrets: Collection[Name, Secret], ref: Ref
) -> Secret | ConfigMap | None:
    """The object that holds CA certificates, if it exists."""
    return reader.get(config_maps, ref.key) if ref.kind == "ConfigMap" else reader.get(secrets, ref.key)


def certificates(pem: bytes) -> bytes:
    """The certificates in PEM, alone: whatever else stands beside them, a key even, goes nowhere. Empty for bad PEM."""
    # Loaded with the first certificate, as in `keypair`.
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        return b"".join(one.public_bytes(Encoding.PEM) for one in x509.load_pem_x509_certificates(pem))
    except (ValueError, x509.InvalidVersion):
        return b""


def revocations(pem: bytes) -> bytes:
    """The lists of revocations in PEM, alone. Empty for bad PEM."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return b"".join(one.public_bytes(Encoding.PEM) for one in lists(pem))


def revokers(pem: bytes) -> set[str]:
    """The authorities that lists of revocations are of."""
    return {one.issuer.rfc4514_string() for one in lists(pem)}


def lists(pem: bytes) -> "list[x509.CertificateRevocationList]":
    """The lists of revocations in PEM; none for bad PEM."""
    from cryptography import x509

    blocks = [_BEGIN + one for one in pem.split(_BEGIN)[1:]]
    try:
        return [x509.load_pem_x509_crl(one) for one in blocks]
    except ValueError:
        return []


def _forged(holders: "list[tuple[str, str, Secret | ConfigMap]]") -> set[str]:
    """The authorities that are there, and of whose lists none was signed by them."""
    known: dict[x509.Name, list[x509.Certificate]] = {}
    for _, _, held in holders:
        for certificate in _loaded(held.get(KEY) or b""):
            known.setdefault(certificate.subject, []).append(certificate)
    found = [one for _, _, held in holders for one in lists(held.get(REVOKED) or b"") if one.issuer in known]
    signed = {one.issuer for one in found if any(_signed(one, by) for by in known[one.issuer])}
    return {one.issuer.rfc4514_string() for one in found if one.issuer not in signed}


def _signed(one: "x509.CertificateRevocationList", by: "x509.Certificate") -> bool:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return one.is_signature_valid(by.public_key())  # type: ignore[arg-type]  # others are a TypeError
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return False


def _subjects(pem: bytes) -> set[str]:
    return {one.subject.rfc4514_string() for one in _loaded(pem)}


def _loaded(pem: bytes) -> "list[x509.Certificate]":
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        return []
