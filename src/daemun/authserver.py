"""The composition root of `daemun extauth`: a program of its own, of which there may be many.

the control plane -> Feed -> Chains <- AuthServer <- Envoys
"""

import asyncio
import contextlib
import gc
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from daemun.extauth.chains import Chains
from daemun.extauth.checker import Tools
from daemun.extauth.feed import ChainFeed
from daemun.extauth.outcomes import BUCKETS
from daemun.extauth.server import AuthServer
from daemun.feed import token, trusting
from daemun.fetch import Guard
from daemun.health import HealthServer
from daemun.ir.auth import Chain
from daemun.metrics import CONTENT_TYPE, Figure, Metrics
from daemun.serve.credentials import ServerCertificate
from daemun.shown import follow

_GRACE = 5.0
_log = logging.getLogger(__name__)


class Setup(msgspec.Struct, frozen=True):
    """Where it listens (`host:port`), what it asks, and what it may reach.

    Chains come from the control plane at `xds` or once from a file with a JSON array of them. `certificate` and `key`
    (files, PEM) make it listen with TLS; `ca` (a file) is whom the control plane's certificate is signed by, and
    `client_ca` whom that of who asks must be signed by. Files are read again when they may have changed. `allow`
    are networks that checks may ask though they are this machine's own or link-local.
    """

    listen: str
    xds: str = ""
    chains: Path | None = None
    token_file: Path | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    redis: str = ""
    health: str = ""
    allow: tuple[str, ...] = ()
    opa: str = "opa"


class AuthApp:
    """Answers Envoys until it is cancelled."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self.tools = Tools(redis=setup.redis, guard=Guard.of(*setup.allow), opa=setup.opa)
        self.chains = Chains(self.tools)
        self.server = AuthServer(self.chains)
        self.feed: ChainFeed | None = None
        self.address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.health_port: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Serve; ends with an error if the address is taken or a file cannot be read."""
        setup = self._setup
        async with asyncio.TaskGroup() as group, contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self.tools.close)
            stack.push_async_callback(self.chains.close)
            if setup.chains is not None:
                for chain in msgspec.json.decode(setup.chains.read_bytes(), type=tuple[Chain, ...]):
                    self.chains.put(chain)
                self.chains.complete = True
            else:
                self.feed = _feed(self.chains, setup)
                group.create_task(self.feed.run())
            if setup.health:
                health = HealthServer({"chains": lambda: self.chains.complete}, self._metrics().text, CONTENT_TYPE)
                host, _, port = setup.health.rpartition(":")
                self.health_port.set_result(await health.start(host, int(port)))
                stack.push_async_callback(health.stop)
            own = _certificate(setup)
            if own is not None:
                group.create_task(follow(lambda: _shown(setup), lambda files: own.replace(*files)))
            self.address.set_result(await self.server.start(setup.listen, own.credentials if own else None))
            stack.push_async_callback(self.server.stop, _GRACE)
            # What is there now stays: the collector need not look at it again while somebody waits for an answer.
            gc.freeze()
            _log.info("Envoys are answered at %s.", self.address.result())
            await asyncio.Event().wait()

    def _metrics(self) -> Metrics:
        return Metrics(self.figures())

    def figures(self) -> Iterator[Figure]:
        """The metrics; docs/auth/ext-auth-server.md lists them."""
        outcomes = self.server.outcomes
        yield Figure("daemun_extauth_chains", "Chains of checks that are known.", lambda: len(self.chains))
        yield Figure("daemun_extauth_ready", "Whether all chains have come once.", lambda: self.chains.complete)
        yield Figure(
            "daemun_extauth_connected",
            "Whether the control plane is heard.",
            lambda: self.feed is None or self.feed.connected,
        )
        yield Figure(
            "daemun_extauth_rejected_total",
            "Chains that could not be read.",
            lambda: 0 if self.feed is None else self.feed.rejected,
        )
        yield Figure(
            "daemun_extauth_checks_total",
            "Requests that were asked about.",
            lambda: {pair: float(count) for pair, count in outcomes.checks.items()},
            ("chain", "outcome"),
        )
        yield Figure("daemun_extauth_seconds_total", "Seconds that answering took.", lambda: outcomes.seconds)
        yield Figure(
            "daemun_extauth_took_total",
            "Answers that took no more than so many seconds, and more than the number before.",
            lambda: _buckets(outcomes.buckets),
            ("seconds",),
        )
        yield Figure("daemun_extauth_failures_total", "Checks that could not tell.", self._failures, ("chain", "step"))

    def _failures(self) -> Mapping[tuple[str, ...], float]:
        found: dict[tuple[str, ...], float] = {}
        for name in self.chains.names():
            ready = self.chains.get(name)
            for (step, _), count in ready.failures.items() if ready else ():
                found[name, step] = found.get((name, step), 0) + count
        return found


def _buckets(counts: list[int]) -> Mapping[tuple[str, ...], float]:
    return {(f"{limit:g}",): count for limit, count in zip((*BUCKETS, float("inf")), counts, strict=True)}


def _feed(chains: Chains, setup: Setup) -> ChainFeed:
    metadata = token(setup.token_file) if setup.token_file else list
    return ChainFeed(chains, setup.xds, metadata, trusting(setup.ca) if setup.ca else None)


def _shown(setup: Setup) -> tuple[bytes, bytes, bytes]:
    """The certificate, its key, and who signs those of clients."""
    files = (setup.certificate, setup.key, setup.client_ca)
    certificate, key, clients = (file.read_bytes() if file else b"" for file in files)
    return certificate, key, clients


def _certificate(setup: Setup) -> ServerCertificate | None:
    return ServerCertificate(*_shown(setup)) if setup.certificate else None
