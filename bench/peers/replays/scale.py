"""What standing by costs, and what one change costs, by the number of routes."""

import asyncio
import os
import time
from typing import Any

from bench.peers.manifests import rules
from bench.peers.world import World

_IDLE_SECONDS = float(os.environ.get("BENCH_IDLE_SECONDS", "15"))
_CHANGES = int(os.environ.get("BENCH_CHANGES", "30"))


async def measure(world: World) -> dict[str, Any]:
    """Seconds of processors while nothing happens; then with a change a second, until it rests again; and memory.

    A change's are less what it takes idle, of proxies too: half of what one takes in a second with a change is that.
    """
    before, proxy = await world.control_plane(), await world.proxy()
    await asyncio.sleep(_IDLE_SECONDS)
    after, proxy_after = await world.control_plane(), await world.proxy()
    idle, proxy_idle = after.cpu_s - before.cpu_s, proxy_after.cpu_s - proxy.cpu_s
    before, proxy = after, proxy_after
    started = time.monotonic()
    for number in range(_CHANGES):
        await world.change(f"r{number * 37 % world.there}", rules(also=f"/{world.fresh()}"))
        await asyncio.sleep(max(0.0, started + number + 1 - time.monotonic()))
    rested = await world.quiet()
    after, proxy_after = await world.control_plane(), await world.proxy()
    seconds = time.monotonic() - started
    used = after.cpu_s - before.cpu_s - idle / _IDLE_SECONDS * seconds
    proxy_used = proxy_after.cpu_s - proxy.cpu_s - proxy_idle / _IDLE_SECONDS * seconds
    return {
        "idle_cpu_percent": round(100 * idle / _IDLE_SECONDS, 2),
        "changes": _CHANGES,
        "cpu_ms_per_change": round(1e3 * max(used, 0.0) / _CHANGES, 1),
        "busy_percent": round(100 * (after.cpu_s - before.cpu_s) / seconds, 1),
        "rested": rested,
        "control_plane_mib": after.rss_mib,
        "proxy_idle_cpu_percent": round(100 * proxy_idle / _IDLE_SECONDS, 2),
        "proxy_cpu_ms_per_change": round(1e3 * max(proxy_used, 0.0) / _CHANGES, 1),
        "proxy_mib": proxy_after.rss_mib,
    }
