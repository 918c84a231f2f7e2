"""A document at a URL that is kept: the last good one for a while, and never fetched by two at once."""

import asyncio
import random
from collections.abc import Callable
from typing import Generic, TypeVar

from daemun.fetch.client import Fetcher, FetchError

T = TypeVar("T")

_FIRST_WAIT = 1.0
_LONGEST_WAIT = 60.0


class Document(Generic[T]):
    """What `parse` makes of the body; it raises ValueError for a bad one.

    After `refresh` seconds it is fetched anew, in the background. What cannot be fetched is as it last was, until that
    is `lifetime` seconds old: then, and before anything was fetched, whoever asks gets a FetchError. Between failures
    there are waits, longer each time and of random length, in which nothing is sent.
    """

    def __init__(
        self, fetcher: Fetcher, url: str, parse: Callable[[bytes], T], *, refresh: float, lifetime: float
    ) -> None:
        self.url = url
        self._fetcher = fetcher
        self._parse = parse
        self._refresh = refresh
        self._lifetime = max(lifetime, refresh)
        self._kept: tuple[T, float] | None = None
        self._failures = 0
        self._again = 0.0
        self._why = ""
        self._flight: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """The document. Raises FetchError."""
        now = _now()
        if self._kept and now - self._kept[1] < self._lifetime:
            if now - self._kept[1] >= self._refresh and now >= self._again:
                self._fly()
            return self._kept[0]
        if now < self._again:
            raise FetchError(self._why)
        return await asyncio.shield(self._fly())

    async def newer(self, gap: float) -> T:
        """The document as it is now, for somebody who misses something in the one that is kept.

        It is not fetched more than once in `gap` seconds. Raises FetchError as `get`.
        """
        now = _now()
        if now < self._again or (self._kept and now - self._kept[1] < gap):
            return await self.get()
        try:
            return await asyncio.shield(self._fly())
        except FetchError:
            return await self.get()

    async def close(self) -> None:
        """End what is under way."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.gather(self._flight, return_exceptions=True)

    def _fly(self) -> "asyncio.Task[T]":
        """The one fetch that is under way. Nobody who stops waiting for it ends it."""
        if self._flight is None or self._flight.done():
            self._flight = asyncio.get_running_loop().create_task(self._fetch())
            self._flight.add_done_callback(_seen)
        return self._flight

    async def _fetch(self) -> T:
        try:
            answer = await self._fetcher.get(self.url, {"Accept": "application/json"})
            if answer.status != 200:
                raise FetchError(f"{self.url} answers {answer.status}")
            value = self._parse(answer.body)
        except (FetchError, ValueError, RecursionError) as error:
            wait = min(_FIRST_WAIT * 2**self._failures, _LONGEST_WAIT)
            self._failures = min(self._failures + 1, 16)
            self._again = _now() + wait * random.uniform(0.5, 1.0)  # noqa: S311 - not a secret
            self._why = str(error)
            raise FetchError(self._why) from None
        self._failures = 0
        self._kept = value, _now()
        return value


def _now() -> float:
    return asyncio.get_running_loop().time()


def _seen(task: "asyncio.Task[T]") -> None:
    """A failure in the background is no surprise: whoever needs the document is told."""
    if not task.cancelled():
        task.exception()
