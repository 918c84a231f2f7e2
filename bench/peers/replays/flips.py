"""A route goes to another port of its backend and back, under a tight loop of requests: every answer but 200 counts."""

import os
import time
from typing import Any

from bench.peers.ask import Answer, Asker
from bench.peers.loop import looping
from bench.peers.manifests import flipped, host, route, rules
from bench.peers.world import World
from bench.tools.worlds import summary

_FLIPS = int(os.environ.get("BENCH_FLIPS", "10000"))
_SECONDS = float(os.environ.get("BENCH_FLIP_SECONDS", "180"))


async def measure(world: World) -> dict[str, Any]:
    """A flip follows as soon as the one before is seen; at most so many, for at most so many seconds."""
    name = world.fresh()
    times: list[float] = []
    never = 0
    async with Asker(world.address) as asker:
        await world.create(route(name))
        await asker.until(Answer(200), host(name))
        async with looping(world.address, host(name)) as tally:
            ends = time.monotonic() + _SECONDS
            while len(times) + never < _FLIPS and time.monotonic() < ends:
                there = (len(times) + never) % 2 == 0
                wanted = Answer(200, "a-alternative" if there else "a")
                started = time.perf_counter()
                await world.change(name, flipped() if there else rules())
                seen, _ = await asker.until(wanted, host(name), patience=20)
                if seen < float("inf"):
                    times.append((seen - started) * 1e3)
                else:
                    never += 1
    await world.delete(name)
    return {
        "flips": len(times) + never,
        "not_in_20_s": never,
        "seen_ms": summary(times) if times else None,
        "requests": tally.requests,
        "failed": tally.failed,
        "statuses": tally.statuses,
    }
