"""Clients that ask without a pause while something is done to whoever answers them."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

from support.scenes.world import until

_CLIENTS = 8


class Load:
    """What they were answered, by what they asked, and the longest that one waited, in seconds."""

    def __init__(self) -> None:
        self.seen: Counter[tuple[str, int]] = Counter()
        self.longest = 0.0

    async def more(self, count: int) -> None:
        """Until so many more were answered."""
        wanted = self.seen.total() + count
        await until(lambda: self.seen.total() >= wanted, 60)


@contextlib.asynccontextmanager
async def load(ask: Callable[[str], Awaitable[int]], *questions: str) -> AsyncIterator[Load]:
    """Each client asks these one after the other, for the time of the block. `ask` gives the status of the answer."""
    made, over = Load(), asyncio.Event()
    clock = asyncio.get_running_loop().time

    async def client() -> None:
        while not over.is_set():
            for question in questions:
                began = clock()
                made.seen[question, await ask(question)] += 1
                made.longest = max(made.longest, clock() - began)

    async with asyncio.TaskGroup() as group:
        for _ in range(_CLIENTS):
            group.create_task(client())
        try:
            yield made
        finally:
            over.set()
