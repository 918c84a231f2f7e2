"""What goes out to one client, which may be slow to take it, or take nothing any more.

Whoever takes some of what waits for it has all the time that it needs. Who takes nothing of a message for as long as
others may be silent is hung up on: what is written to it waits in memory, and a new connection may be better.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

import grpc.aio

from daemun.serve.connection import Connection, Connections
from daemun.serve.counts import Counts
from daemun.xds.silence import SILENCE

LOOK = 5.0
"""Seconds between two looks at what a client has taken, while it has something to take or to answer for longer."""
_CRUMBS = 1 << 10
"""Bytes that both ends confirm within `SILENCE` though nothing is read: pings, and the answers to them."""

_log = logging.getLogger(__name__)


class _Context(Protocol):
    def peer(self) -> str: ...
    def write(self, message: bytes, /) -> Awaitable[None]: ...


class Outlet:
    """The writing side of one stream of a proxy. Its connection is looked for when there is reason to look at it."""

    def __init__(
        self, context: _Context, name: str, counts: Counts, clock: Callable[[], float], connections: Connections
    ) -> None:
        self._context = context
        self._name = name
        self._counts = counts
        self._clock = clock
        self._connections = connections
        self._sought = False
        self._connection: Connection | None = None
        self._taken = 0
        self._at = 0.0
        """When it had just taken so much."""
        self._owes_since: float | None = None
        self._seen = 0.0
        self._slow = 0.0
        """Seconds that it has been taking what it has not answered yet, less those in which it only had to read it."""
        self._ended = False

    async def write(self, message: bytes) -> float:
        """Until the client has taken it, or its transport. Cancelled if it is hung up on.

        Returns how long it took, if that was long.
        """
        began = self._clock()
        writing = asyncio.ensure_future(self._context.write(message))
        try:
            done, _ = await asyncio.wait([writing], timeout=LOOK)
            if not done:
                await self._watch(writing, began)
            await writing
            seconds = 0.0 if done else self._clock() - began
            self._slow += seconds
            return seconds
        except grpc.aio.InternalError:
            if not self._ended:
                raise
            raise asyncio.CancelledError from None  # gRPC is about to cancel the stream
        finally:
            writing.cancel()

    def owing(self) -> tuple[float, float]:
        """It has not answered all that was sent. Returns the seconds in which that was still on its way, and those of
        them in which it took some.

        What its kernel has confirmed it may still have to read: who was slow to take has as long again for that.
        """
        now = self._clock()
        if self._owes_since is None:
            self._owes_since = self._at = self._seen = now
        if now < self._owes_since + LOOK:
            return 0.0, 0.0
        before, seen, self._seen = self._at, self._seen, now
        takes = self._look(now)
        if self._connection is None or not self._connection.waiting():
            self._at = now
            reading = min(now - seen, self._slow)
            self._slow -= reading
            return reading, reading
        taking = now - before if takes else 0.0
        self._slow += taking
        return now - seen, taking

    def rest(self) -> None:
        """It has answered all that was sent."""
        self._owes_since, self._slow = None, 0.0

    async def _watch(self, writing: asyncio.Future[None], began: float) -> None:
        """Look at a message that is long in being taken, until it is, or the client is given up."""
        self._at = began
        while not writing.done():
            now = self._clock()
            self._look(now)
            if now >= self._at + SILENCE:
                self._give_up()
                return
            await asyncio.wait([writing], timeout=LOOK)

    def _look(self, now: float) -> bool:
        """Whether it has taken something since it last had."""
        if not self._sought:
            self._sought, self._connection = True, self._connections.find(self._context.peer())
            if self._connection is not None:
                self._connection.bear()
                self._taken = self._connection.taken()
        taken = self._connection.taken() if self._connection else 0
        if taken < self._taken + _CRUMBS:
            return False
        self._at, self._taken = now, taken
        return True

    def _give_up(self) -> None:
        """End the connection; on a Unix socket nobody but the client can."""
        told = "A proxy of %s has taken nothing of what it is sent for %.0f s: %s."
        if self._connection is None:
            _log.warning(told, self._name, SILENCE, "its stream waits until it hangs up")
            return
        self._ended = True
        self._counts.stuck += 1
        self._connection.end()
        _log.warning(told, self._name, SILENCE, "its connection is ended")
