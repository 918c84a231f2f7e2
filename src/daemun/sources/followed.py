"""What is followed of others, each by a task of its own, and the end of it."""

import asyncio
from collections.abc import Coroutine, Hashable
from typing import Any, Generic, Protocol, TypeVar

from daemun.sources.ended import ended

K = TypeVar("K", bound=Hashable)


class Closing(Protocol):
    """Somebody who is followed, and has something to give back at the end."""

    async def close(self) -> None:
        """Give it back."""


class Followed(Generic[K]):
    """Tasks by what they follow, each of somebody by a name. Nobody is closed before the tasks about it are over."""

    def __init__(self) -> None:
        self._tasks: dict[K, tuple[str, asyncio.Task[None]]] = {}
        self._ended: list[asyncio.Task[None]] = []
        self._leaving: list[Closing] = []

    def __contains__(self, what: K) -> bool:
        return what in self._tasks

    def begin(self, what: K, of: str, work: Coroutine[Any, Any, None]) -> None:
        """Follow it from now on, by this work."""
        self._tasks[what] = of, asyncio.create_task(work)

    def end(self, what: K) -> None:
        """Nobody wants to know it any more, if anybody did."""
        if (found := self._tasks.pop(what, None)) is not None:
            found[1].cancel()
            self._ended.append(found[1])

    def leave(self, of: str, closing: Closing | None) -> None:
        """Follow nothing of it any more; then it is closed."""
        for what in [what for what, (whose, _) in self._tasks.items() if whose == of]:
            self.end(what)
        if closing is not None:
            self._leaving.append(closing)

    async def let_go(self) -> None:
        """Wait for what was told to end, and close who is left."""
        tasks, self._ended = self._ended, []
        await ended(tasks)
        leaving, self._leaving = self._leaving, []
        for one in leaving:
            await one.close()
