"""A changed route until its first 200, by what the routes are told apart by and how many there are.

One route among N: with a host each, with a wildcard each, with a path each on one host or on any host (all paths begin
with another element; and, as the worst, all with the same).
"""

import asyncio
import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from bench.tools.poller import until_200
from bench.tools.worlds import Document, gateway, put, route, service, stage, summary, text, write
from daemun.gatewayapi.settings import Settings
from daemun.programs.app import App

SIZES = tuple(int(size) for size in os.environ.get("BENCH_SHAPES", "100,1000,10000").split(","))
_ROUNDS = 40
_FILE = 500
"""Routes in a file: few enough that reading it anew is not what is measured, and not 10,000 files."""


class Shape(NamedTuple):
    """The hostname of the nth route (empty for any), the host it is asked by, and its path in a round."""

    hostname: Callable[[int], str]
    host: Callable[[int], str]
    path: Callable[[int, int], str]


SHAPES = {
    "exact hosts": Shape(lambda n: f"h{n}.example.com", lambda n: f"h{n}.example.com", lambda _, r: f"/r{r}"),
    "wildcard hosts": Shape(lambda n: f"*.h{n}.example.com", lambda n: f"x.h{n}.example.com", lambda _, r: f"/r{r}"),
    "paths of a host": Shape(lambda _: "h.example.com", lambda _: "h.example.com", lambda n, r: f"/p{n}/r{r}"),
    "paths of any host": Shape(lambda _: "", lambda _: "any.example.com", lambda n, r: f"/p{n}/r{r}"),
    "paths that begin alike": Shape(
        lambda _: "h.example.com", lambda _: "h.example.com", lambda n, r: f"/v1/p{n}/r{r}"
    ),
}


def measure() -> dict[str, Any]:
    """Each shape at each size."""
    found: dict[str, Any] = {}
    for name, shape in SHAPES.items():
        found[name] = {str(size): asyncio.run(_at(shape, size)) for size in SIZES}
        print(name, {size: (one["p50"], one["p90"]) for size, one in found[name].items()}, flush=True)
    return found


async def _at(shape: Shape, size: int) -> dict[str, float]:
    async with stage() as (base, folder, port, behind):
        write(folder / "gateway.yaml", gateway(port), *service(0, behind))
        for first in range(1, size, _FILE):
            many = range(first, min(first + _FILE, size))
            put(folder / f"routes-{first}.yaml", text(*(_route(shape, number, 0) for number in many)))
        put(folder / "changed.yaml", text(_route(shape, 0, 0)))
        app = App([folder], lambda _: None, Settings(), run_dir=base / "r", state_dir=base / "s")
        serving = asyncio.create_task(app.run())
        await app.synced.wait()
        times = []
        for number in range(1, _ROUNDS + 1):
            content = text(_route(shape, 0, number))
            started = time.perf_counter()
            put(folder / "changed.yaml", content)
            times.append((await until_200(port, shape.host(0), shape.path(0, number)) - started) * 1e3)
            await asyncio.sleep(0.05)
        serving.cancel()
        await asyncio.wait([serving])
    return summary(times)


def _route(shape: Shape, number: int, round_: int) -> Document:
    document = route(number, shape.path(number, round_))
    hostname = shape.hostname(number)
    document["spec"] |= {"hostnames": [hostname] if hostname else []}
    return document
