"""Options of TLS that Gateway API leaves to implementations: of listeners, and of policies about backends.

Values are text: several of something are separated by commas. Options guard, so one of ours that cannot be heeded
refuses the listener, a name that is not known included: it might have been about who is let in.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeVar

from daemun.base.addresses import is_ip
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.tls.handshakes import VERSIONS, checked
from daemun.ir.tls import ClientValidation, Demand, Handshake, Stapling, SubjectName

PREFIX = "daemun.dev/"
_GLOO = "gateway.gloo.solo.io/ssl/"
_OF_GLOO = {
    "minimum-tls-version": "min-version",
    "maximum-tls-version": "max-version",
    "cipher-suites": "cipher-suites",
    "ecdh-curves": "curves",
    "verify-subject-alt-name": "client-names",
}
"""Gloo's names of options (from 1.18 on), and ours."""
_ONE_WAY = "one-way-tls"
_HANDSHAKE = {
    "minimum": "min-version",
    "maximum": "max-version",
    "ciphers": "cipher-suites",
    "curves": "curves",
    "alpn": "alpn",
    "resumes": "session-resumption",
    "stapling": "ocsp-stapling",
}
_BACKEND = ("min-version", "max-version", "cipher-suites", "curves")
_CLIENTS = ("client-certificate", "client-names", "client-depth", "client-revocation", "client-told")
_STAPLING: dict[str, Stapling] = {"lenient": "LENIENT_STAPLING", "strict": "STRICT_STAPLING", "must": "MUST_STAPLE"}
_TOLD = ("subject", "uri", "dns", "cert", "chain")
_NO_PROTOCOL = "none"
_DEEPEST = 100
_BAD = "UnsupportedValue"
_TRUST_DOMAIN = "spiffe://"
T = TypeVar("T")


class Options(NamedTuple):
    """What the options of a listener come to. With `faults` it is not to be served; `notes` are what has no effect.

    `clients` has no authorities yet: these are the Gateway's to say.
    """

    handshake: Handshake | None = None
    clients: ClientValidation | None = None
    faults: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()


def read(where: str, protocol: str, written: Mapping[str, str]) -> Options:
    """The options at a field of a listener."""
    written, unheeded = _in_our_words(where, written)
    if unheeded:
        return Options(faults=unheeded)
    found = _read(where, written, {*_HANDSHAKE.values(), *_CLIENTS})
    mine = _mine(written)
    if not any(one in mine for one in _CLIENTS):
        return found
    faults = list(found.faults)
    clients = _clients(where, mine, faults)
    if protocol != "HTTPS":
        faults.append(Finding(_BAD, where, "clients are asked for certificates by HTTPS listeners only"))
    return found._replace(clients=clients, faults=tuple(faults))


def of_backend(where: str, written: Mapping[str, str]) -> Options:
    """The options at a field about a backend."""
    return _read(where, written, set(_BACKEND))


def _in_our_words(where: str, written: Mapping[str, str]) -> tuple[Mapping[str, str], tuple[Finding, ...]]:
    """Gloo's options as ours, which count more; and those that cannot be heeded."""
    gloo = {key.removeprefix(_GLOO): value for key, value in written.items() if key.startswith(_GLOO)}
    if not gloo:
        return written, ()
    faults = []
    for name, value in gloo.items():
        at = f"{where}[{_GLOO}{name}]"
        if name == _ONE_WAY and value.lower() != "true":
            text = "clients are not asked for certificates because a Secret has a ca.crt"
            faults.append(Finding(_BAD, at, text, "Set tls.frontend of the Gateway, and remove the option."))
        elif name != _ONE_WAY and name not in _OF_GLOO:
            known = ", ".join((*_OF_GLOO, _ONE_WAY))
            faults.append(Finding(_BAD, at, "the option is not known", f"After {_GLOO} use {known}."))
    ours = {f"{PREFIX}{_OF_GLOO[name]}": value for name, value in gloo.items() if name in _OF_GLOO}
    said = {key: value for key, value in ours.items() if value != "TLS_AUTO"}
    return said | {key: value for key, value in written.items() if not key.startswith(_GLOO)}, tuple(faults)


def _mine(written: Mapping[str, str]) -> dict[str, str]:
    return {key.removeprefix(PREFIX): value.strip() for key, value in written.items() if key.startswith(PREFIX)}


