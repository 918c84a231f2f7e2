"""Several streams as one: what each has said last, whenever one of them says something."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import TypeVar

from daemun.sources.ended import ended

K = TypeVar("K")
T = TypeVar("T")


async def latest(streams: Mapping[K, Callable[[], AsyncGenerator[T, None]]]) -> AsyncGenerator[dict[K, T], None]:
    """What all of them have said last, from when each has said something. Where one fails, all do."""
    said: dict[K, T] = {}
    news = asyncio.Event()

    async def follow(key: K, begin: Callable[[], AsyncGenerator[T, None]]) -> None:
        async with contextlib.aclosing(begin()) as answers:
            async for said[key] in answers:
                news.set()

    tasks = [asyncio.create_task(follow(key, begin)) for key, begin in streams.items()]
    waiting = asyncio.create_task(news.wait())
    try:
        while True:
            done, _ = await asyncio.wait([*tasks, waiting], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {waiting}:
                task.result()
                return
            news.clear()
            waiting = asyncio.create_task(news.wait())
            if len(said) == len(streams):
                yield dict(said)
    finally:
        for task in (*tasks, waiting):
            task.cancel()
        await ended((*tasks, waiting))
