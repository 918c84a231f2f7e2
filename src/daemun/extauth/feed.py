"""Where chains come from: the control plane (`daemun.service.feed`). Without it the last ones stay as they are.

A chain that cannot be read or can never let anybody in is rejected by name, and the one before it, if there was one,
goes on serving: the control plane tells whoever wrote it.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection

import grpc
import msgspec

from daemun.extauth.chain import Ready
from daemun.extauth.chains import Chains
from daemun.ir.auth import CHAIN, decoded
from daemun.service.feed import Feed

NODE = "daemun-extauth"
_READY_SECONDS = 5.0
"""How long chains that get ready are waited for, so that what is wrong with them can be said of them."""


class ChainFeed(Feed):
    """Keeps `chains` as the control plane at `address` says."""

    def __init__(
        self,
        chains: Chains,
        address: str,
        metadata: Callable[[], list[tuple[str, str]]] = list,
        credentials: Callable[[], grpc.ChannelCredentials] | None = None,
    ) -> None:
        super().__init__(_Told(chains), CHAIN, NODE, address, metadata, credentials)


class _Told:
    """Chains, as they are told."""

    def __init__(self, chains: Chains) -> None:
        self._chains = chains
        self._put: dict[str, Ready] = {}

    def take(self, name: str, value: bytes) -> None:
        """As daemun.service.feed.Told."""
        try:
            chain = decoded(value)
        except msgspec.MsgspecError as error:
            raise ValueError(str(error)) from None
        if chain.name != name:
            raise ValueError(f"it calls itself {chain.name}")
        self._put[name] = self._chains.put(chain)

    def remove(self, name: str) -> None:
        """As daemun.service.feed.Told."""
        self._chains.remove(name)

    def settled(self) -> None:
        """As daemun.service.feed.Told."""
        self._chains.complete = True

    async def faults(self, names: Collection[str]) -> list[str]:
        """As daemun.service.feed.Told: after they had a while to get ready."""
        put = [self._put.pop(name) for name in dict.fromkeys(names)]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_READY_SECONDS):
                await asyncio.gather(*(ready.settled() for ready in put))
        return [f"{ready.chain.name}: {fault}" for ready in put if (fault := ready.fault())]
