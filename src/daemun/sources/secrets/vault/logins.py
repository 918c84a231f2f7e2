"""How somebody says to Vault who he is. Each gives a token, and how long that is good."""

import asyncio
import base64
import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec

from daemun.api.gloo.settings import VaultAwsAuth
from daemun.sources import signatures
from daemun.sources.secrets.store import StoreError
from daemun.sources.secrets.vault.http import Answered, VaultClient, segment

_STS_BODY = "Action=GetCallerIdentity&Version=2011-06-15"
_AWS_MOUNT = "aws"


class Grant(NamedTuple):
    """A token and the seconds that it is good for; 0: for ever."""

    token: str
    seconds: float
    renewable: bool

    def __repr__(self) -> str:
        return "<Grant>"


class Login(Protocol):
    """Gives tokens."""

    async def __call__(self, vault: VaultClient) -> Grant:
        """Log in. Raises StoreError."""
        ...


class TokenLogin:
    """A token that was given to us: as it is, or in a file that somebody else writes anew (Vault Agent)."""

    def __init__(self, read: Callable[[], str]) -> None:
        self._read = read

    async def __call__(self, vault: VaultClient) -> Grant:
        token = await _secret(self._read, "the token")
        answer = await vault.ask("GET", "auth/token/lookup-self", token=token)
        if answer.status != 200:
            raise answer.refusal("the token is not good", whole=True)
        data = answer.body.get("data")
        data = data if isinstance(data, dict) else {}
        return Grant(token, _seconds(data.get("ttl")), data.get("renewable") is True)


class KubernetesLogin:
    """The token of our service account, which Vault asks the API server about."""

    def __init__(self, role: str, mount: str, read: Callable[[], str]) -> None:
        self._role, self._mount, self._read = role, mount, read

    async def __call__(self, vault: VaultClient) -> Grant:
        jwt = await _secret(self._read, "the service account's token")
        return await _login(vault, self._mount, {"role": self._role, "jwt": jwt})


class AppRoleLogin:
    """A role's id, and the secret that goes with it."""

    def __init__(self, role_id: Callable[[], str], secret_id: Callable[[], str], mount: str) -> None:
        self._role_id, self._secret_id, self._mount = role_id, secret_id, mount

    async def __call__(self, vault: VaultClient) -> Grant:
        body = {"role_id": await _secret(self._role_id, "the role's id")}
        secret_id = await _secret(self._secret_id, "the role's secret id")
        return await _login(vault, self._mount, body | {"secret_id": secret_id})


class AwsLogin:
    """A request to AWS's token service that is signed and not sent: Vault sends it, and hears who has signed it."""

    def __init__(self, spec: VaultAwsAuth, credentials: Callable[[], signatures.Credentials]) -> None:
        self._spec, self._credentials = spec, credentials

    async def __call__(self, vault: VaultClient) -> Grant:
        spec = self._spec
        region = spec.region or "us-east-1"
        host = f"sts.{region}.amazonaws.com" if spec.region else "sts.amazonaws.com"
        headers = {"Host": host, "Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        if spec.iam_server_id_header:
            headers["X-Vault-AWS-IAM-Server-ID"] = spec.iam_server_id_header
        now = datetime.datetime.now(datetime.UTC)
        signed = signatures.signed(self._credentials(), "sts", region, now, headers, _STS_BODY.encode())
        body = {
            "iam_http_request_method": "POST",
            "iam_request_url": _base64(f"https://{host}/"),
            "iam_request_body": _base64(_STS_BODY),
            "iam_request_headers": base64.b64encode(msgspec.json.encode(signed)).decode(),
        }
        if spec.vault_role:
            body["role"] = spec.vault_role
        return await _login(vault, spec.mount_path or _AWS_MOUNT, body)


async def _login(vault: VaultClient, mount: str, body: dict[str, str]) -> Grant:
    answer = await vault.ask("POST", f"auth/{segment(mount)}/login", body=body)
    if answer.status != 200:
        raise answer.refusal("we may not log in", whole=True)
    return granted(answer)


def granted(answer: Answered) -> Grant:
    """The token in an answer. Raises StoreError if there is none."""
    auth: Any = answer.body.get("auth")
    token = auth.get("client_token") if isinstance(auth, dict) else None
    if not isinstance(token, str) or not token:
        raise StoreError("Vault lets us in without a token")
    return Grant(token, _seconds(auth.get("lease_duration")), auth.get("renewable") is True)


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) and value > 0 else 0.0


async def _secret(read: Callable[[], str], what: str) -> str:
    try:
        text = (await asyncio.to_thread(read)).strip()
    except (OSError, ValueError) as error:
        raise StoreError(f"{what} cannot be read: {error}") from None
    if not text:
        raise StoreError(f"{what} is empty")
    if not text.isascii() or not text.isprintable():
        raise StoreError(f"{what} is no token")
    return text


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def file(path: str) -> Callable[[], str]:
    """Reads a file each time: whoever rotates it need not tell us."""
    return lambda: Path(path).read_text()
