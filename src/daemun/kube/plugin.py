"""Credentials that a program gives, as cloud providers have it: a token for a while (client.authentication.k8s.io)."""

import asyncio
import datetime
import os

import msgspec

from daemun.kube.errors import KubeError, UnreachableError
from daemun.kube.kubeconfig import Exec

_VERSIONS = tuple(f"client.authentication.k8s.io/{version}" for version in ("v1", "v1beta1", "v1alpha1"))
_SECONDS = 60.0
_EARLY = datetime.timedelta(seconds=30)
"""A token is renewed that long before it expires."""


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    token: str = ""
    expiration_timestamp: datetime.datetime | None = None


class _Credential(msgspec.Struct):
    """ExecCredential, as far as it is read."""

    status: _Status = _Status()


class PluginToken:
    """Runs the program when a token is needed: the first time, when it expires, and when the API server refuses it."""

    def __init__(self, plugin: Exec) -> None:
        if plugin.api_version not in _VERSIONS:
            raise KubeError(f"credentials of {plugin.command} are of a version that is not known: {plugin.api_version}")
        self._command = [plugin.command, *plugin.args]
        info = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": {"interactive": False}}
        self._env = {one.name: one.value for one in plugin.env}
        self._env["KUBERNETES_EXEC_INFO"] = msgspec.json.encode(info).decode()
        self._hint = plugin.install_hint
        self._status = _Status()
        self._lock = asyncio.Lock()

    async def header(self, refused: str = "") -> str:
        """A token that is good for a while, and is not the one that was refused."""
        async with self._lock:
            expires = self._status.expiration_timestamp
            fresh = expires is None or expires > datetime.datetime.now(datetime.UTC) + _EARLY
            if not self._status.token or refused == f"Bearer {self._status.token}" or not fresh:
                self._status = await self._run()
            return f"Bearer {self._status.token}"

    async def _run(self) -> _Status:
        try:
            async with asyncio.timeout(_SECONDS):
                process = await asyncio.create_subprocess_exec(
                    *self._command,
                    env={**os.environ, **self._env},
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                )
                said, complained = await process.communicate()
            status = msgspec.json.decode(said, type=_Credential).status if process.returncode == 0 else _Status()
        except (OSError, TimeoutError, msgspec.MsgspecError) as error:
            raise UnreachableError(f"no credentials from {self._command[0]}: {error}", self._hint) from None
        if not status.token:
            why = complained.decode(errors="replace").strip()[-200:] or "it gives no token"
            raise UnreachableError(f"no credentials from {self._command[0]}: {why}", self._hint)
        return status
