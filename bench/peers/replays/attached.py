"""A thousand routes at once: until attachedRoutes is right, and how often the Gateway's status was written for it."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from typing import Any

from bench.peers.manifests import route
from bench.peers.world import World, each, until
from bench.tools.worlds import GATEWAY
from daemun.kube.paths import within

_AT_ONCE = int(os.environ.get("BENCH_AT_ONCE", "1000"))


async def measure(world: World) -> dict[str, Any]:
    """Created as fast as the API server takes them, then deleted in the same way."""
    names = [world.fresh() for _ in range(_AT_ONCE)]
    before = await _attached(world)
    async with _writes(world) as writes:
        started = time.perf_counter()
        await each(names, lambda name: world.create(route(name)))
        created = time.perf_counter()
        right = await _right(world, before + _AT_ONCE)
        await world.quiet()
        written = len(writes)
        deleting = time.perf_counter()
        await each(names, world.delete)
        deleted = time.perf_counter()
        right_again = await _right(world, before)
    return {
        "routes": _AT_ONCE,
        "created_s": round(created - started, 2),
        "right_s": round(right - started, 2),
        "right_after_last_s": round(right - created, 2),
        "gateway_writes": written,
        "deleted_s": round(deleted - deleting, 2),
        "right_after_last_delete_s": round(right_again - deleted, 2),
    }


async def _right(world: World, count: int) -> float:
    async def right() -> bool:
        return await _attached(world) == count

    return await until(right, "attachedRoutes is not right")


async def _attached(world: World) -> int:
    return int((await world.gateway())["status"]["listeners"][0]["attachedRoutes"])


@contextlib.asynccontextmanager
async def _writes(world: World) -> AsyncIterator[list[bytes]]:
    """The changes of the Gateway while the block runs."""
    group, version = GATEWAY.split("/")
    path = within(group, version, "gateways", world.namespace)
    since = (await world.gateway())["metadata"]["resourceVersion"]
    params = {"watch": "true", "fieldSelector": "metadata.name=gate", "resourceVersion": since}
    events: list[bytes] = []

    async def follow() -> None:
        async with world.client.stream(path, params, idle=900) as chunks:
            async for chunk in chunks:
                events.extend(chunk.count(b'"type":"MODIFIED"') * [b"MODIFIED"])

    task = asyncio.create_task(follow())
    try:
        yield events
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
