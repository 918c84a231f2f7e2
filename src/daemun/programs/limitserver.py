"""The composition root of `daemun ratelimit`: a program of its own, of which there may be many.

the control plane -> Feed -> Plans <- Service <- Envoys
                                      Service -> Redis, or memory
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Iterator
from typing import ClassVar

import grpc
import msgspec

from daemun.ir.quotas import LIMITS, Limits
from daemun.programs.answering import GRACE, Answering, Setup
from daemun.ratelimit.memory import MemoryStore
from daemun.ratelimit.plans import Plans
from daemun.ratelimit.redis import RedisStore
from daemun.ratelimit.service import Service
from daemun.replica.metrics import Figure
from daemun.service.feed import Feed
from daemun.service.shown import follow
from daemun.service.unary.server import UnaryServer

NODE = "daemun-ratelimit"


class LimitApp(Answering[Limits]):
    """Tells Envoys which requests are too many."""

    what: ClassVar = "limits"
    name: ClassVar = "ratelimit"
    decoder: ClassVar = msgspec.json.Decoder(tuple[Limits, ...])

    def __init__(self, setup: Setup) -> None:
        self.plans = Plans()
        self.store = RedisStore(setup.redis) if setup.redis else MemoryStore()
        self.service = Service(self.plans, self.store)
        self.server = UnaryServer(self.service.methods())
        super().__init__(setup, self.plans)

    def fed(
        self, metadata: Callable[[], list[tuple[str, str]]], credentials: Callable[[], grpc.ChannelCredentials] | None
    ) -> Feed:
        """As Answering."""
        return Feed(self.plans, LIMITS, NODE, self.setup.xds, metadata, credentials)

    async def answer(self, group: asyncio.TaskGroup, stack: contextlib.AsyncExitStack) -> str:
        """As Answering."""
        stack.push_async_callback(self.store.close)
        tls = _tls(self.setup)
        if tls is not None:
            group.create_task(follow(lambda: _shown(self.setup), lambda _: _load(self.setup, tls)))
        # What waits for an answer when it ends gets one: deciding outlives the server.
        deciding = asyncio.create_task(self.service.run())
        stack.push_async_callback(_end, deciding)
        group.create_task(_watched(deciding))
        stack.push_async_callback(self.server.stop, GRACE)
        return await self.server.start(self.setup.listen, tls)

    def own_figures(self) -> Iterator[Figure]:
        """The metrics; docs/limits/server.md lists them."""
        service = self.service
        yield Figure(
            "daemun_ratelimit_decisions_total",
            "Requests that were asked about.",
            lambda: {pair: float(count) for pair, count in service.decisions.items()},
            ("domain", "outcome"),
        )
        yield Figure(
            "daemun_ratelimit_failures_total",
            "Requests about which nothing could be told.",
            lambda: {(why,): float(count) for why, count in service.failures.items()},
            ("reason",),
        )
        yield Figure("daemun_ratelimit_waiting", "Requests that wait for the store.", lambda: service.waiting)
        yield Figure("daemun_ratelimit_batches_total", "Times that the store was asked.", lambda: service.batches)
        yield Figure("daemun_ratelimit_store_seconds_total", "Seconds that it took.", lambda: service.seconds)
        if isinstance(self.store, MemoryStore):
            memory = self.store
            yield Figure("daemun_ratelimit_counts", "Counts in memory.", lambda: len(memory))
            yield Figure(
                "daemun_ratelimit_forgotten_total", "Counts that had to go too early.", lambda: memory.forgotten
            )


async def _watched(task: "asyncio.Task[None]") -> None:
    """Ends with the task's error, if it has one; the task itself goes on when this is cancelled."""
    await asyncio.shield(task)


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _tls(setup: Setup) -> ssl.SSLContext | None:
    if setup.certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["h2"])
    if setup.client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    _load(setup, context)
    return context


def _load(setup: Setup, context: ssl.SSLContext) -> None:
    assert setup.certificate is not None  # noqa: S101 - only called with one
    context.load_cert_chain(setup.certificate, setup.key)
    if setup.client_ca is not None:
        context.load_verify_locations(setup.client_ca)


def _shown(setup: Setup) -> list[bytes]:
    return [file.read_bytes() for file in (setup.certificate, setup.key, setup.client_ca) if file is not None]
