"""Requests to an Upstream that are signed for AWS: who signs them, and for which of its services.

Gloo has no field for that but those of Lambda (`functions.aws`); an annotation says it of any Upstream, in JSON:
`daemun.dev/aws-request-signing: {"service": "execute-api", "region": "eu-central-1", "secret": "aws"}`.
"""

import re

import msgspec

from daemun.api.core import Secret
from daemun.api.gloo.upstream import Upstream
from daemun.base.names import Name
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gloo import secrets
from daemun.gloo.secrets import Aws

ANNOTATION = "daemun.dev/aws-request-signing"
WHERE = f"metadata.annotations[{ANNOTATION}]"
_INVALID = "Invalid"
WORD = re.compile(r"[a-z0-9-]{1,64}")
ROLE = re.compile(r"arn:[a-z0-9-]+:iam::[0-9]{12}:role/[\w+=,.@/-]{1,512}")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,252}[a-z0-9])?(:[0-9]{1,5})?")
_TEXT = re.compile(r"[!-~]+")


class _Written(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The annotation. The Secret is one of the Upstream's own namespace."""

    service: str
    region: str
    secret: str
    role_arn: str = ""
    host: str = ""


def secret_of(upstream: Upstream) -> str:
    """The Secret that the annotation names; empty if there is none, or it is not as it should be."""
    text = upstream.metadata.annotations.get(ANNOTATION)
    try:
        return msgspec.json.decode(text, type=_Written).secret if text else ""
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return ""


class Proxy(msgspec.Struct, frozen=True, gc=False):
    """Whoever the proxy is to AWS: by its environment, its files, its ServiceAccount's token, its machine."""


class Account(msgspec.Struct, frozen=True, gc=False):
    """A role that the proxy's ServiceAccount itself may take on, by the token that AWS has put into the pod."""

    role_arn: str


class Signing(msgspec.Struct, frozen=True, gc=False):
    """How requests are signed. With `role_arn` that role does it, which the credentials may take on; with `host` they
    are sent to that name."""

    service: str
    region: str
    credentials: Aws | Proxy | Account
    role_arn: str = ""
    host: str = ""


def signing_of(
    reader: Reader, secret_objects: Collection[Name, Secret], name: Name, upstream: Upstream
) -> Signing | Finding | None:
    """How requests to this Upstream are signed, if they are, or why they cannot be."""
    text = upstream.metadata.annotations.get(ANNOTATION)
    if text is None:
        return None
    try:
        said = msgspec.json.decode(text, type=_Written)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        mend = 'Give a mapping in JSON with "service", "region" and "secret".'
        return Finding(_INVALID, WHERE, "is not as it should be", mend)
    for field, value, pattern in (
        ("service", said.service, WORD),
        ("region", said.region, WORD),
        ("roleArn", said.role_arn, ROLE),
        ("host", said.host, _HOST),
    ):
        if not pattern.fullmatch(value) and (value or field in {"service", "region"}):
            return Finding(_INVALID, f"{WHERE}.{field}", f"{value[:80]!r} cannot be meant")
    found = credentials_of(reader, secret_objects, f"{WHERE}.secret", Name(name.namespace, said.secret))
    if isinstance(found, Finding):
        return found
    return Signing(said.service, said.region, found, said.role_arn, said.host)


def credentials_of(reader: Reader, secret_objects: Collection[Name, Secret], where: str, secret: Name) -> Aws | Finding:
    """The credentials in a Secret, or why they are none."""
    found = secrets.demand(reader, secret_objects, where, secret, Aws)
    if isinstance(found, Finding):
        return found
    if not all(_TEXT.fullmatch(one) for one in (found.access_key, found.secret_key, found.session_token or "-")):
        return Finding(_INVALID, where, f"Secret {secret} holds credentials with characters that AWS has not in them")
    return found
