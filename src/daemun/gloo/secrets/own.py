"""Secrets in Gloo's own words (gloo.solo.io/v1 Secret), as it keeps them in Vault and in files, made ordinary ones.

In Kubernetes such a Secret has the annotation `resource_kind: '*v1.Secret'`, and each of its keys is a field in YAML.
"""

import base64
import binascii
from collections.abc import Callable
from typing import Any

from daemun.api.core import Secret
from daemun.api.meta import ObjectMeta
from daemun.gatewayapi.tls.cacerts import KEY as AUTHORITIES
from daemun.gatewayapi.tls.certificates import CERTIFICATE, PRIVATE_KEY, STAPLE
from daemun.gloo.secrets.formats import AZURE, OPAQUE, Malformed

ANNOTATION, RESOURCE_KIND = "resource_kind", "*v1.Secret"
Fields = dict[str, Any]
_Made = tuple[str, dict[str, bytes]]
"""The type of an ordinary Secret, and its data."""


def _simple(kind: str, **names: str) -> Callable[[Fields], _Made]:
    """A format whose fields are keys of another name."""

    def make(fields: Fields) -> _Made:
        return kind, {key: _text(fields[field]) for field, key in names.items() if fields.get(field)}

    return make


def _tls(fields: Fields) -> _Made:
    names = {"certChain": CERTIFICATE, "privateKey": PRIVATE_KEY, "rootCa": AUTHORITIES}
    data = {key: _text(fields[field]) for field, key in names.items() if fields.get(field)}
    if fields.get("ocspStaple"):
        data[STAPLE] = base64.b64decode(_text(fields["ocspStaple"]), validate=True)
    return "kubernetes.io/tls", data


def _api_key(fields: Fields) -> _Made:
    data = {key: _text(value) for key, value in fields.get("metadata", {}).items()}
    if fields.get("apiKey"):
        data["api-key"] = _text(fields["apiKey"])
    return "extauth.solo.io/apikey", data


def _map(kind: str, field: str) -> Callable[[Fields], _Made]:
    """A format that is one map."""
    return lambda fields: (kind, {key: _text(value) for key, value in fields.get(field, {}).items()})


_MAKERS: dict[str, Callable[[Fields], _Made]] = {
    "tls": _tls,
    "aws": _simple(
        OPAQUE, accessKey="aws_access_key_id", secretKey="aws_secret_access_key", sessionToken="aws_session_token"
    ),
    "azure": _map(AZURE, "apiKeys"),
    "header": _map("gloo.solo.io/header", "headers"),
    "oauth": _simple("extauth.solo.io/oauth", clientSecret="client-secret"),
    "apiKey": _api_key,
    "credentials": _simple("extauth.solo.io/accountcredentials", **{key: key for key in ("username", "password")}),
    "encryption": _simple("gloo.solo.io.EncryptionKeySecret", key="key"),
}


def ordinary(metadata: ObjectMeta, fields: Fields) -> Secret | Malformed:
    """The Secret that these fields of Gloo's come to; the metadata in them is not looked at."""
    kinds = [kind for kind in fields if kind in _MAKERS]
    if len(kinds) != 1:
        return Malformed(f"has {'several' if kinds else 'none'} of {', '.join(_MAKERS)}")
    inner = fields[kinds[0]]
    if not isinstance(inner, dict):
        return Malformed(f"has a field {kinds[0]} that is no mapping")
    try:
        made, data = _MAKERS[kinds[0]](inner)
    except (TypeError, AttributeError, UnicodeEncodeError, binascii.Error):
        return Malformed(f"has a field {kinds[0]} that is not as Gloo's is")
    return Secret(metadata, data=data, type=made)


def unfolded(secret: Secret, read_yaml: Callable[[str], object]) -> Secret:
    """The same Secret, an ordinary one if it was written in Gloo's words. One that cannot be read stays as it is:
    whoever needs it says what is wrong with it. `read_yaml` raises ValueError.
    """
    if secret.type != OPAQUE or secret.metadata.annotations.get(ANNOTATION) != RESOURCE_KIND:
        return secret
    try:
        fields = {key: read_yaml((secret.get(key) or b"").decode()) for key in {**secret.data, **secret.string_data}}
    except ValueError:
        return secret
    made = ordinary(secret.metadata, fields)
    return secret if isinstance(made, Malformed) else made


def _text(value: object) -> bytes:
    if not isinstance(value, str):
        raise TypeError
    return value.encode()


def stored(metadata: ObjectMeta, fields: Fields) -> Secret | Malformed:
    """The Secret that a store of keys and values has: one in Gloo's words, or the keys of an ordinary one."""
    if not fields:
        return Malformed("is empty")
    if any(isinstance(fields.get(kind), dict) for kind in _MAKERS):
        return ordinary(metadata, fields)
    if not all(isinstance(value, str) for value in fields.values()):
        return Malformed("has a value that is not text, and is not in Gloo's words")
    try:
        data = {key: value.encode() for key, value in fields.items()}
    except UnicodeEncodeError:
        return Malformed("has a value that is not text")
    return Secret(metadata, data=data, type=_type_of(data))


def _type_of(data: dict[str, bytes]) -> str:
    """The type that a Secret with these keys has in Kubernetes, for want of one."""
    for kind, keys in (
        ("kubernetes.io/tls", {CERTIFICATE}),
        ("kubernetes.io/tls", {AUTHORITIES}),
        ("extauth.solo.io/apikey", {"api-key"}),
        ("extauth.solo.io/oauth", {"client-secret"}),
        ("extauth.solo.io/accountcredentials", {"username", "password"}),
    ):
        if keys <= data.keys():
            return kind
    return OPAQUE
