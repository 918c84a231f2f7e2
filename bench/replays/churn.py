"""Memory while routes come, change and go for a long time: does it grow?"""

import asyncio
import os
import time
from typing import Any

from bench.peers.manifests import route, rules
from bench.peers.world import World

_MINUTES = float(os.environ.get("BENCH_CHURN_MINUTES", "60"))
_PER_SECOND = 5
_SAMPLE_SECONDS = 10
_KEPT = 50


async def measure(world: World) -> dict[str, Any]:
    """MiB an hour, fitted to the second half: the first is for caches and allocators to settle."""
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
    half = samples[len(samples) // 2 :]
    return {
        "minutes": _MINUTES,
        "changes": count,
        "control_plane_mib_per_hour": _slope([(at, plane) for at, plane, _ in half]),
        "proxy_mib_per_hour": _slope([(at, proxy) for at, _, proxy in half]),
        "samples": samples[:: max(1, len(samples) // 60)],
    }


async def _churn(world: World, stop: asyncio.Event) -> int:
    """One of three: a route comes, one changes, one goes. Some dozen are there at any time."""
    started, number, there = time.monotonic(), 0, list[str]()
    while not stop.is_set():
        number += 1
        if number % 3 == 0 and len(there) > _KEPT:
            await world.delete(there.pop(0))
        elif number % 3 == 1:
            there.append(world.fresh())
            await world.create(route(there[-1]))
        else:
            await world.change(f"r{number * 37 % world.there}", rules(also=f"/{world.fresh()}"))
        await asyncio.sleep(max(0.0, started + number / _PER_SECOND - time.monotonic()))
    for name in there:
        await world.delete(name)
    return number


def _slope(points: list[tuple[float, float]]) -> float:
    """Least squares, per hour."""
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    over = sum((x - middle_x) * (y - middle_y) for x, y in points)
    under = sum((x - middle_x) ** 2 for x, _ in points)
    return round(over / under * 3600, 2) if under else 0.0
