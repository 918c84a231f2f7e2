"""Which of Gloo's kinds a Secret is, and what it holds. The first format that matches counts, in Gloo's order."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from daemun.api.core import Secret
from daemun.base.names import CORE, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding, absent
from daemun.gatewayapi.tls.cacerts import KEY as AUTHORITIES
from daemun.gatewayapi.tls.certificates import CERTIFICATE, PRIVATE_KEY, STAPLE
from daemun.gatewayapi.tls.flaws import flaw
from daemun.gloo.secrets.kinds import (
    ApiKey,
    Aws,
    Azure,
    Credentials,
    EncryptionKey,
    GlooSecret,
    Headers,
    OAuth,
    Tls,
)

OPAQUE = "Opaque"
AZURE = "gloo.solo.io/azure"
"""Gloo has Azure's keys in its own words only; this is what they are called when they are made an ordinary Secret."""
KEY_BYTES = 32
_PRINTABLE = re.compile(rb"[!-~]+")
FORMAT = "format"
"""What stands for a Secret's format among its flaws (`gatewayapi/tls/flaws.py`)."""
_KEPT = (ApiKey, Aws, Azure, Credentials, EncryptionKey, OAuth)
"""What is not to be without, for a moment, because somebody writes it anew by halves."""

Kind = TypeVar("Kind", bound=GlooSecret)


class Malformed(NamedTuple):
    """A Secret that is of a format, and not as that format is. `text` never says what it holds."""

    text: str


class _Format(NamedTuple):
    """How one kind is written: `types` it may have (any if empty), keys that it must have, and what they come to."""

    kind: type[GlooSecret]
    types: tuple[str, ...]
    keys: tuple[str, ...]
    build: Callable[[dict[str, bytes]], GlooSecret]
    told: str


def _text(data: dict[str, bytes], key: str) -> str:
    return data[key].decode()


def _texts(data: dict[str, bytes], *without: str) -> dict[str, str]:
    return {key: value.decode() for key, value in data.items() if key not in without}


def _tls(data: dict[str, bytes]) -> Tls:
    return Tls(*(data.get(key, b"") for key in (CERTIFICATE, PRIVATE_KEY, AUTHORITIES, STAPLE)))


def _aws(data: dict[str, bytes]) -> Aws:
    token = _text(data, "aws_session_token") if "aws_session_token" in data else ""
    return Aws(_text(data, "aws_access_key_id"), _text(data, "aws_secret_access_key"), token)


_FORMATS = (
    _Format(
        Tls, ("kubernetes.io/tls",), (), _tls, f"{CERTIFICATE} and {PRIVATE_KEY}, or {AUTHORITIES}, or all of them"
    ),
    _Format(
        Aws,
        (),
        ("aws_access_key_id", "aws_secret_access_key"),
        _aws,
        "aws_access_key_id and aws_secret_access_key",
    ),
    _Format(
        ApiKey,
        ("extauth.solo.io/apikey",),
        ("api-key",),
        lambda data: ApiKey(_text(data, "api-key"), _texts(data, "api-key")),
        "the type extauth.solo.io/apikey, and api-key",
    ),
    _Format(
        OAuth,
        ("extauth.solo.io/oauth",),
        ("client-secret",),
        lambda data: OAuth(_text(data, "client-secret")),
        "the type extauth.solo.io/oauth, and client-secret",
    ),
    _Format(
        Credentials,
        ("extauth.solo.io/accountcredentials",),
        ("username", "password"),
        lambda data: Credentials(_text(data, "username"), _text(data, "password")),
        "the type extauth.solo.io/accountcredentials, and username and password",
    ),
    _Format(
        Azure,
        (AZURE,),
        (),
        lambda data: Azure(_texts(data)),
        "the annotation resource_kind: '*v1.Secret', and azure with apiKeys",
    ),
    _Format(
        EncryptionKey,
        ("gloo.solo.io.EncryptionKeySecret",),
        ("key",),
        lambda data: EncryptionKey(data["key"]),
        f"the type gloo.solo.io.EncryptionKeySecret, and a key of {KEY_BYTES} bytes",
    ),
    # The last: any Secret without a type of its own may be one of headers.
    _Format(
        Headers,
        ("gloo.solo.io/header", OPAQUE),
        (),
        lambda data: Headers(_texts(data)),
        "the type gloo.solo.io/header, and a key for each header",
    ),
)
_TOLD: dict[type, str] = {each.kind: each.told for each in _FORMATS}


