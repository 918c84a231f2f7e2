"""Replicas that tell each other what their proxies have: each under its name in one ConfigMap, which the leader reads.

What a replica says counts until it was not heard for a while. Clocks of other machines are not trusted for that.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence

import msgspec

from daemun.base.names import Name
from daemun.gatewayapi.proxies.accounts import Account
from daemun.kube.client import KubeClient
from daemun.kube.errors import ApiError, KubeError
from daemun.kube.paths import resource, within

LIFE_SECONDS = 30.0
RENEW_SECONDS = 10.0
ALONE_SECONDS = 5.0
"""How often the leader looks when there is nobody else."""
_LISTEN_SECONDS = 1.0
_GATHER_SECONDS = 0.1


class _Said(msgspec.Struct, frozen=True):
    """What one replica says. `turn` changes whenever it says something, be it the same."""

    turn: int
    account: Account


class _ConfigMap(msgspec.Struct, frozen=True):
    data: dict[str, str] | None = None


class Replicas:
    """One replica among several. `account` is what it has to tell, `hear` is told what the others have.

    `leading` says whether this one leads: then it listens, otherwise it tells.
    """

    def __init__(
        self,
        client: KubeClient,
        place: Name,
        identity: str,
        account: Callable[[], Account],
        hear: Callable[[Sequence[Account]], None],
        leading: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
        alone: float = ALONE_SECONDS,
    ) -> None:
        self._client = client
        self._place = place
        self._identity = identity
        self._account = account
        self._hear = hear
        self._leading = leading
        self._clock = clock
        self._alone = alone
        self._changed = asyncio.Event()
        self._told: Account = {}
        self._turn = 0
        self._seen: dict[str, tuple[str, float]] = {}
        self._heard: list[Account] = []

    def changed(self) -> None:
        """The account may have changed, or who leads."""
        if self._told or not self._leading():  # who leads has nothing to tell
            self._changed.set()

    async def run(self) -> None:
        """Tell and listen until cancelled; then take back what was said, so that nobody waits for it."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._tell())
                group.create_task(self._listen())
        finally:
            if self._turn:
                with contextlib.suppress(KubeError, TimeoutError):
                    async with asyncio.timeout(2):
                        await self._write({self._identity: None})

    async def _tell(self) -> None:
        """Whenever the account has changed, and now and then to be believed."""
        told_at = self._clock()
        while True:
            self._changed.clear()
            account = {} if self._leading() else self._account()
            if account != self._told or (account and self._clock() >= told_at + RENEW_SECONDS):
                self._turn += 1
                text = msgspec.json.encode(_Said(self._turn, account), order="deterministic").decode()
                with contextlib.suppress(KubeError):  # the next time will do
                    await self._write({self._identity: text if account else None})
                    self._told, told_at = account, self._clock()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RENEW_SECONDS):
                    await self._changed.wait()
            await asyncio.sleep(_GATHER_SECONDS)

    async def _listen(self) -> None:
        while True:
            if self._leading():
                with contextlib.suppress(KubeError):
                    found = await self._others()
                    if found != self._heard:
                        self._heard = found
                        self._hear(found)
            await asyncio.sleep(self._alone if self._leading() and not self._heard else _LISTEN_SECONDS)

    async def _others(self) -> list[Account]:
        """The accounts of all replicas that are alive, but this one's."""
        found: list[Account] = []
        gone: list[str] = []
        now = self._clock()
        data = await self._read()
        for name, text in sorted(data.items()):
            if self._seen.get(name, ("", now))[0] != text:
                self._seen[name] = text, now
            if name == self._identity:
                continue
            if now - self._seen[name][1] >= LIFE_SECONDS:  # it ended without a word
                gone.append(name)
                continue
            with contextlib.suppress(msgspec.MsgspecError):
                found.append(msgspec.json.decode(text, type=_Said).account)
        if gone:
            await self._write(dict.fromkeys(gone))
        for name in self._seen.keys() - data.keys():
            del self._seen[name]
        return found

    async def _read(self) -> dict[str, str]:
        found = await self._client.find(resource("", "v1", "configmaps", self._place))
        return {} if found is None else msgspec.json.decode(found, type=_ConfigMap).data or {}

    async def _write(self, data: dict[str, str | None]) -> None:
        """Change just these keys; the ConfigMap is made if the chart has not made it."""
        try:
            await self._client.merge(resource("", "v1", "configmaps", self._place), {"data": data})
        except ApiError as error:
            if not error.missing:
                raise
            meta = {"name": self._place.name, "namespace": self._place.namespace}
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}
            await self._client.request("POST", within("", "v1", "configmaps", self._place.namespace), body=body)
