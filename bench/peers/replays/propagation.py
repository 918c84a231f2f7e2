"""From the request that creates an HTTPRoute to the first 200 of its host, and every answer on the way.

Beside it, how long the API server took to answer that request, and what it was after that answer: that is what
gateway-api-bench measures, whose client applies a route, takes the time, and asks then, each 5 ms.
"""

import asyncio
import os
from collections import Counter
from typing import Any

from bench.peers.first import now, waiting
from bench.peers.manifests import host, route
from bench.peers.world import World
from bench.tools.worlds import summary

_ROUNDS = int(os.environ.get("BENCH_ROUNDS", "50"))
_SECONDS = 120.0
"""Whoever is slow gets fewer rounds."""
_LOAD_PER_SECOND = 10
_PAUSE_SECONDS = 0.2


async def idle(world: World) -> dict[str, Any]:
    """One route after another is created and deleted; nothing else happens."""
    times: list[float] = []
    stored: list[float] = []
    after: list[float] = []
    on_the_way: Counter[int] = Counter()
    late = 0
    ends = now() + _SECONDS
    async with waiting(world.address) as asker:
        while len(times) + late < _ROUNDS and now() < ends:
            name = world.fresh()
            await asker.begin(host(name))
            started = now()
            await world.create(route(name))
            answered = now()
            served, seen = await asker.found()
            stored.append((answered - started) * 1e3)
            on_the_way += seen
            if served < float("inf"):
                times.append((served - started) * 1e3)
                after.append(max(0.0, served - answered) * 1e3)
            else:
                late += 1
            await world.delete(name)
            await asker.wait(host(name), 404, patience=20)  # the next one is alone
            await asyncio.sleep(_PAUSE_SECONDS)
    on_the_way[200] -= len(times)
    statuses = {str(status): count for status, count in sorted(on_the_way.items()) if count}
    return {
        "ms": summary(times) if times else None,
        "stored_ms": summary(stored),
        "after_ms": summary(after) if after else None,
        "not_in_60_s": late,
        "on_the_way": statuses,
    }


async def under_load(world: World) -> dict[str, Any]:
    """The same while other routes change all the time."""
    async with world.changing(_LOAD_PER_SECOND):
        return {"changes_per_second": _LOAD_PER_SECOND, **await idle(world)}
