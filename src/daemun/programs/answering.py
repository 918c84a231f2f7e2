"""What the programs that answer Envoys have in common: where they listen, what they are told, what they tell."""

import asyncio
import contextlib
import gc
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import grpc
import msgspec

from daemun.replica.health import HealthServer
from daemun.replica.metrics import CONTENT_TYPE, Figure, Metrics
from daemun.service.feed import Feed, token, trusting

T = TypeVar("T")
S_contra = TypeVar("S_contra", contravariant=True)
GRACE = 5.0
"""Seconds in which what was begun may still be answered when the program ends."""
_log = logging.getLogger(__name__)


class Setup(msgspec.Struct, frozen=True):
    """Where a program listens (`host:port`, some also at `unix:/path`), and where what it is told comes from.

    That is the control plane at `xds`, or once a file with a JSON array of it (`given`). `certificate` and `key`
    (files, PEM) make it listen with TLS, and `client_ca` (a file) is who must have signed the certificate of whoever
    asks; `ca` is whom the control plane's certificate is signed by. Files are read again when they may have changed.
    What replicas share lies in `redis`; without it each has its own. `health` is where it tells of itself.
    """

    listen: str
    xds: str = ""
    given: Path | None = None
    token_file: Path | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    redis: str = ""
    health: str = ""


class Known(Protocol[S_contra]):
    """What it was told."""

    complete: bool
    """Whether all that there is has come once."""

    def __len__(self) -> int: ...

    def put(self, value: S_contra, /) -> object:
        """Take one that is new or has changed."""


class Answering(ABC, Generic[T]):
    """Answers Envoys until it is cancelled, by what is `known`, which is called `what`; `decoder` reads a list of it.

    `name` is that of its metrics.
    """

    what: ClassVar[str]
    name: ClassVar[str]
    decoder: ClassVar[msgspec.json.Decoder[Any]]

    def __init__(self, setup: Setup, known: Known[T]) -> None:
        self.setup = setup
        self.known = known
        self.feed: Feed | None = None
        self.address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.health_port: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @abstractmethod
    def fed(
        self, metadata: Callable[[], list[tuple[str, str]]], credentials: Callable[[], grpc.ChannelCredentials] | None
    ) -> Feed:
        """What it hears the control plane by, showing and trusting these."""

    @abstractmethod
    async def answer(self, group: asyncio.TaskGroup, stack: contextlib.AsyncExitStack) -> str:
        """Begin to answer, and say where; `stack` is told how to end it."""

    @abstractmethod
    def own_figures(self) -> Iterator[Figure]:
        """The metrics of what it does."""

    async def run(self) -> None:
        """Serve; ends with an error if the address is taken or a file cannot be read."""
        setup = self.setup
        async with asyncio.TaskGroup() as group, contextlib.AsyncExitStack() as stack:
            if setup.given is not None:
                for one in self.decoder.decode(setup.given.read_bytes()):
                    self.known.put(one)
                self.known.complete = True
            else:
                shown = token(setup.token_file) if setup.token_file else list
                self.feed = self.fed(shown, trusting(setup.ca) if setup.ca else None)
                group.create_task(self.feed.run())
            if setup.health:
                figures = Metrics(self.figures())
                health = HealthServer({self.what: lambda: self.known.complete}, figures.text, CONTENT_TYPE)
                host, _, port = setup.health.rpartition(":")
                self.health_port.set_result(await health.start(host, int(port)))
                stack.push_async_callback(health.stop)
            self.address.set_result(await self.answer(group, stack))
            # What is there now stays: the collector need not look at it again while somebody waits for an answer.
            gc.freeze()
            _log.info("Envoys are answered at %s.", self.address.result())
            await asyncio.Event().wait()

    def figures(self) -> Iterator[Figure]:
        """All metrics."""
        name, what = f"daemun_{self.name}", self.what.capitalize()
        yield Figure(f"{name}_{self.what}", f"{what} that are known.", lambda: len(self.known))
        yield Figure(f"{name}_ready", f"Whether all {self.what} have come once.", lambda: self.known.complete)
        yield Figure(
            f"{name}_connected",
            "Whether the control plane is heard.",
            lambda: self.feed is None or self.feed.connected,
        )
        yield Figure(
            f"{name}_rejected_total",
            f"{what} that could not be read.",
            lambda: 0 if self.feed is None else self.feed.rejected,
        )
        yield from self.own_figures()
