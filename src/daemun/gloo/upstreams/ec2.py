"""Upstreams of EC2 (`awsEc2`): each is a registry of its own that looks up one service, with its own credentials."""

import re
from collections.abc import Callable, Iterator

from daemun.api.core import Secret
from daemun.api.gloo.cloud import Ec2UpstreamSpec
from daemun.api.gloo.settings import AWSOptions, Settings
from daemun.api.gloo.upstream import Upstream
from daemun.base.names import GLOO, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gloo.secrets import Aws
from daemun.gloo.settings.scope import SETTINGS
from daemun.gloo.upstreams.signing import credentials_of
from daemun.ir.instances import Lookup
from daemun.ir.registries import Configured

KEY = "awsEc2:"
"""What the keys of these registries begin with, which those of no Registry do."""
WHERE = "spec.awsEc2"
_PLUGIN = "ec2"
_INVALID = "Invalid"
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]+")
_ROLE = re.compile(r"arn:[a-z0-9-]+:iam::[0-9]{12}:role/[\w+=,.@/-]{1,512}")
_PORT = 80
"""Gloo's, where none is written."""


def lookup_of(name: Name, spec: Ec2UpstreamSpec) -> Lookup:
    """What is looked up for the Upstream of this name."""
    return Lookup(_key(name), name.name, spec.region)


def lent(options: AWSOptions) -> bool:
    """Whether Settings lend Daemun's own credentials, as they do for functions."""
    return options.service_account_credentials is not None or bool(options.enable_credentials_discovey)


def lent_by(reader: Reader, settings: Collection[Name, Settings]) -> bool:
    """The same, of the Settings that count."""
    found = reader.get(settings, SETTINGS)
    gloo = found.spec.gloo if found is not None else None
    return lent((gloo.aws_options if gloo else None) or AWSOptions())


def machines_rule(
    secret_objects: Collection[Name, Secret], settings: Collection[Name, Settings]
) -> Callable[[Reader, Name, Upstream], Iterator[tuple[str, Configured]]]:
    """The rule from an Upstream to the registry that it is, if nothing is wrong with it."""

    def configured(reader: Reader, name: Name, upstream: Upstream) -> Iterator[tuple[str, Configured]]:
        spec = upstream.spec.aws_ec2
        if spec is None or any(faults(spec)):
            return
        may = lent_by(reader, settings) if spec.secret_ref is None else False
        held = None if may else _credentials(reader, secret_objects, name, spec)
        if isinstance(held, Finding):
            return
        config = {
            "region": spec.region,
            "roleArn": spec.role_arn,
            "filters": [
                {"key": one.kv_pair.key, "value": one.kv_pair.value} if one.kv_pair else {"key": one.key}
                for one in spec.filters
            ],
            "serviceTag": "",
            "publicIp": spec.public_ip,
            "port": spec.port or _PORT,
        }
        yield _key(name), Configured(Ref(GLOO, "Upstream", *name), _PLUGIN, config, _secret(held), lent=may)

    return configured


def _secret(held: Aws | None) -> dict[str, bytes]:
    """The credentials as a Secret has them."""
    if held is None:
        return {}
    return {
        "aws_access_key_id": held.access_key.encode(),
        "aws_secret_access_key": held.secret_key.encode(),
        "aws_session_token": held.session_token.encode(),
    }


def findings(
    reader: Reader, secret_objects: Collection[Name, Secret], name: Name, spec: Ec2UpstreamSpec, options: AWSOptions
) -> Iterator[Finding]:
    """What makes the Upstream of this name unusable."""
    yield from faults(spec)
    if spec.secret_ref is None and lent(options):
        return
    held = _credentials(reader, secret_objects, name, spec)
    if isinstance(held, Finding):
        yield held


def faults(spec: Ec2UpstreamSpec) -> Iterator[Finding]:
    """What is wrong with the fields alone."""
    if not _REGION.fullmatch(spec.region):
        text = f"{spec.region[:80]!r} is no region" if spec.region else "is empty"
        yield Finding(_INVALID, f"{WHERE}.region", text, "Write it as eu-central-1.")
    if spec.role_arn and not _ROLE.fullmatch(spec.role_arn):
        text = f"{spec.role_arn[:80]!r} is no role"
        yield Finding(_INVALID, f"{WHERE}.roleArn", text, "Write it as arn:aws:iam::ACCOUNT:role/NAME.")
    if spec.port > 65_535:
        yield Finding(_INVALID, f"{WHERE}.port", f"{spec.port} is no port")
    for index, one in enumerate(spec.filters):
        if not (one.kv_pair.key if one.kv_pair else one.key):
            text = "names no tag, so that every machine would fit"
            yield Finding(_INVALID, f"{WHERE}.filters[{index}]", text, "Give it a key, or a kvPair with one.")


def _credentials(
    reader: Reader, secret_objects: Collection[Name, Secret], name: Name, spec: Ec2UpstreamSpec
) -> Aws | Finding:
    where, ref = f"{WHERE}.secretRef", spec.secret_ref
    if ref is None:
        text = "is not set, and Settings do not lend the gateway's own credentials"
        mend = "Name a Secret with aws_access_key_id and aws_secret_access_key, or set gloo.awsOptions of the Settings."
        return Finding(_INVALID, where, text, mend)
    return credentials_of(reader, secret_objects, where, Name(ref.namespace or name.namespace, ref.name))


def _key(name: Name) -> str:
    return f"{KEY}/{name}"
