"""Replicas that tell each other what their proxies have: each in a Lease of its own, which the leader reads.

A Lease that does not change any more counts for as long as it says. Clocks of other machines are not trusted.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec

from daemun.base.names import Name
from daemun.gatewayapi.accounts import Account
from daemun.kube.client import KubeClient
from daemun.kube.errors import ApiError, KubeError
from daemun.kube.paths import resource, within

LABEL = "daemun.dev/replica-of"
ACCOUNT = "daemun.dev/account"
_LEASES = ("coordination.k8s.io", "v1", "leases")
_LIFE_SECONDS = 30
_RENEW_SECONDS = 10.0
_GATHER_SECONDS = 0.1
_LISTEN_SECONDS = 1.0
ALONE_SECONDS = 5.0
"""How often the leader looks when there is nobody else."""


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    resource_version: str
    annotations: dict[str, str] = {}


class _Lease(msgspec.Struct, frozen=True):
    metadata: _Metadata


class _Leases(msgspec.Struct, frozen=True):
    items: tuple[_Lease, ...] | None = None


class Replicas:
    """One replica among several. `account` is what it has to tell, `hear` is told what the others have.

    `leading` says whether this one leads: then it listens, otherwise it tells.
    """

    def __init__(
        self,
        client: KubeClient,
        installation: Name,
        identity: str,
        account: Callable[[], Account],
        hear: Callable[[Sequence[Account]], None],
        leading: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
        alone: float = ALONE_SECONDS,
    ) -> None:
        self._client = client
        self._installation = installation
        self._identity = identity
        self._name = Name(installation.namespace, f"{installation.name}-{identity}"[:253])
        self._account = account
        self._hear = hear
        self._leading = leading
        self._clock = clock
        self._alone = alone
        self._changed = asyncio.Event()
        self._told = False
        self._seen: dict[str, tuple[str, float]] = {}
        self._heard: list[Account] | None = None

    def changed(self) -> None:
        """The account may have changed, or who leads."""
        self._changed.set()

    async def run(self) -> None:
        """Tell and listen until cancelled; then take the account back, so that nobody waits for it."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._tell())
                group.create_task(self._listen())
        finally:
            if self._told:
                with contextlib.suppress(KubeError, TimeoutError):
                    async with asyncio.timeout(2):
                        await self._client.request("DELETE", self._path())

    async def _tell(self) -> None:
        """Whenever the account has changed, and now and then to be believed."""
        before: Account = {}
        told_at = self._clock()
        while True:
            self._changed.clear()
            account = {} if self._leading() else self._account()
            if account != before or (account and self._clock() >= told_at + _RENEW_SECONDS):
                with contextlib.suppress(KubeError):  # the next time will do
                    await self._client.apply(self._path(), self._lease(account))
                    before, told_at, self._told = account, self._clock(), True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_RENEW_SECONDS):
                    await self._changed.wait()
            await asyncio.sleep(_GATHER_SECONDS)

    async def _listen(self) -> None:
        while True:
            if self._leading():
                try:
                    found = await self._others()
                except KubeError:
                    found = self._heard or []
                if found != self._heard:
                    self._heard = found
                    self._hear(found)
            await asyncio.sleep(_LISTEN_SECONDS if self._heard or not self._leading() else self._alone)

    async def _others(self) -> list[Account]:
        """The accounts of all replicas that are alive, but this one's."""
        group, version, plural = _LEASES
        params = {"labelSelector": f"{LABEL}={self._installation.name}", "resourceVersion": "0"}
        answer = await self._client.get(within(group, version, plural, self._installation.namespace), params)
        now = self._clock()
        found = []
        for one in msgspec.json.decode(answer, type=_Leases).items or ():
            meta = one.metadata
            state, since = self._seen.get(meta.name, ("", now))
            if state != meta.resource_version:
                self._seen[meta.name] = state, since = meta.resource_version, now
            if meta.name == self._name.name:
                continue
            if now - since < _LIFE_SECONDS:
                with contextlib.suppress(msgspec.MsgspecError):
                    found.append(msgspec.json.decode(meta.annotations.get(ACCOUNT, "{}"), type=Account))
            else:  # of a replica that ended without a word
                await self._forget(meta)
        return found

    async def _forget(self, meta: _Metadata) -> None:
        path = resource(*_LEASES, Name(self._installation.namespace, meta.name))
        body = {"preconditions": {"resourceVersion": meta.resource_version}}
        with contextlib.suppress(ApiError):
            await self._client.request("DELETE", path, body=body)
        self._seen.pop(meta.name, None)

    def _path(self) -> str:
        return resource(*_LEASES, self._name)

    def _lease(self, account: Account) -> dict[str, object]:
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": self._name.name,
                "namespace": self._name.namespace,
                "labels": {LABEL: self._installation.name},
                "annotations": {ACCOUNT: msgspec.json.encode(account, order="deterministic").decode()},
            },
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": _LIFE_SECONDS,
                "renewTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            },
        }
