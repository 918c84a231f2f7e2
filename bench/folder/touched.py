"""One of 40,000 routes in a folder is touched: what is sent to Envoy, and what it costs, against one of 400."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

from bench.tools.poller import until_200
from bench.tools.program import daemun
from bench.tools.usage import usage
from bench.tools.worlds import put, route, stage, summary, text, world
from daemun.provision import admin
from daemun.provision.bootstrap import XDS_CLUSTER

SIZES = tuple(int(size) for size in os.environ.get("BENCH_TOUCHED", "400,4000,40000").split(","))
_ROUNDS = 30
_SERVICES = 500
_IN_A_FILE = 10
"""A folder may have 20,000 files."""
_RECEIVED = f"/stats?filter=^cluster\\.{XDS_CLUSTER}\\.upstream_cx_rx_bytes_total"


def measure() -> dict[str, Any]:
    """At each size."""
    found = {}
    for size in SIZES:
        found[str(size)] = asyncio.run(_at(size))
        print(size, found[str(size)], flush=True)
    return found


async def _at(size: int) -> dict[str, Any]:
    async with stage() as (base, folder, port, behind):
        services = min(size, _SERVICES)
        world(folder, 0, port, behind, services)
        texts = [text(route(number, services=services)) for number in range(size)]
        for first in range(0, size, _IN_A_FILE):
            put(folder / f"routes-{first}.yaml", "".join(texts[first : first + _IN_A_FILE]))
        started = time.perf_counter()
        with daemun(base, folder) as process:
            await until_200(port, f"h{size - 1}.example.com", "/", pause=0.05, patience=300)
            ready = time.perf_counter() - started
            await _rest(process.pid)
            socket = _admin(base)
            sent, cpu = await _received(socket), usage([process.pid]).cpu_s
            times = []
            for number in range(_ROUNDS):
                target = number * 37 % size
                path = f"/round-{number}"
                first = target - target % _IN_A_FILE
                texts[target] = text(route(target, path, services))
                content = "".join(texts[first : first + _IN_A_FILE])
                begun = time.perf_counter()
                put(folder / f"routes-{first}.yaml", content)
                host = f"h{target}.example.com"
                times.append((await until_200(port, host, path, pause=0.002) - begun) * 1e3)
                await asyncio.sleep(0.2)  # what it does afterwards, such as remembering the last good manifest
            after = usage([process.pid])
            sent = await _received(socket) - sent
    return {
        "ready_s": round(ready, 2),
        "file_to_200_ms": summary(times),
        "bytes_per_change": round(sent / _ROUNDS),
        "cpu_ms_per_change": round((after.cpu_s - cpu) * 1e3 / _ROUNDS, 1),
        "rss_mib": after.rss_mib,
    }


async def _rest(pid: int) -> None:
    """Wait until the process does next to nothing for a second."""
    used = 1.0
    while used > 0.05:
        before = usage([pid]).cpu_s
        await asyncio.sleep(1)
        used = usage([pid]).cpu_s - before


def _admin(base: Path) -> str:
    return str(next(base.rglob("admin.sock")))


async def _received(socket: str) -> int:
    """The bytes that Envoy was sent by its xDS server so far."""
    lines = (await admin.request(socket, _RECEIVED)).decode().split("\n")
    return sum(int(line.rpartition(" ")[2]) for line in lines if line)
