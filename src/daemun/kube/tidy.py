"""Give up a request so that nothing of it stays open."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import anyio

T = TypeVar("T")


async def tidy(work: Coroutine[Any, Any, T], undo: Callable[[T], Coroutine[Any, Any, None]] | None = None) -> T:
    """What `work` on httpcore's connections gives. If we are cancelled, it is, but only where it can bear it.

    Whoever asks closes, on the way, all connections that have expired or that the server has ended. httpcore guards
    that against anyio's cancellations only: asyncio's would come in between, and the rest, which the pool does not know
    any more, would never be closed. `undo` is for a result that nobody awaits any more.
    """
    scope = anyio.CancelScope()

    async def inside() -> T:
        with scope:
            return await work
        raise asyncio.CancelledError

    task = asyncio.create_task(inside())
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
            scope.cancel()
    if cancelled is None:
        return task.result()
    if not task.cancelled() and task.exception() is None and undo is not None:
        await tidy(undo(task.result()))
    raise cancelled
