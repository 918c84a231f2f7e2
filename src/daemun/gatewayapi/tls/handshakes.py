"""What TLS handshakes may be limited to: versions, ciphers, curves and protocols, in Envoy's words.

Envoy refuses a whole listener for one cipher that it does not know. So what is not known is left out here, and told.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from daemun.gatewayapi.findings import Finding
from daemun.ir.tls import Handshake

_KEYS = ("ECDSA", "RSA")
_GCM = ("AES128-GCM-SHA256", "AES256-GCM-SHA384")
_CBC = ("AES128-SHA", "AES256-SHA")
CIPHERS = frozenset(
    [f"ECDHE-{key}-{rest}" for key in _KEYS for rest in (*_GCM, *_CBC, "CHACHA20-POLY1305")] + [*_GCM, *_CBC]
)
"""Ciphers of TLS 1.2 and older that Envoy's BoringSSL can use with a certificate; those of 1.3 are always on."""
CURVES = frozenset({"X25519", "P-256", "P-384", "P-521", "X25519MLKEM768"})
_OLD_CIPHERS = frozenset(one for one in CIPHERS if one.endswith("-SHA"))
"""Those of them that versions before TLS 1.2 have. Envoy offers none unless it is told to."""
VERSIONS = ("TLSv1_0", "TLSv1_1", "TLSv1_2", "TLSv1_3")
_LONGEST_PROTOCOL = 255


class Checked(NamedTuple):
    """What is left of a handshake, or the `faults` for which there is none; `notes` are about what is left out."""

    handshake: Handshake
    faults: tuple[Finding, ...]
    notes: tuple[Finding, ...]


def checked(said: Handshake, where: Callable[[str], str], reason: str = "UnsupportedValue") -> Checked:
    """A handshake as Envoy takes it. `where` says the field of a part of it (`maximum`, `ciphers`, ...)."""
    faults: list[Finding] = []
    notes: list[Finding] = []

    def known(part: str, names: tuple[str, ...], good: Callable[[str], bool], mend: str) -> tuple[str, ...]:
        kept = tuple(one for one in names if good(one))
        strange = ", ".join(repr(one) for one in names if not good(one))
        if names and not kept:
            faults.append(Finding(reason, where(part), f"none is known: {strange}", mend))
        elif strange:
            notes.append(Finding(reason, where(part), f"not known and left out: {strange}", mend))
        return kept

    if said.minimum and said.maximum and VERSIONS.index(said.minimum) > VERSIONS.index(said.maximum):
        text = f"the most, {said.maximum}, is less than the least, {said.minimum}"
        faults.append(Finding(reason, where("maximum"), text, "Leave room for one version."))
    elif said.maximum in VERSIONS[:2] and not said.minimum:
        text = f"the most, {said.maximum}, is less than the usual least, TLSv1_2"
        faults.append(Finding(reason, where("maximum"), text, "Say the least version too."))
    alpn = said.alpn
    handshake = msgspec.structs.replace(
        said,
        ciphers=known("ciphers", said.ciphers, _is_cipher, f"Use {_listed(CIPHERS)}."),
        curves=known("curves", said.curves, CURVES.__contains__, f"Use {_listed(CURVES)}."),
        alpn=alpn and known("alpn", alpn, _is_protocol, "Use names of protocols, such as h2 and http/1.1."),
    )
    if said.minimum in VERSIONS[:2] and not any(one in _OLD_CIPHERS for each in said.ciphers for one in _ranked(each)):
        text = "nothing older than TLSv1_2 is spoken: no cipher of it is offered"
        found = Finding(reason, where("ciphers"), text, "Name such ciphers too, as ECDHE-RSA-AES128-SHA.")
        (faults if said.maximum in VERSIONS[:2] else notes).append(found)
    return Checked(handshake, tuple(faults), tuple(notes))


def _is_cipher(name: str) -> bool:
    return all(one in CIPHERS for one in _ranked(name))


def _ranked(name: str) -> list[str]:
    """One cipher, or several of the same rank in brackets (`[A|B]`)."""
    inner = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    return inner.split("|")


def _is_protocol(name: str) -> bool:
    return 0 < len(name.encode()) <= _LONGEST_PROTOCOL


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
