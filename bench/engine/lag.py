"""How long a first build of many routes keeps everything else waiting on the event loop: streams, health, the lease.

The same build is measured twice: in one go, as a control plane without slices would do it, and as this one does it.
"""

import asyncio
import time
from collections.abc import Iterable
from typing import Any, Self

from bench.engine.objects import Objects, nobody, world
from daemun.plane.plane import ControlPlane

SIZES = (10_000, 50_000)
_LOOK = 0.001
"""Seconds between two looks at how late it is."""


def measure() -> dict[str, Any]:
    """Seconds to build, and how late the event loop was meanwhile, in milliseconds."""
    results: dict[str, Any] = {}
    for size in SIZES:
        objects = world(size)
        for how, rests in (("in one go", False), ("in slices", True)):
            found = asyncio.run(_build(objects, rests))
            late = found["late_ms"]
            results.setdefault(str(size), {})[how] = found
            print(
                f"{size:>6} routes {how}: {found['build_s']:.2f} s; the loop was late by {late['p50']:.1f} ms (p50), "
                f"{late['p99']:.1f} ms (p99), {late['max']:.1f} ms at most",
                flush=True,
            )
    return results


async def _build(objects: Objects, rests: bool) -> dict[str, Any]:
    done = asyncio.Event()
    plane = ControlPlane(None, nobody, done.set)
    if not rests:
        plane.translation.graph.enough = None
    running = asyncio.create_task(plane.run())
    began = time.perf_counter()
    async with Lateness() as late:
        plane.take(objects)
        await done.wait()
    seconds = time.perf_counter() - began
    running.cancel()
    return {"build_s": round(seconds, 3), "late_ms": late.summary()}


class Lateness:
    """Looks again and again how late the event loop is, during the block."""

    def __init__(self) -> None:
        self._late: list[float] = []
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._look())
        await asyncio.sleep(_LOOK * 5)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.sleep(_LOOK * 5)
        assert self._task is not None
        self._task.cancel()

    async def _look(self) -> None:
        while True:
            due = time.perf_counter() + _LOOK
            await asyncio.sleep(_LOOK)
            self._late.append((time.perf_counter() - due) * 1000)

    def summary(self) -> dict[str, float]:
        """In milliseconds, by time and not by look: there is one look in a long wait, and much comes in it."""
        found = sorted(self._late)
        total = sum(one + _LOOK * 1000 for one in found)
        return {
            "p50": round(_by_time(found, total * 0.5), 2),
            "p99": round(_by_time(found, total * 0.99), 2),
            "max": round(found[-1], 2),
        }


def _by_time(late: Iterable[float], until: float) -> float:
    """The lateness below which the loop was for so much of the time."""
    passed = 0.0
    for one in late:
        passed += one + _LOOK * 1000
        if passed >= until:
            return one
    return 0.0
