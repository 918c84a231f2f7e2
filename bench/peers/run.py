"""All replays for all peers, in one cluster: `python -m bench peers`.

One peer after the other, the others' control planes scaled to nothing, because two control planes on the same cores
would measure each other. Only what is asked of proxies alone is asked of all in turn. What else the machine does shows
in the load that is kept with every figure.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from tests.cluster import daemun_image, machine, tools
from tests.cluster.cluster import INSIDE, PROGRAMS, Cluster

from bench import peers
from bench.peers.peer import Peer
from bench.peers.replays import ALL, TOGETHER, Replay
from bench.peers.world import World
from daemun.kube.client import KubeClient

SIZES = tuple(int(size) for size in os.environ.get("BENCH_SIZES", "100,3000,10000").split(","))
_CHOSEN = os.environ.get("BENCH_PEERS", ",".join(peers.ALL)).split(",")
_REPLAYS = os.environ.get("BENCH_REPLAYS", ",".join([*TOGETHER, *(one.name for one in ALL)])).split(",")
Row = dict[str, Any]


def fresh(arguments: list[str]) -> int:
    """Run `python -m bench` with these arguments in a cluster that is there only for it."""
    machine.check(install=False)
    tools.build(*PROGRAMS, *tools.PEERS)
    daemun_image.build()  # inside there is no network
    cluster = [sys.executable, "-m", "tests.cluster", "--name", f"bench_{os.getpid()}"]
    try:
        subprocess.run([*cluster, "up"], check=True)
        inside = [*cluster, "exec", "--", sys.executable, "-m", "bench", *arguments]
        return subprocess.run(inside, check=False).returncode
    finally:
        subprocess.run([*cluster, "down"], check=False)


def measure() -> dict[str, Any]:
    """A row for each replay of each peer at each size."""
    chosen = [peers.ALL[name] for name in _CHOSEN]
    cluster = Cluster(os.environ[INSIDE])
    for peer in chosen:
        print(f"installing {peer.name} {peer.version}", flush=True)
        peer.install(cluster, dict(os.environ))
    rows: list[Row] = []
    asyncio.run(_until_told(_measure(chosen, rows)))
    return {"versions": {peer.name: peer.version for peer in chosen}, "cores": os.cpu_count(), "rows": rows}


async def _until_told(work: Coroutine[Any, Any, None]) -> None:
    """Whoever ends a long run by SIGTERM keeps what was measured."""
    task = asyncio.create_task(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _measure(chosen: list[Peer], rows: list[Row]) -> None:
    async with KubeClient.connect(kubeconfig=Path(os.environ["KUBECONFIG"])) as client:
        await _together([World(client, peer) for peer in chosen], rows)
        worlds = [World(client, peer) for peer in chosen]
        for world in worlds:
            await world.scale(0)
        for world in worlds:
            await world.scale(1)
            await world.prepare()
            try:
                for place, size in enumerate(SIZES):
                    await _at(world, size, _of(place), rows)
            finally:
                await world.clean()
            await world.scale(0)


async def _together(worlds: list[World], rows: list[Row]) -> None:
    replays = {name: replay for name, replay in TOGETHER.items() if name in _REPLAYS}
    if not replays:
        return
    for world in worlds:
        await world.scale(1)
        await world.prepare()
    for name, replay in replays.items():
        load, started = os.getloadavg()[0], time.monotonic()
        try:
            found = await replay(worlds)
        except Exception as error:  # noqa: BLE001 - the same as below
            found = {world.peer.name: _failed(error) for world in worlds}
        for peer, figures in found.items():
            _keep(rows, (peer, 1, name), load, time.monotonic() - started, figures)
    for world in worlds:
        await world.clean()


async def _at(world: World, size: int, replays: list[Replay], rows: list[Row]) -> None:
    if not replays:
        return
    grown = await world.grow(size)
    print(f"{world.peer.name}: {size} routes served after {grown:.1f} s", flush=True)
    for replay in replays:
        load, started = os.getloadavg()[0], time.monotonic()
        try:
            figures = await replay.measure(world)
        except Exception as error:  # noqa: BLE001 - what one replay cannot do does not end the others
            figures = _failed(error)
        await world.quiet()
        _keep(rows, (world.peer.name, size, replay.name), load, time.monotonic() - started, figures)


def _failed(error: Exception) -> Row:
    return {"error": f"{type(error).__name__}: {error}"}


def _keep(rows: list[Row], what: tuple[str, int, str], load: float, seconds: float, figures: Row) -> None:
    row = dict(zip(("peer", "routes", "replay"), what, strict=True))
    rows.append({**row, "load_before": round(load, 2), "seconds": round(seconds, 1), "figures": figures})
    print(rows[-1], flush=True)


def _of(place: int) -> list[Replay]:
    """The replays at the size of this place in the list."""
    last = len(SIZES) - 1
    return [one for one in ALL if one.name in _REPLAYS and (one.at is None or min(one.at, last) == place)]
