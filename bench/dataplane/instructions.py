"""What a request costs Envoy by how its host is found, in instructions: they are the same on a busy machine.

The two Envoys of `hosts`, one after the other, run in valgrind's callgrind, which counts them. One client asks again
and again on one connection. Of a few counts over as many requests the least is taken: the rest is Envoy's own timers.
The kernel's work, which is the same for both, is not counted; so a ratio here is larger than that of CPU time.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.dataplane.hosts import ASKED, MANY, MANY_ASKED, config
from bench.tools.poller import Backend, free_port, until_answered
from daemun.provision.binary import find

_REQUESTS = int(os.environ.get("BENCH_INSTRUCTIONS_REQUESTS", "40"))
_COUNTS = 15
_LONG = 900.0  # seconds: an Envoy in callgrind takes its time, four minutes of them on a busy machine


def measure() -> dict[str, Any]:
    """Instructions per request, and how many times those of the plain layout."""
    if shutil.which("callgrind_control") is None:
        raise FileNotFoundError("the counter is missing: apt-get install valgrind")
    counts = {layout: _counts(plain=layout == "plain") for layout in ("plain", "scoped")}
    found = {
        what: {"plain": counts["plain"][what], "scoped": counts["scoped"][what]}
        | {"ratio": round(counts["scoped"][what] / counts["plain"][what], 3)}
        for what in (*ASKED, *MANY_ASKED)
    }
    for what, at in found.items():
        print(what, at, flush=True)
    return found


def _counts(*, plain: bool) -> dict[str, int]:
    found = {}
    for asked, wildcards in ((ASKED, 0), (MANY_ASKED, MANY)):
        port, behind = free_port(), free_port()
        requests = {
            what: (port, f"GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
            for what, (host, path) in asked.items()
        }
        found |= counted(config(port, behind, plain=plain, wildcards=wildcards), behind, requests)
    return found


def counted(configuration: dict[str, Any], behind: int, asked: Mapping[str, tuple[int, bytes]]) -> dict[str, int]:
    """Instructions of an Envoy for each of the requests, which go to ports of it, and on to one that answers."""
    with tempfile.TemporaryDirectory(prefix="db-") as temporary:
        folder = Path(temporary)
        (folder / "envoy.json").write_text(json.dumps(configuration))
        counter = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={folder}/out"]
        options = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]
        with (folder / "log").open("w") as log:
            command = [*counter, find(), "-c", folder / "envoy.json", *options]
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            return asyncio.run(_ask(process, folder, behind, asked))
        finally:
            process.kill()
            process.wait()


async def _ask(
    process: subprocess.Popen[bytes], folder: Path, behind: int, asked: Mapping[str, tuple[int, bytes]]
) -> dict[str, int]:
    def ended() -> str:
        return "" if process.poll() is None else f"Envoy has ended: {(folder / 'log').read_text()[-1000:]}"

    backend = Backend()
    await backend.start(behind)
    for port in {port for port, _ in asked.values()}:
        # Any answer will do: what is asked for is asked for below.
        await until_answered(port, _LONG, ended)
    found = {what: await _count(process.pid, folder, *one) for what, one in asked.items()}
    await backend.stop()
    return found


async def _count(pid: int, folder: Path, port: int, request: bytes) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    counts = []
    for _ in range(_COUNTS + 1):
        for _ in range(_REQUESTS):
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200"), answer
        counts.append(await asyncio.to_thread(_since_the_last, pid, folder))
    writer.close()
    # The first also has what came before: the start, or the requests of another host.
    return round(min(counts[1:]) / _REQUESTS)


def _since_the_last(pid: int, folder: Path) -> int:
    """The instructions since this was asked the last time."""
    subprocess.run(["callgrind_control", "--dump", str(pid)], capture_output=True, check=True)
    newest = max(folder.glob("out.*"), key=lambda path: int(path.suffix[1:]))
    return int(re.findall(r"^totals: (\d+)", newest.read_text(), re.MULTILINE)[-1])
