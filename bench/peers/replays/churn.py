"""Memory while routes come, change and go for a long time: does it grow?"""

import asyncio
import os
import time
from typing import Any

from bench.peers.manifests import route, rules
from bench.peers.world import World, each

_MINUTES = float(os.environ.get("BENCH_CHURN_MINUTES", "60"))
_PER_SECOND = 5
_SAMPLE_SECONDS = 10
_KEPT = 50


async def measure(world: World) -> dict[str, Any]:
    """Samples of memory in MiB, by seconds. The configuration does not grow by the churn itself: see `_churn`."""
    await each(range(world.there), lambda number: _change(world, number))
    stop = asyncio.Event()
    changes = asyncio.create_task(_churn(world, stop))
    samples: list[tuple[float, float, float]] = []
    started = time.monotonic()
    while time.monotonic() - started < _MINUTES * 60:
        await asyncio.sleep(_SAMPLE_SECONDS)
        plane, proxy = await world.control_plane(), await world.proxy()
        samples.append((round(time.monotonic() - started), plane.rss_mib, proxy.rss_mib))
    stop.set()
    count = await changes
    return {
        "minutes": _MINUTES,
        "changes": count,
        "samples": samples[:: max(1, len(samples) // 60)],
    }


async def _churn(world: World, stop: asyncio.Event) -> int:
    """In turn a route comes, one changes, one goes. Some dozen are there besides those that stay, and those all were
    changed once before: so there is as much to know of at the end as at the beginning."""
    started, number, there = time.monotonic(), 0, list[str]()
    while not stop.is_set():
        number += 1
        if number % 3 == 0 and len(there) > _KEPT:
            await world.delete(there.pop(0))
        elif number % 3 == 1:
            there.append(world.fresh())
            await world.create(route(there[-1]))
        else:
            await _change(world, number * 37 % world.there)
        await asyncio.sleep(max(0.0, started + number / _PER_SECOND - time.monotonic()))
    for name in there:
        await world.delete(name)
    return number


async def _change(world: World, number: int) -> None:
    await world.change(f"r{number}", rules(also=f"/{world.fresh()}"))
