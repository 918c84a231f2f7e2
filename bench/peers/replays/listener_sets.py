"""Many ListenerSets with an HTTPS listener each, and routes of their own: all at once, and then one more."""

import asyncio
import base64
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
from tests.cluster.pki import Authority

from bench.peers.ask import Answer, Asker
from bench.peers.manifests import host, listener_set, route
from bench.peers.world import PATIENCE_SECONDS, World, each, until
from bench.tools.worlds import GATEWAY, Document, summary
from daemun.kube.paths import within

_SETS = int(os.environ.get("BENCH_LISTENER_SETS", "50"))
_ROUTES = 16
_ROUNDS = 10
_GROUP, _VERSION = GATEWAY.split("/")
_PLURAL = "listenersets"


async def measure(world: World) -> dict[str, Any]:
    """Hosts answer over TLS; each set has the same certificate."""
    await world.post("", "secrets", _certificate())
    before, proxy = await world.control_plane(), await world.proxy()
    sets = [f"set{number}" for number in range(_SETS)]
    started = time.perf_counter()
    await each(sets, lambda name: _create(world, name, _ROUTES))
    created = time.perf_counter()
    served = await _served(world, sets[-1])

    async def right() -> bool:
        return await _attached(world) == [_ROUTES] * _SETS

    all_right = await until(right, "attachedRoutes of the ListenerSets are not right", pause=0.1)
    await world.quiet()
    after, proxy_after = await world.control_plane(), await world.proxy()
    times = [await _one_more(world) for _ in range(_ROUNDS)]
    await each(sets, lambda name: _delete(world, name, _ROUTES))
    in_time = [one * 1e3 for one in times if one < float("inf")]
    return {
        "sets": _SETS,
        "routes": _SETS * _ROUTES,
        "created_s": round(created - started, 2),
        "last_serves_after_created_s": round(max(0.0, served - created), 2),
        "attached_right_after_created_s": round(max(0.0, all_right - created), 2),
        "cpu_s": round(after.cpu_s - before.cpu_s, 2),
        "proxy_cpu_s": round(proxy_after.cpu_s - proxy.cpu_s, 2),
        "control_plane_mib": after.rss_mib,
        "proxy_mib": proxy_after.rss_mib,
        "one_more_ms": summary(in_time) if in_time else None,
        "one_more_never": _ROUNDS - len(in_time),
    }


async def _one_more(world: World) -> float:
    """Seconds from a new ListenerSet with one route to its first 200."""
    name = world.fresh()
    started = time.perf_counter()
    await _create(world, name, 1)
    served = await _served(world, name)
    await _delete(world, name, 1)
    return served - started


async def _served(world: World, name: str) -> float:
    async with Asker(world.address, 443, tls=host(name)) as asker:
        served, _ = await asker.until(Answer(200), host(name), "/0", patience=PATIENCE_SECONDS)
    return served


async def _create(world: World, name: str, routes: int) -> None:
    await world.post(_GROUP, _PLURAL, listener_set(name))
    for number in range(routes):
        document = route(f"{name}-{number}", path=f"/{number}", hostname=host(name), listener_set=name)
        await world.create(document)


async def _delete(world: World, name: str, routes: int) -> None:
    await asyncio.gather(*(world.delete(f"{name}-{number}") for number in range(routes)))
    await world.delete(name, _GROUP, _PLURAL)


async def _attached(world: World) -> list[int]:
    found: list[Document] = msgspec.json.decode(
        await world.client.get(within(_GROUP, _VERSION, _PLURAL, world.namespace))
    )["items"]
    listeners = [one.get("status", {}).get("listeners") or [{}] for one in found]
    return [listener[0].get("attachedRoutes", 0) for listener in listeners]


def _certificate() -> Document:
    with tempfile.TemporaryDirectory(prefix="daemun-bench-") as scratch:
        pair = Authority(Path(scratch)).issue("all", "bench", hosts=("*.example.com",))
        files = {"tls.crt": pair.certificate.read_bytes(), "tls.key": pair.key.read_bytes()}
    data = {name: base64.b64encode(content).decode() for name, content in files.items()}
    return {"metadata": {"name": "certificate"}, "type": "kubernetes.io/tls", "data": data}
