"""What a question to the authorization server costs: `daemun extauth` in a process of its own, asked over gRPC.

First as many at once as it takes, in a closed loop; then at a steady pace, in which the time of an answer counts from
when its question was due, so that waiting for others is part of it. The processor's time for a check depends least on
what else the machine does. The client is Python too and takes about as much of it as the server; its collector of
garbage rests meanwhile, or its pauses would be the slowest answers.
"""

import asyncio
import gc
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc.aio
import msgspec
from envoy.service.auth.v3 import external_auth_pb2

from bench.tools.poller import free_port
from daemun.ir.auth import CONTEXT, Chain, Step
from daemun.ir.auth.checks import ApiKey, ApiKeyAuth, BasicAuth, Password

_SECONDS = float(os.environ.get("BENCH_CHECKS_SECONDS", "8"))
_AT_ONCE = 16
_PACE = 1500
"""Checks a second at the steady pace: half of what is promised."""
_USERS = 1000
_TICKS = os.sysconf("SC_CLK_TCK")
_PATH = "/envoy.service.auth.v3.Authorization/Check"
_KEYS = tuple(ApiKey(sha256(b"key%d" % n).hexdigest(), f"user{n}", {"tier": "gold"}) for n in range(_USERS))
CHAINS = {
    "API key": (Chain("keys", (Step("k", ApiKeyAuth(_KEYS, headers={"x-tier": "tier"})),), user_header="x-user"), ()),
    "password": (
        Chain("basic", (Step("b", BasicAuth({"ann": Password("apr1", "8BvzLUO9IfGPGGsPnAgSu1", "TYiryv0/")})),)),
        (("authorization", "Basic YW5uOnBhc3N3b3Jk"),),
    ),
}
"""What is measured, and what requests bear beside a key."""


def measure() -> dict[str, Any]:
    """Checks a second, microseconds of the processor for each, and the times of answers in milliseconds."""
    gc.disable()
    try:
        return asyncio.run(_measure())
    finally:
        gc.enable()


async def _measure() -> dict[str, Any]:
    found: dict[str, Any] = {}
    async with _server() as (address, pid):
        for name, (chain, headers) in CHAINS.items():
            questions = [_question(chain.name, number, headers) for number in range(_USERS)]
            async with grpc.aio.insecure_channel(address) as channel:
                ask = channel.unary_unary(_PATH)
                allowed = external_auth_pb2.CheckResponse.FromString(await ask(questions[0]))
                assert allowed.HasField("ok_response"), allowed
                used, began = _cpu(pid), time.monotonic()
                asked = await _loop(ask, questions)
                used, lasted = _cpu(pid) - used, time.monotonic() - began
                times = sorted(await _paced(ask, questions))
            found[name] = {
                "checks_per_second": round(asked / lasted),
                "cpu_us_per_check": round(1e6 * used / asked),
                "checks_per_core_second": round(asked / used),
                "paced": {"per_second": _PACE, "p50_ms": _at(times, 0.5), "p99_ms": _at(times, 0.99)},
                "load": round(os.getloadavg()[0], 1),
            }
            print(f"{name}: {found[name]}", flush=True)
    return found


@asynccontextmanager
async def _server() -> AsyncIterator[tuple[str, int]]:
    address = f"127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "chains.json"
        file.write_bytes(msgspec.json.encode([chain for chain, _ in CHAINS.values()]))
        daemun = Path(sys.executable).parent / "daemun"
        process = await asyncio.create_subprocess_exec(
            *(daemun, "extauth", "--chains", file, "--listen", address, "--log-level", "error")
        )
        try:
            async with grpc.aio.insecure_channel(address) as channel:
                await asyncio.wait_for(channel.channel_ready(), 60)
            yield address, process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            await process.wait()


async def _loop(ask: Any, questions: list[bytes]) -> int:
    """Ask as fast as answers come; how many came."""
    until = time.monotonic() + _SECONDS

    async def one(number: int) -> int:
        asked = 0
        while time.monotonic() < until:
            await ask(questions[(number + asked) % len(questions)])
            asked += 1
        return asked

    return sum(await asyncio.gather(*(one(number * 61) for number in range(_AT_ONCE))))


async def _paced(ask: Any, questions: list[bytes]) -> list[float]:
    """Milliseconds from when a question was due to its answer."""
    times: list[float] = []
    began = time.perf_counter() + 0.1

    async def one(number: int) -> None:
        due = began + number / _PACE
        await ask(questions[number % len(questions)])
        times.append(1000 * (time.perf_counter() - due))

    tasks = []
    for number in range(int(_PACE * _SECONDS)):
        wait = began + number / _PACE - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.ensure_future(one(number)))
    await asyncio.gather(*tasks)
    return times


def _question(chain: str, number: int, headers: tuple[tuple[str, str], ...]) -> bytes:
    found = external_auth_pb2.CheckRequest()
    http = found.attributes.request.http
    http.method, http.path, http.host, http.scheme, http.protocol = "GET", "/a/b?c=d", "example.com", "http", "HTTP/1.1"
    http.headers.update({f"x-header-{one}": "v" * 30 for one in range(8)})
    http.headers.update({"accept": "*/*", "user-agent": "curl/8", "api-key": f"key{number}", **dict(headers)})
    found.attributes.context_extensions[CONTEXT] = chain
    return found.SerializeToString()


def _cpu(pid: int) -> float:
    """Seconds that the processor has worked for a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _at(times: list[float], part: float) -> float:
    return round(times[int(part * (len(times) - 1))], 2)
