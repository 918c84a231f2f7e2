"""Certificates that change while clients come: how soon a new one is shown, and whom that turns away or cuts off."""

import asyncio
import contextlib
import os
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.certificates.secure import Pair, client, handshake, issue, listeners, secret, until_shown
from bench.tools.poller import free_port
from bench.tools.program import daemun
from bench.tools.worlds import stage, summary, write

COUNT = int(os.environ.get("BENCH_ROTATION", "1000"))
_ROUNDS = 60
_CLIENTS = 4
_HELD = 20


def measure() -> dict[str, Any]:
    """With so many certificates."""
    found = asyncio.run(_measured())
    print(found, flush=True)
    return found


async def _measured() -> dict[str, Any]:
    hosts, port = [f"h{number}.example.com" for number in range(COUNT)], free_port()
    async with stage() as (base, folder, _, _):
        write(folder / "listeners.yaml", *listeners(port, hosts))
        for number, host in enumerate(hosts):
            write(folder / f"c{number}.yaml", secret(number, issue(host)))
        with daemun(base, folder):
            await until_shown(port, hosts[-1], pause=0.05)
            return await _rotated(folder, port, hosts)


async def _rotated(folder: Path, port: int, hosts: list[str]) -> dict[str, Any]:
    counts = {"handshakes": 0, "failed": 0}
    held = [
        await asyncio.open_connection("127.0.0.1", port, ssl=client(), server_hostname=host) for host in hosts[:_HELD]
    ]
    load = [asyncio.create_task(_load(port, hosts, counts, at)) for at in range(_CLIENTS)]
    began, times = time.perf_counter(), []
    for turn in range(_ROUNDS):
        number = turn * 7 % len(hosts)
        pair = issue(hosts[number])
        shown = ssl.PEM_cert_to_DER_cert(pair[0].decode())
        write(folder / f"c{number}.yaml", secret(number, pair))
        begun = time.perf_counter()
        times.append((await until_shown(port, hosts[number], shown) - begun) * 1e3)
    # In threads: clients whose handshakes wait for this loop would count as turned away.
    every = await asyncio.to_thread(lambda: {number: issue(host) for number, host in enumerate(hosts)})
    begun = time.perf_counter()
    await asyncio.to_thread(_write, folder, every)
    written = time.perf_counter()
    last = max(every)
    last_shown = await until_shown(port, hosts[last], ssl.PEM_cert_to_DER_cert(every[last][0].decode())) - written
    lasted = time.perf_counter() - began
    for one in load:
        one.cancel()
    alive = [not reader.at_eof() for reader, _ in held]
    for _, writer in held:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return {
        "certificates": len(hosts),
        "file_to_shown_ms": summary(times),
        "all_written_s": round(written - begun, 2),
        "last_of_all_shown_after_s": round(last_shown, 2),
        "handshakes_per_s": round(counts["handshakes"] / lasted),
        "handshakes": counts["handshakes"],
        "failed_handshakes": counts["failed"],
        "connections_that_live_on": f"{sum(alive)} of {len(held)}",
    }


def _write(folder: Path, pairs: Mapping[int, Pair]) -> None:
    for number, pair in pairs.items():
        write(folder / f"c{number}.yaml", secret(number, pair))


async def _load(port: int, hosts: list[str], counts: dict[str, int], at: int) -> None:
    while True:
        at += 11
        counts["handshakes"] += 1
        if not await handshake(port, hosts[at % len(hosts)]):
            counts["failed"] += 1
