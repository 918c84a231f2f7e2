"""Whether others disturb a healthy client, on a machine that is shared with more than them."""

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from support.scenes.world import World

CALM_SECONDS = 0.25
"""On a machine with two cores that attackers share with the gate, a healthy client's p99 below this is calm."""
_TRIES = 5
"""What else the machine does may begin just between the two measurements, but not each time."""


async def p99(world: World) -> float:
    """Of 300 requests in a row that must succeed, in seconds."""
    took = []
    for _ in range(300):
        began = time.monotonic()
        assert (await world.ask()).status == 200
        took.append(time.monotonic() - began)
    return sorted(took)[-4]


async def stays_calm(world: World, disturbed: Callable[[], AbstractAsyncContextManager[object]]) -> None:
    """No request fails, and p99 is at most doubled while it is disturbed, or still calm."""
    measured = []
    for _ in range(_TRIES):
        before = await p99(world)
        async with disturbed():
            during = await p99(world)
        if during < max(2 * before, CALM_SECONDS):
            return
        measured.append(f"{before:.3f} s before, {during:.3f} s meanwhile")
    raise AssertionError("; ".join(measured))
