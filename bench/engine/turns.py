"""How long a tenant's change waits in the control plane while another tenant's many routes are taken in.

It is measured twice: with turns, as in a cluster, and in one step, as a file is taken in that somebody has saved.
"""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

from bench.engine.objects import nobody, typed
from bench.tools.worlds import Document, gateway, route, service
from daemun.plane.plane import ControlPlane

SIZES = (10_000, 50_000)
_FLOODED, _OTHER = "red", "blue"
_PORTS = {_FLOODED: 8081, _OTHER: 8082}
_LOOK = 0.001


def measure() -> dict[str, Any]:
    """Seconds until all of it is taken in, and milliseconds that the other's changes took meanwhile."""
    results: dict[str, Any] = {}
    for size in SIZES:
        for how, fair in (("in one step", False), ("in turns", True)):
            found = asyncio.run(_flood(size, fair))
            results.setdefault(str(size), {})[how] = found
            print(
                f"{size:>6} routes {how}: {found['all_s']:.1f} s; another tenant's change after "
                f"{found['p50_ms']:.0f} ms (p50), {found['max_ms']:.0f} ms at most, of {found['changes']}",
                flush=True,
            )
    return results


async def _flood(size: int, fair: bool) -> dict[str, Any]:
    plane = ControlPlane(None, nobody, lambda: None, fair=fair)
    running = asyncio.create_task(plane.run())
    plane.take(typed(one) for name in _PORTS for one in _tenant(name))
    many = [typed(_of(_FLOODED, route(number))) for number in range(size)]
    while not plane.settled:  # noqa: ASYNC110 - nothing tells it
        await asyncio.sleep(_LOOK)
    began = time.perf_counter()
    plane.take(many)
    waited = []
    while not plane.settled:
        asked = time.perf_counter()
        ref, value = typed(_of(_OTHER, route(0, path=f"/{len(waited)}")))
        before = plane.translation.routes.get(ref)
        plane.take([(ref, value)])
        while plane.translation.routes.get(ref) == before:  # noqa: ASYNC110 - nothing tells it
            await asyncio.sleep(_LOOK)
        waited.append((time.perf_counter() - asked) * 1000)
    seconds = time.perf_counter() - began
    running.cancel()
    waited.sort()
    return {
        "all_s": round(seconds, 2),
        "p50_ms": round(waited[len(waited) // 2], 1),
        "max_ms": round(waited[-1], 1),
        "changes": len(waited),
    }


def _tenant(name: str) -> Iterator[Document]:
    for one in (gateway(_PORTS[name]), *service(0, 9000)):
        yield _of(name, one)


def _of(tenant: str, document: Document) -> Document:
    return document | {"metadata": document["metadata"] | {"namespace": tenant}}
