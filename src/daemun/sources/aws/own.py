"""Who Daemun itself is to AWS, where the operator lends that: by its environment, its ServiceAccount, or its machine.

The order is that of AWS's own tools. Envoy does it by itself for functions; this is for what the control plane asks.
"""

import asyncio
import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from daemun.base.guard import Guard
from daemun.fetch.client import Fetcher, FetchError
from daemun.sources.aws.query import Element, Service
from daemun.sources.registries.registry import RegistryError
from daemun.sources.signatures import Credentials

_METADATA = "http://169.254.169.254"
_ROLES = "/latest/meta-data/iam/security-credentials/"
_SECONDS = 5.0
_MEND = "Give the pod a role, or name a Secret with keys."
_TEXT = Annotated[str, Meta(min_length=1, pattern=r"^[!-~]+$")]


class Granted(NamedTuple):
    """Credentials, and until when they are good; always if there is no time."""

    credentials: Credentials
    until: datetime.datetime | None = None


class _Role(msgspec.Struct, rename="pascal"):
    """What a machine is told of its role."""

    access_key_id: _TEXT
    secret_access_key: _TEXT
    token: str
    expiration: datetime.datetime


class Own(NamedTuple):
    """Where to look: variables of the environment, which may be those of another process."""

    environ: Mapping[str, str]

    async def granted(self, tokens: Service) -> Granted:
        """The credentials. Raises RegistryError if there are none."""
        said = self.environ.get
        key, secret = said("AWS_ACCESS_KEY_ID"), said("AWS_SECRET_ACCESS_KEY")
        if key and secret:
            return Granted(Credentials(key, secret, said("AWS_SESSION_TOKEN", "")))
        file, role = said("AWS_WEB_IDENTITY_TOKEN_FILE"), said("AWS_ROLE_ARN")
        if file and role:
            return await _by_token(Path(file), role, tokens)
        if said("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
            raise RegistryError("nobody says who Daemun is to AWS", _MEND)
        return await _by_machine(said("AWS_EC2_METADATA_SERVICE_ENDPOINT") or _METADATA)


async def _by_token(file: Path, role: str, tokens: Service) -> Granted:
    try:
        token = (await asyncio.to_thread(file.read_text)).strip()
    except OSError as error:
        raise RegistryError(f"{file} cannot be read: {error.strerror}", _MEND) from None
    action = "AssumeRoleWithWebIdentity"
    params = {"RoleArn": role, "RoleSessionName": "daemun", "WebIdentityToken": token}
    return granted(await tokens.ask(None, action, params), action)


async def _by_machine(at: str) -> Granted:
    """The role of the machine (IMDSv2): nobody but the operator says where it is asked."""
    async with Fetcher(Guard.of("0.0.0.0/0", "::/0"), seconds=_SECONDS) as fetcher:

        async def ask(method: str, path: str, headers: Mapping[str, str]) -> bytes:
            try:
                answer = await fetcher.send(method, at.rstrip("/") + path, b"", headers)
            except FetchError as error:
                raise RegistryError(f"the machine does not say who it is to AWS: {error}", _MEND) from None
            if answer.status != 200:
                text = f"the machine does not say who it is to AWS: it answers {path} with {answer.status}"
                raise RegistryError(text, _MEND)
            return answer.body

        token = await ask("PUT", "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "60"})
        proof = {"X-aws-ec2-metadata-token": token.decode("ascii", "replace")}
        name = (await ask("GET", _ROLES, proof)).decode("ascii", "replace").split("\n")[0].strip()
        try:
            role = msgspec.json.decode(await ask("GET", _ROLES + name, proof), type=_Role)
        except msgspec.MsgspecError:
            raise RegistryError("what the machine says of its role cannot be read", _MEND) from None
    return Granted(Credentials(role.access_key_id, role.secret_access_key, role.token), role.expiration)


def granted(answer: Element, action: str) -> Granted:
    """The credentials in an answer of STS. Raises RegistryError for what is none."""
    for found in answer.all(f"{action}Result", "Credentials"):
        try:
            until = datetime.datetime.fromisoformat(found.text("Expiration"))
        except ValueError:
            break
        names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
        return Granted(Credentials(*(found.text(name) for name in names)), until)
    raise RegistryError("what AWS's sts says of the role cannot be read")
