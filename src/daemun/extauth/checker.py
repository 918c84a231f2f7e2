"""What a check is to the server: an object that is made once for a step of a chain and asked for every request."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

import msgspec

from daemun.extauth.answers import Answer
from daemun.extauth.request import Request
from daemun.fetch import Budget, Fetcher, Guard
from daemun.fetch.client import MAX_SECONDS

_THREADS = 4
_READ = 128 << 20
"""Bytes of what servers that policies name say, while it is read, and of tokens that wait for it."""
T = TypeVar("T")
P = ParamSpec("P")


class State(msgspec.Struct):
    """What the checks of a chain tell each other about one request: a new one for each.

    `user` is who sends it, as far as it is known. `values` travel to passthrough servers and plug-ins, and back.
    """

    user: str = ""
    values: dict[str, Any] = msgspec.field(default_factory=dict)


class Checker:
    """One check, ready to be asked. It is used by many requests at once, on one event loop.

    What it raises denies the request alone with 500. `close` is called when no request is asking any more.
    """

    async def check(self, request: Request, state: State) -> Answer:
        """Whether the request may pass."""
        raise NotImplementedError

    async def ready(self) -> None:
        """Return when it can be asked, if that takes a while: so long what was there before goes on."""

    def fault(self) -> str:
        """Why it can never be asked, as far as that is known when it is `ready`; empty if it can."""
        return ""

    async def close(self) -> None:
        """Give back what it holds."""


class Tools:
    """What checkers share: one for the server.

    `clock` is in seconds since 1970, for the times that others say; `ticks` are seconds that pass whatever that is set
    to, for how long something is remembered. `redis` is the address (URL) of the server's own Redis, empty if it has
    none. `guard` says what may be asked over the network. `opa` is the program of Open Policy Agent, a path or a name,
    and `opas` how many of them may run.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        redis: str = "",
        guard: Guard = Guard(),  # noqa: B008 - immutable
        opa: str = "opa",
        opas: int = 64,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self.clock, self.ticks = clock, ticks
        self.redis = redis
        self.guard = guard
        self.opa, self.opas = opa, opas
        self.budget = Budget(_READ)
        """Of which is taken what is read of answers at once, by namespace."""
        self._shared: dict[Hashable, tuple[Any, Callable[[], Awaitable[None]] | None]] = {}
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="check")

    def shared(self, key: Hashable, make: Callable[[], T], close: Callable[[T], Awaitable[None]] | None = None) -> T:
        """What there is of this key, made by the first who asks; closed when the server stops."""
        if key not in self._shared:
            made = make()
            self._shared[key] = (made, None if close is None else lambda: close(made))
        found: T = self._shared[key][0]
        return found

    def fetcher(self, place: "Place", seconds: float = MAX_SECONDS) -> Fetcher:
        """Asks by HTTP for one check: with connections of its own, and within the share of its namespace."""
        return Fetcher(self.guard, seconds=seconds, budget=self.budget, owner=place.namespace)

    async def in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what takes long or waits beside the event loop, a few of it at a time."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: function(*args, **kwargs))

    async def close(self) -> None:
        """Give back what is shared."""
        for _, close in self._shared.values():
            if close is not None:
                await close()
        self._shared.clear()
        self._threads.shutdown(wait=False, cancel_futures=True)


class Place(msgspec.Struct, frozen=True):
    """Which step of which chain a checker is made for."""

    chain: str
    step: str

    @property
    def namespace(self) -> str:
        """The namespace of the chain's policy."""
        return self.chain.partition("/")[0]
