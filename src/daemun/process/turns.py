"""Much work on the event loop, a slice at a time, so that streams, health checks and the lease have their turn."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable

SLICE = 0.005
"""Seconds until others have their turn. What waits for two or three of such slices does not notice."""


class Turns:
    """Says when it is time to rest, and rests. One for each piece of work that is done at the same time."""

    def __init__(self, seconds: float = SLICE) -> None:
        self._seconds = seconds
        self._until = 0.0

    def begin(self) -> None:
        """From now on it works."""
        self._until = time.perf_counter() + self._seconds

    def over(self) -> bool:
        """Whether others should have their turn."""
        return time.perf_counter() >= self._until

    async def rest(self) -> None:
        """Let others have their turn, if it is time."""
        if self.over():
            await asyncio.sleep(0)
            self.begin()

    async def through(self, steps: Iterable[object]) -> None:
        """Do all the steps."""
        self.begin()
        for _ in steps:
            await self.rest()


class Line:
    """Work of many tasks that may all come at once: each waits for those that came before it, and when together they
    have worked for a slice, others have their turn.

    One turn of the event loop runs whatever is ready: 50 tasks that each keep to a slice would hold it up for 50.
    """

    def __init__(self, seconds: float = SLICE) -> None:
        self._seconds = seconds
        self._worked = 0.0
        self._head = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """A place in the line; what is done in the block must not wait for anything."""
        async with self._head:
            if self._worked >= self._seconds:
                await asyncio.sleep(0)
                self._worked = 0.0
            began = time.perf_counter()
            try:
                yield
            finally:
                self._worked += time.perf_counter() - began
