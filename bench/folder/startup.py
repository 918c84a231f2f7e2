"""The program as a whole: until --help, until serving, and the memory it takes."""

import asyncio
import json
import subprocess
import time
from typing import Any

from bench.tools.poller import until_200
from bench.tools.program import DAEMUN, daemun
from bench.tools.usage import usage
from bench.tools.worlds import stage, summary, world


def measure() -> dict[str, Any]:
    """--help, start to serving with 1,000 routes, memory with 10,000."""
    helps = [_help() for _ in range(7)]
    starts = [_serve(1_000) for _ in range(3)]
    large = _serve(10_000)
    found = {
        "help_s": summary(helps),
        "start_1000_s": summary([one["start_s"] for one in starts]),
        "rss_1000_mb": starts[-1]["rss_mb"],
        "start_10000_s": large["start_s"],
        "rss_10000_mb": large["rss_mb"],
    }
    print(json.dumps(found, indent=2))
    return found


def _help() -> float:
    started = time.perf_counter()
    subprocess.run([*DAEMUN, "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def _serve(routes: int) -> dict[str, float]:
    return asyncio.run(_served(routes))


async def _served(routes: int) -> dict[str, float]:
    async with stage() as (base, folder, port, behind):
        world(folder, routes, port, behind, services=min(routes, 500))
        started = time.perf_counter()
        with daemun(base, folder) as process:
            # Asking more often would take the processors from what is measured.
            first = await until_200(port, f"h{routes - 1}.example.com", "/", pause=0.01)
            await asyncio.sleep(1)  # the rest of the start-up, such as remembering the last good manifests
            rss = usage([process.pid]).rss_mib
    return {"start_s": round(first - started, 3), "rss_mb": rss}
