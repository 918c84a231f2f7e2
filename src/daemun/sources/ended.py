"""Tasks that were told to end."""

import asyncio
from collections.abc import Iterable
from typing import Any

_AGAIN_SECONDS = 0.5


async def ended(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Wait until these are over, however they end; each has been cancelled.

    One that goes on is told again: a library may lose that when it comes just as an answer does (asyncio.wait_for of
    Python 3.11).
    """
    going = set(tasks)
    while going:
        gone, going = await asyncio.wait(going, timeout=_AGAIN_SECONDS)
        await asyncio.gather(*gone, return_exceptions=True)
        for one in going:
            one.cancel()
