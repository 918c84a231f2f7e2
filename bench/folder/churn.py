"""Routes that come and go, thousands at a time: does the memory of control plane and proxy come back?

How long is told by DAEMUN_CHURN_SECONDS (a minute if not), how many routes by DAEMUN_CHURN_ROUTES (2,000).
"""

import asyncio
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.tools.poller import status, until_200
from bench.tools.program import daemun
from bench.tools.slope import slope
from bench.tools.usage import usage
from bench.tools.worlds import gateway, route, service, stage, write

_FILES = 10
_WARM = 3
"""Rounds in which everything gets the memory that it works with."""


def measure() -> dict[str, Any]:
    """Memory after each round in which all routes were gone, and by how much it grows in an hour."""
    return asyncio.run(_measure())


async def _measure() -> dict[str, Any]:
    seconds = float(os.environ.get("DAEMUN_CHURN_SECONDS", "60"))
    routes = int(os.environ.get("DAEMUN_CHURN_ROUTES", "2000"))
    async with stage() as (base, folder, port, behind):
        write(folder / "gateway.yaml", gateway(port), *service(0, behind), route(0))
        with daemun(base, folder) as process:
            await until_200(port, "h0.example.com", "/", pause=0.01)
            pids = {"daemun": process.pid, "envoy": _envoy(process.pid, base)}
            began = time.monotonic()
            rounds: list[dict[str, float]] = []
            while time.monotonic() - began < seconds or len(rounds) < _WARM + 3:
                await _come_and_go(folder, port, routes, len(rounds))
                sizes = {name: usage([pid]).rss_mib for name, pid in pids.items()}
                rounds.append({"at_s": round(time.monotonic() - began, 1), **sizes})
    found: dict[str, Any] = {"routes": routes, "rounds": rounds}
    for name in pids:
        points = memory(found, name)
        grows = slope(points)
        found[name] = {"first_mb": points[0][1], "last_mb": points[-1][1], **grows._asdict()}
        print(
            f"{name}: {points[0][1]} MiB after {_WARM} rounds of {routes} routes, {points[-1][1]} MiB after "
            f"{len(rounds)}; {grows} MiB an hour",
            flush=True,
        )
    return found


async def _come_and_go(folder: Path, port: int, routes: int, turn: int) -> None:
    """All of them are served, and then none."""
    each = routes // _FILES
    for file in range(_FILES):
        numbers = range(1 + file * each, 1 + (file + 1) * each)
        write(folder / f"many-{file}.yaml", *(route(number, f"/{turn}") for number in numbers))
    await until_200(port, f"h{_FILES * each}.example.com", f"/{turn}", pause=0.01)
    for file in range(_FILES):
        (folder / f"many-{file}.yaml").unlink()
    for number in (1, _FILES * each):
        while await status(port, f"h{number}.example.com", f"/{turn}") == 200:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.5)  # the rest of the round, such as forgetting the last good manifests


def _envoy(daemun: int, base: Path) -> int:
    """The Envoy of this run: it is told by its run directory."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != daemun:
            try:
                command = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if command[0].endswith(b"envoy") and any(str(base).encode() in word for word in command):
                return int(entry.name)
    raise RuntimeError("there is no Envoy")


def memory(found: Mapping[str, Any], name: str) -> list[tuple[float, float]]:
    """The seconds, and the MiB of a process then, after each round but the first few."""
    return [(one["at_s"], one[name]) for one in found["rounds"][_WARM:]]
