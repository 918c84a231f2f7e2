"""Requests a second through the gateway and straight to the backend, in turn, by a closed-loop client: wrk."""

import asyncio
import os
import re
import shutil
from statistics import median
from typing import Any, NamedTuple

from bench.peers.ask import Answer, Asker
from bench.peers.manifests import BACKEND_PORT, host, route
from bench.peers.world import World

_CONNECTIONS = 16
_SECONDS = int(os.environ.get("BENCH_TRAFFIC_SECONDS", "2"))
_ROUNDS = int(os.environ.get("BENCH_TRAFFIC_ROUNDS", "15"))
_FIGURES = re.compile(r"Requests/sec:\s+([0-9.]+)")
_FAULTS = re.compile(r"Non-2xx or 3xx responses: ([0-9]+)|Socket errors: (.*)")
_LATENCY = re.compile(r"\s(50|99)%\s+([0-9.]+)(us|ms|s)")
_UNIT = {"us": 1e-3, "ms": 1.0, "s": 1e3}


async def measure(worlds: list[World]) -> dict[str, dict[str, Any]]:
    """The ratio counts: client, proxy and backend share the cores. All peers take turns with the way straight."""
    if shutil.which("wrk") is None:
        raise FileNotFoundError("the load generator is missing: apt-get install wrk")
    routes = {world.peer.name: world.fresh() for world in worlds}
    runs: dict[str, list[_Run]] = {name: [] for name in routes}
    for world in worlds:
        name = routes[world.peer.name]
        await world.create(route(name))
        async with Asker(world.address) as asker:
            await asker.until(Answer(200), host(name))
    for _ in range(_ROUNDS):
        for world in worlds:
            own = host(routes[world.peer.name])
            pods = await world.pods(world.namespace, "service=a")
            straight = await _load(f"{pods[0]['status']['podIP']}:{BACKEND_PORT}", own)
            through = await _load(world.address, own)
            runs[world.peer.name].append(_Run(straight, through))
    return {name: _figures(found) for name, found in runs.items()}


class _Run(NamedTuple):
    """What wrk found, one after the other."""

    straight: dict[str, Any]
    through: dict[str, Any]


def _figures(runs: list[_Run]) -> dict[str, Any]:
    return {
        "connections": _CONNECTIONS,
        "rounds": len(runs),
        "through_rps": round(median(run.through["rps"] for run in runs)),
        "straight_rps": round(median(run.straight["rps"] for run in runs)),
        "ratio": round(median(run.through["rps"] / run.straight["rps"] for run in runs), 3),
        "ratios": [round(run.through["rps"] / run.straight["rps"], 3) for run in runs],
        "through_p50_ms": round(median(run.through["50"] for run in runs), 2),
        "through_p99_ms": round(median(run.through["99"] for run in runs), 2),
        "faults": [fault for run in runs for fault in run.through["faults"]],
    }


async def _load(where: str, host_name: str) -> dict[str, Any]:
    threads = ["-t1", f"-c{_CONNECTIONS}", f"-d{_SECONDS}s", "--latency"]
    command = ["wrk", *threads, "-H", f"Host: {host_name}", f"http://{where}/"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    text = (await process.communicate())[0].decode()
    figures = _FIGURES.search(text)
    assert figures, text
    latency = {percent: float(number) * _UNIT[unit] for percent, number, unit in _LATENCY.findall(text)}
    return {"rps": float(figures[1]), **latency, "faults": [one[0] for one in _FAULTS.finditer(text)]}
