"""The engine alone: what one changed route costs, by the number of routes. No files, no network.

Times are those of the processor, so that they are true on a busy machine too. Python's collector of garbage works as it
does in the control plane (`daemun.plane.plane`).
"""

import gc
import time
from typing import Any

from bench.engine.objects import SERVICES, typed, world
from bench.tools.worlds import route, service, summary
from daemun.base.names import Ref
from daemun.process.garbage import THRESHOLDS, building
from daemun.translate import Translation

SIZES = (100, 1_000, 10_000, 50_000)
_CHANGES = 300


def measure() -> dict[str, Any]:
    """Time to build, and per change of one route, endpoint list and nothing, at each size."""
    results: dict[str, Any] = {}
    for size in SIZES:
        results[str(size)] = found = _at(size)
        print(
            f"{size:>6} routes: build {found['build_s']:.2f} s, route change p50 {found['route_us']['p50']:.0f} µs "
            f"({found['rules_per_route_change']:.1f} rules), endpoint change {found['endpoint_us']['p50']:.0f} µs, "
            f"no change {found['same_us']['p50']:.0f} µs",
            flush=True,
        )
    smallest, largest = str(SIZES[0]), str(SIZES[-1])
    ratio = results[largest]["route_us"]["p50"] / results[smallest]["route_us"]["p50"]
    results["ratio_largest_to_smallest"] = round(ratio, 2)
    print(f"a route change at {largest} routes costs {ratio:.2f} times what it costs at {smallest}")
    return results


def _at(size: int) -> dict[str, Any]:
    objects = world(size)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    translation = Translation()
    started = time.process_time()
    with building():
        translation.apply(objects)
    build = time.process_time() - started
    target = size // 2
    calls = translation.graph.calls
    routes = timed(translation, [typed(route(target, f"/{i}", SERVICES)) for i in range(_CHANGES)])
    calls = translation.graph.calls - calls
    same = timed(translation, [typed(route(target, f"/{_CHANGES - 1}", SERVICES)) for _ in range(_CHANGES)])
    endpoints = timed(translation, [typed(service(target % SERVICES, 9001 + i)[1]) for i in range(_CHANGES)])
    assert not translation.graph.failures
    gc.unfreeze()
    return {
        "build_s": round(build, 3),
        "route_us": summary(routes),
        "same_us": summary(same),
        "endpoint_us": summary(endpoints),
        "rules_per_route_change": calls / _CHANGES,
    }


def timed(translation: Translation, changes: list[tuple[Ref, object]]) -> list[float]:
    """Microseconds of the processor for each change."""
    times = []
    for change in changes:
        started = time.process_time()
        translation.apply([change])
        times.append((time.process_time() - started) * 1e6)
    return times