def read(secret: Secret) -> GlooSecret | Malformed:
    """What a Secret holds."""
    data = dict(_data(secret))
    for each in _FORMATS:
        if each.types and secret.type not in each.types:
            continue
        missing = [key for key in each.keys if key not in data]
        if missing and each.types:
            return Malformed(f"has no {missing[0]}, which its type {secret.type} asks for")
        if missing:
            continue
        return _checked(each, data)
    return Malformed(f"is of the type {secret.type}, which says nothing here")


def of_a_format(secret: Secret) -> bool:
    """Whether a Secret is as one of the formats is that are kept: credentials, ours and others'."""
    return isinstance(read(secret), _KEPT)


def broken(secret: Secret, before: Secret) -> str:
    """Why a Secret is not what it was before, though it is meant to be; empty if it is, or is something else."""
    if secret.type != before.type:
        return ""
    found = read(secret)
    if isinstance(found, Malformed):
        return found.text
    if isinstance(read(before), Aws) and not isinstance(found, Aws):
        missing = [key for key in before.data.keys() | before.string_data.keys() if secret.get(key) is None]
        return f"has no {min(missing)}" if missing else "is not what it was"
    return ""


def kept(reader: Reader, secrets: Collection[Name, Secret], where: str, name: Name) -> Iterator[Finding]:
    """That a Secret is broken, and counts as it was before."""
    secret = reader.get(secrets, name)
    if secret is not None and (why := flaw(secret, FORMAT)):
        yield Finding("Invalid", where, f"{Ref(CORE, 'Secret', *name)} {why}", "Mend it, or delete it.")


def expect(secret: Secret, kind: type[Kind]) -> Kind | Malformed:
    """What a Secret holds that must be of this kind. (For TLS certificates and authorities count whatever type their
    Secret has: `cacerts.py` and `certificates.py` in `gatewayapi/tls/`, which all listeners and Upstreams share.)"""
    found = read(secret)
    if isinstance(found, kind | Malformed):
        return found
    return Malformed(f"holds something else than what is asked for, which has {_TOLD[kind]}")


def demand(
    reader: Reader, secrets: Collection[Name, Secret], where: str, name: Name, kind: type[Kind], reason: str = "Invalid"
) -> Kind | Finding:
    """What the Secret of this name holds, or the finding about the field that names it. Nobody's consent is asked."""
    secret = reader.get(secrets, name)
    ref = Ref(CORE, "Secret", *name)
    if secret is None:
        return absent(reason, where, ref)
    found = expect(secret, kind)
    if isinstance(found, Malformed):
        return Finding(reason, where, f"{ref} {found.text}")
    return found


def ending(found: object) -> list[str]:
    """The keys of credentials of one line that have a line end behind it, as `echo` leaves it."""
    said = {}
    if isinstance(found, ApiKey):
        said = {"api-key": found.key}
    elif isinstance(found, OAuth):
        said = {"client-secret": found.client_secret}
    elif isinstance(found, Credentials):
        said = {"username": found.username, "password": found.password}
    return [key for key, text in said.items() if text.endswith("\n") and len(text.splitlines()) == 1]


def _data(secret: Secret) -> Iterator[tuple[str, bytes]]:
    yield from ((key, value) for key, value in secret.data.items() if key not in secret.string_data)
    yield from ((key, value.encode()) for key, value in secret.string_data.items())


def _checked(each: _Format, data: dict[str, bytes]) -> GlooSecret | Malformed:
    empty = next((key for key in each.keys if not data[key]), None)
    if empty is not None:
        return Malformed(f"has nothing in {empty}")
    if each.kind is EncryptionKey and len(data["key"]) != KEY_BYTES:
        return Malformed(f"has a key of {len(data['key'])} bytes, not of {KEY_BYTES}")
    if each.kind is Aws and not all(_PRINTABLE.fullmatch(data[key]) for key in each.keys):
        return Malformed("holds credentials with characters that AWS has not in them")
    if each.kind in {Headers, Azure} and not data:
        return Malformed("is empty")
    try:
        return each.build(data)
    except UnicodeDecodeError:
        return Malformed("holds something that is not text")