def _read(where: str, written: Mapping[str, str], known: set[str]) -> Options:
    if not written:
        return Options()
    mine = _mine(written)
    notes = [
        Finding(_BAD, where, f"option {key} is not known", "Remove it.")
        for key in written
        if not key.startswith(PREFIX)
    ]
    faults = [
        Finding(_BAD, where, f"option {PREFIX}{one} is not known", f"After {PREFIX} use {', '.join(sorted(known))}.")
        for one in mine
        if one not in known
    ]
    said = _said(where, mine, faults)
    found = checked(said, lambda part: f"{where}[{PREFIX}{_HANDSHAKE[part]}]")
    faults += found.faults
    notes += found.notes
    plain = found.handshake == Handshake()
    return Options(None if plain else found.handshake, None, tuple(faults), tuple(notes))


def _said(where: str, mine: Mapping[str, str], faults: list[Finding]) -> Handshake:
    return Handshake(
        minimum=_version(where, mine, "min-version", faults),
        maximum=_version(where, mine, "max-version", faults),
        ciphers=tuple(_several(mine, "cipher-suites")),
        curves=tuple(_several(mine, "curves")),
        alpn=None if mine.get("alpn") == _NO_PROTOCOL else tuple(_several(mine, "alpn")),
        resumes=_choice(where, mine, "session-resumption", {"true": True, "false": False}, True, faults),
        stapling=_choice(where, mine, "ocsp-stapling", _STAPLING, "LENIENT_STAPLING", faults),
    )


def _clients(where: str, mine: Mapping[str, str], faults: list[Finding]) -> ClientValidation:
    depth, text = None, mine.get("client-depth", "")
    if text:
        if text.isdecimal() and int(text) <= _DEEPEST:
            depth = int(text)
        else:
            at = f"{where}[{PREFIX}client-depth]"
            faults.append(Finding(_BAD, at, f"{text!r} is no number up to {_DEEPEST}", "Use 0 for no one in between."))
    told = tuple(_several(mine, "client-told"))
    if set(told) - set(_TOLD):
        at = f"{where}[{PREFIX}client-told]"
        faults.append(Finding(_BAD, at, f"not known: {', '.join(sorted(set(told) - set(_TOLD)))}", _use(_TOLD)))
    modes: dict[str, Demand] = {"required": "required", "optional": "optional"}
    return ClientValidation(
        bundle=(),
        mode=_choice(where, mine, "client-certificate", modes, "required", faults),
        names=tuple(_names(where, mine, faults)),
        depth=depth,
        leaf_only=_choice(where, mine, "client-revocation", {"chain": False, "leaf": True}, False, faults),
        told=told,
    )


def _names(where: str, mine: Mapping[str, str], faults: list[Finding]) -> Iterator[SubjectName]:
    """The names of which a client must bear one; an option without any would let everybody in."""
    at = f"{where}[{PREFIX}client-names]"
    written = list(_several(mine, "client-names"))
    if not written and "client-names" in mine:
        faults.append(Finding(_BAD, at, "it has no names", "Write one, or remove the option."))
    for name in written:
        if name.startswith(_TRUST_DOMAIN) and name.endswith("/*"):
            domain = name.removeprefix(_TRUST_DOMAIN).removesuffix("/*")
            if domain and "/" not in domain and "*" not in domain:
                yield SubjectName("TRUST_DOMAIN", domain)
                continue
        if "*" in name.removeprefix("*."):
            text = f"{name!r} is no name"
            faults.append(Finding(_BAD, at, text, "A star stands for a label (*.test) or an id (spiffe://test/*)."))
        else:
            yield subject_name(name)


def subject_name(name: str) -> SubjectName:
    """A name as people write it: what it looks like is the kind that it must be of in a certificate."""
    if is_ip(name):
        return SubjectName("IP", name)
    if ":" in name:
        return SubjectName("URI", name)
    return SubjectName("EMAIL" if "@" in name else "DNS", name)


def _several(mine: Mapping[str, str], key: str) -> Iterator[str]:
    return (one.strip() for one in mine.get(key, "").split(",") if one.strip())


def _version(where: str, mine: Mapping[str, str], key: str, faults: list[Finding]) -> str:
    names = {one: one for one in VERSIONS} | {one[-3:].replace("_", "."): one for one in VERSIONS}
    return _choice(where, mine, key, names, "", faults)


def _choice(
    where: str, mine: Mapping[str, str], key: str, choices: Mapping[str, T], usual: T, faults: list[Finding]
) -> T:
    text = mine.get(key)
    if text is None:
        return usual
    if text not in choices:
        faults.append(Finding(_BAD, f"{where}[{PREFIX}{key}]", f"{text!r} is not known", _use(choices)))
    return choices.get(text, usual)


def _use(choices: Mapping[str, object] | tuple[str, ...]) -> str:
    return f"Use {', '.join(choices)}."
