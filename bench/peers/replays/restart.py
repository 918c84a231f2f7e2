"""Everything killed, and the control plane killed alone: until requests, and new routes, are served again."""

import time
from typing import Any

from bench.peers.ask import Answer, Asker
from bench.peers.manifests import host, route
from bench.peers.world import PATIENCE_SECONDS, World, until
from bench.tools.worlds import summary

_ROUNDS = 3


async def measure(world: World) -> dict[str, Any]:
    """A few times each. Killed is SIGKILL and the pod removed: its Deployment makes another one."""
    both, alone, back = [], [], []
    for _ in range(_ROUNDS):
        both.append(await _both(world))
        await world.quiet()
        took, after = await _alone(world)
        alone.append(took)
        back.append(after)
        await world.quiet()
    return {
        "both_killed_to_200_s": summary(both),
        "killed_to_new_route_s": summary(alone),
        "ready_to_new_route_s": summary(back),
    }


async def _both(world: World) -> float:
    """Seconds from the kill to the first 200 of the last route, which only a new proxy can answer."""
    started = time.perf_counter()
    await world.kill(proxies=True)
    async with Asker(world.address) as asker:
        served, _ = await asker.until(Answer(200), host(f"r{world.there - 1}"), patience=PATIENCE_SECONDS)
    return served - started


async def _alone(world: World) -> tuple[float, float]:
    """Seconds until a route serves that is created while there is no control plane: since the kill, and since the new
    control plane's pod is ready."""
    started = time.perf_counter()
    await world.kill()
    name = world.fresh()
    await world.create(route(name))
    ready = await until(world.ready, "the control plane does not come back")
    async with Asker(world.address) as asker:
        served, _ = await asker.until(Answer(200), host(name), patience=PATIENCE_SECONDS)
    await world.delete(name)
    return served - started, served - ready
