"""The composition root of `daemun ratelimit`: a program of its own, of which there may be many.

the control plane -> Feed -> Plans <- Service <- Envoys
                                      Service -> Redis, or memory
"""

import asyncio
import contextlib
import gc
import logging
import ssl
from collections.abc import Iterator
from pathlib import Path

import msgspec

from daemun.feed import Feed, token, trusting
from daemun.health import HealthServer
from daemun.ir.quotas import LIMITS, Limits
from daemun.metrics import CONTENT_TYPE, Figure, Metrics
from daemun.ratelimit.memory import MemoryStore
from daemun.ratelimit.plans import Plans
from daemun.ratelimit.redis import RedisStore
from daemun.ratelimit.service import Service
from daemun.shown import follow
from daemun.unary.server import UnaryServer

NODE = "daemun-ratelimit"
_GRACE = 5.0
_log = logging.getLogger(__name__)


class Setup(msgspec.Struct, frozen=True):
    """Where it listens (`host:port`, or `unix:/path`), what it counts, and where.

    Limits come from the control plane at `xds` or once from a file with a JSON array of them. `certificate` and `key`
    (files, PEM) make it listen with TLS, and `client_ca` (a file) is who must have signed the certificate of whoever
    asks; `ca` is whom the control plane's certificate is signed by. Without `redis` it counts in its own memory.
    """

    listen: str
    xds: str = ""
    limits: Path | None = None
    token_file: Path | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    redis: str = ""
    health: str = ""


class LimitApp:
    """Answers Envoys until it is cancelled."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self.plans = Plans()
        self.store = RedisStore(setup.redis) if setup.redis else MemoryStore()
        self.service = Service(self.plans, self.store)
        self.server = UnaryServer(self.service.methods())
        self.feed: Feed | None = None
        self.address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.health_port: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Serve; ends with an error if the address is taken or a file cannot be read."""
        setup = self._setup
        async with asyncio.TaskGroup() as group, contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self.store.close)
            if setup.limits is not None:
                for limits in msgspec.json.decode(setup.limits.read_bytes(), type=tuple[Limits, ...]):
                    self.plans.put(limits)
                self.plans.complete = True
            else:
                self.feed = _feed(self.plans, setup)
                group.create_task(self.feed.run())
            if setup.health:
                health = HealthServer({"limits": lambda: self.plans.complete}, self._metrics().text, CONTENT_TYPE)
                host, _, port = setup.health.rpartition(":")
                self.health_port.set_result(await health.start(host, int(port)))
                stack.push_async_callback(health.stop)
            tls = _tls(setup)
            if tls is not None:
                group.create_task(follow(lambda: _shown(setup), lambda _: _load(setup, tls)))
            # What waits for an answer when it ends gets one: deciding outlives the server.
            deciding = asyncio.create_task(self.service.run())
            stack.push_async_callback(_end, deciding)
            self.address.set_result(await self.server.start(setup.listen, tls))
            stack.push_async_callback(self.server.stop, _GRACE)
            # What is there now stays: the collector need not look at it again while somebody waits for an answer.
            gc.freeze()
            _log.info("Envoys are answered at %s.", self.address.result())
            await asyncio.shield(deciding)

    def _metrics(self) -> Metrics:
        return Metrics(self.figures())

    def figures(self) -> Iterator[Figure]:
        """The metrics; docs/limits/server.md lists them."""
        service = self.service
        yield Figure("daemun_ratelimit_limits", "Objects with limits that are known.", lambda: len(self.plans))
        yield Figure("daemun_ratelimit_ready", "Whether all limits have come once.", lambda: self.plans.complete)
        yield Figure(
            "daemun_ratelimit_connected",
            "Whether the control plane is heard.",
            lambda: self.feed is None or self.feed.connected,
        )
        yield Figure(
            "daemun_ratelimit_rejected_total",
            "Limits that could not be read.",
            lambda: 0 if self.feed is None else self.feed.rejected,
        )
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


def _feed(plans: Plans, setup: Setup) -> Feed:
    metadata = token(setup.token_file) if setup.token_file else list
    return Feed(plans, LIMITS, NODE, setup.xds, metadata, trusting(setup.ca) if setup.ca else None)


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
