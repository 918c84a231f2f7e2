"""Much work on the event loop, a slice at a time, so that streams, health checks and the lease have their turn."""

import asyncio
import time
from collections.abc import Iterable

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
