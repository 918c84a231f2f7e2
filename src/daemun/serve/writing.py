"""Messages to clients that may be slow to take them, or take nothing any more.

Whoever takes some of a message has all the time that it needs. Who takes nothing for as long as others may be silent is
hung up on: what is written to it waits in memory, and a new connection may be better.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from daemun.serve.connection import Connection, find
from daemun.serve.counts import Counts
from daemun.xds.silence import SILENCE

LOOK = 5.0
"""Seconds between two looks at what a client has taken, while something is being written to it for longer than that."""
_CRUMBS = 1 << 10
"""Bytes that both ends confirm within `SILENCE` though nothing is read: pings, and the answers to them."""

_log = logging.getLogger(__name__)


class _Context(Protocol):
    def peer(self) -> str: ...
    def write(self, message: bytes, /) -> Awaitable[None]: ...


class Writing:
    """Writes for all streams of a server."""

    def __init__(self, counts: Counts, clock: Callable[[], float]) -> None:
        self._counts = counts
        self._clock = clock

    async def write(self, context: _Context, name: str, message: bytes) -> None:
        """Until the client of this proxy has taken it, or the transport for it. Cancelled if it is hung up on."""
        began = self._clock()
        writing = asyncio.ensure_future(context.write(message))
        try:
            done, _ = await asyncio.wait([writing], timeout=LOOK)
            if not done:
                with contextlib.closing(_Look(find(context.peer()), began)) as look:
                    await self._watch(writing, look, name)
            await writing
        finally:
            writing.cancel()

    async def _watch(self, writing: asyncio.Future[None], look: "_Look", name: str) -> None:
        while not writing.done():
            if look.over(self._clock()):
                self._give_up(look, name)
                break
            await asyncio.wait([writing], timeout=LOOK)

    def _give_up(self, look: "_Look", name: str) -> None:
        """End the connection; on a Unix socket nobody but the client can."""
        how = "its connection is ended" if look.end() else "its stream waits until it hangs up"
        self._counts.stuck += 1
        _log.warning("A proxy of %s has taken nothing of what it is sent for %.0f s: %s.", name, SILENCE, how)


class _Look:
    """How much a client has taken, and since when that is so."""

    def __init__(self, connection: Connection | None, began: float) -> None:
        self._connection = connection
        self._taken = connection.taken() if connection else 0
        self._since = began

    def over(self, now: float) -> bool:
        """Whether it has taken nothing for too long."""
        taken = self._connection.taken() if self._connection else 0
        if taken >= self._taken + _CRUMBS:
            self._taken, self._since = taken, now
        return now >= self._since + SILENCE

    def end(self) -> bool:
        """Hang up, if that can be done."""
        if self._connection is None:
            return False
        with contextlib.suppress(OSError):  # it may be over by now
            self._connection.end()
        return True

    def close(self) -> None:
        """Look no longer."""
        if self._connection is not None:
            self._connection.close()
