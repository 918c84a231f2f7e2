"""The Secret with our certificates: read by every replica, and renewed by whichever comes first.

It is written only as it was read (by its resource version), so two replicas never overwrite each other. If it is gone,
as after a backup was restored, it is written as it was: proxies know the authority that is in it.
"""

import asyncio
import datetime
import logging
from collections.abc import Callable

import msgspec

from daemun.base.names import Name
from daemun.kube import paths
from daemun.kube.client import KubeClient
from daemun.kube.errors import ApiError, KubeError
from daemun.provision.kube.certificates import (
    PROXY,
    PROXY_KEY,
    SERVER,
    SERVER_KEY,
    Hosts,
    Pems,
    bundle,
    renewed,
)

LOOK_SECONDS = 30.0
_RETRY_SECONDS = 1.0
_log = logging.getLogger(__name__)


class Certificates(msgspec.Struct, frozen=True):
    """The server's certificate and key, whom proxies are to trust, and the pair by which they prove that they are some.

    There is none where there is no server of authorization.
    """

    certificate: bytes
    key: bytes
    authority: str
    proxy: bytes = b""
    proxy_key: bytes = b""


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""


class _Secret(msgspec.Struct, frozen=True):
    metadata: _Metadata = _Metadata()
    data: dict[str, bytes] | None = None


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


class Keyring:
    """Keeps them fresh; `on_change` is called with the first ones and whenever they change."""

    def __init__(
        self,
        client: KubeClient,
        secret: Name,
        hosts: Hosts,
        on_change: Callable[[Certificates], None],
        now: Callable[[], datetime.datetime] = _now,
    ) -> None:
        self._client = client
        self._path = paths.resource("", "v1", "secrets", secret)
        self._within = paths.within("", "v1", "secrets", secret.namespace)
        self._name = secret
        self._hosts = hosts
        self._on_change = on_change
        self._now = now
        self._current: Certificates | None = None
        self._held: Pems = {}

    async def run(self) -> None:
        """See to it until cancelled. An API server that does not answer is asked again."""
        while True:
            try:
                await self.look()
                pause = LOOK_SECONDS
            except KubeError as error:
                _log.warning("The certificates in Secret %s cannot be looked after: %s", self._name, error)
                pause = _RETRY_SECONDS if self._current is None else LOOK_SECONDS
            await asyncio.sleep(pause)

    async def look(self) -> Certificates:
        """Read them, and renew them if that is due."""
        while True:
            secret = await self._read()
            before: Pems = (secret.data if secret else None) or {}
            after = renewed(self._held if secret is None else before, self._hosts, self._now())
            if after == before or await self._written(secret, before, after):
                self._held = after
                own = (after.get(PROXY, b""), after.get(PROXY_KEY, b""))
                found = Certificates(after[SERVER], after[SERVER_KEY], bundle(after), *own)
                if found != self._current:
                    self._current = found
                    self._on_change(found)
                return found

    async def _read(self) -> _Secret | None:
        found = await self._client.find(self._path)
        return None if found is None else msgspec.json.decode(found, type=_Secret)

    async def _written(self, secret: _Secret | None, before: Pems, after: Pems) -> bool:
        """False if somebody else was faster: then theirs are as good."""
        try:
            if secret is None:
                meta = {"name": self._name.name, "namespace": self._name.namespace}
                body = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": after}
                await self._client.request("POST", self._within, body=body)
            else:
                gone = dict.fromkeys(before.keys() - after.keys())
                version = {"resourceVersion": secret.metadata.resource_version}
                await self._client.merge(self._path, {"metadata": version, "data": {**gone, **after}})
        except ApiError as error:
            if error.conflict:
                return False
            raise
        return True
