"""A backend of three answers 503 for a while, and then another one is gone: what clients see of it."""

import asyncio
from typing import Any

from bench.peers.ask import Answer, Asker
from bench.peers.loop import Tally, looping
from bench.peers.manifests import ADMIN_PORT, backend, host, route, service
from bench.peers.world import World, until

_PODS = ("c0", "c1", "c2")
_ROUTES = 10
_PHASE_SECONDS = 10.0


async def measure(world: World) -> dict[str, Any]:
    """Without any policy or retry, and with many routes to the same Service."""
    await world.post("", "services", service("c"))
    for name in _PODS:
        await world.post("", "pods", backend(name, "c"))
    names = [world.fresh() for _ in range(_ROUTES)]
    for name in names:
        await world.create(route(name, "c"))
    hosts = [host(name) for name in names]
    async with Asker(world.address) as asker:
        for one in hosts:
            await asker.until(Answer(200), one)

    async def all_serve() -> bool:
        async with looping(world.address, *hosts) as tally:
            await asyncio.sleep(0.5)
        return {f"200 {name}" for name in _PODS} == set(tally.by_backend)

    await until(all_serve, "not all backends serve")
    pods = {pod["metadata"]["name"]: pod for pod in await world.pods(world.namespace, "service=c")}
    async with looping(world.address, *hosts) as healthy:
        await asyncio.sleep(_PHASE_SECONDS / 2)
    await _break(pods["c0"]["status"]["podIP"], 100)
    async with looping(world.address, *hosts) as broken:
        await asyncio.sleep(_PHASE_SECONDS)
    await _break(pods["c0"]["status"]["podIP"], 0)
    async with looping(world.address, *hosts) as mended:
        await asyncio.sleep(_PHASE_SECONDS)
    async with looping(world.address, *hosts) as gone:
        await asyncio.sleep(1)
        await world.delete("c1", "", "pods")
        await asyncio.sleep(_PHASE_SECONDS)
    for name in names:
        await world.delete(name)
    return {
        "requests": {name: tally.requests for name, tally in _named(healthy, broken, mended, gone)},
        "failed": {name: tally.failed for name, tally in _named(healthy, broken, mended, gone)},
        "share_of_mended_c0": round(mended.by_backend.get("200 c0", 0) / max(1, mended.requests), 3),
    }


def _named(*tallies: Tally) -> list[tuple[str, Tally]]:
    return list(zip(("healthy", "one_of_three_broken", "mended", "one_gone"), tallies, strict=True))


async def _break(address: str, percent: int) -> None:
    """Tell a backend what share of its answers shall be 503."""
    reader, writer = await asyncio.open_connection(address, ADMIN_PORT)
    path = f"/runtime_modify?broken={percent}"
    writer.write(f"POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    assert b" 200 " in answer.partition(b"\r\n")[0], answer
