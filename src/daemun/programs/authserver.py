"""The composition root of `daemun extauth`: a program of its own, of which there may be many.

the control plane -> Feed -> Chains <- AuthServer <- Envoys
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar

import grpc
import msgspec

from daemun.extauth.chains import Chains
from daemun.extauth.checker import Tools
from daemun.extauth.feed import ChainFeed
from daemun.extauth.outcomes import BUCKETS
from daemun.extauth.server import AuthServer
from daemun.fetch import Guard
from daemun.ir.auth import Chain
from daemun.programs.answering import GRACE, Answering
from daemun.programs.answering import Setup as Common
from daemun.replica.metrics import Figure
from daemun.serve.credentials import ServerCertificate
from daemun.service.shown import follow


class Setup(Common, frozen=True):
    """And what it may reach: `allow` are networks that checks may ask though they are this machine's own or link-local,
    `opa` is the program that evaluates policies in Rego, and `opas` how many of them there may be.
    """

    allow: tuple[str, ...] = ()
    opa: str = "opa"
    opas: int = 64


class AuthApp(Answering[Chain]):
    """Tells Envoys who may come in."""

    what: ClassVar = "chains"
    name: ClassVar = "extauth"
    decoder: ClassVar = msgspec.json.Decoder(tuple[Chain, ...])

    def __init__(self, setup: Setup) -> None:
        self.tools = Tools(redis=setup.redis, guard=Guard.of(*setup.allow), opa=setup.opa, opas=setup.opas)
        self.chains = Chains(self.tools)
        self.server = AuthServer(self.chains)
        super().__init__(setup, self.chains)

    def fed(
        self, metadata: Callable[[], list[tuple[str, str]]], credentials: Callable[[], grpc.ChannelCredentials] | None
    ) -> ChainFeed:
        """As Answering."""
        return ChainFeed(self.chains, self.setup.xds, metadata, credentials)

    async def answer(self, group: asyncio.TaskGroup, stack: contextlib.AsyncExitStack) -> str:
        """As Answering."""
        stack.push_async_callback(self.tools.close)
        stack.push_async_callback(self.chains.close)
        own = ServerCertificate(*_shown(self.setup)) if self.setup.certificate else None
        if own is not None:
            group.create_task(follow(lambda: _shown(self.setup), lambda files: own.replace(*files)))
        stack.push_async_callback(self.server.stop, GRACE)
        return await self.server.start(self.setup.listen, own.credentials if own else None)

    def own_figures(self) -> Iterator[Figure]:
        """The metrics; docs/auth/ext-auth-server.md lists them."""
        outcomes = self.server.outcomes
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


def _shown(setup: Common) -> tuple[bytes, bytes, bytes]:
    """The certificate, its key, and who signs those of clients."""
    files = (setup.certificate, setup.key, setup.client_ca)
    certificate, key, clients = (file.read_bytes() if file else b"" for file in files)
    return certificate, key, clients
