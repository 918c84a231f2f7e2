"""What a decision of the rate limit service costs: `daemun ratelimit` in a process of its own, with a Redis beside it.

First as many at once as it takes, in a closed loop; then at a steady pace, in which the time of an answer counts from
when its question was due, so that waiting for others is part of it. What the service and Redis take of a processor is
their own time: it depends least on what else the machine does. Users are a thousand, or so many that hardly any asks
twice. The client speaks HTTP/2 by itself, as `daemun.service.unary` does, so that it is not what is measured.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from envoy.service.ratelimit.v3 import rls_pb2

from bench.tools.poller import free_port
from daemun.ir.quotas import Descriptor, Limits, Quota
from daemun.service.unary import frames

_SECONDS = float(os.environ.get("BENCH_RATELIMIT_SECONDS", "8"))
_CONNECTIONS = 4
_AT_ONCE = 16
"""Questions of a connection that wait for an answer."""
_PACE = 5_000
"""Decisions a second at the steady pace: half of what is promised."""
_TICKS = os.sysconf("SC_CLK_TCK")
_PATH = b"/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"
_HEADERS = b"\x83\x86\x04" + bytes((len(_PATH),)) + _PATH + b"\x0f\x10\x10application/grpc\x00\x02te\x08trailers"
QUOTAS = {"fixed": Quota(100_000_000, 60), "sliding": Quota(1_000_000, 60, sliding=True)}
CASES = (
    ("fixed", "Redis", 1_000),
    ("sliding", "Redis", 1_000),
    ("fixed", "Redis", 1_000_000),
    ("sliding", "Redis", 1_000_000),
    ("sliding", "memory", 1_000),
)
PEER = "envoyproxy/ratelimit, fixed, Redis, 1000 users"
"""The rate limit service of Envoy's project, in Go, asked the same: where it is built (`python -m tests.cluster build
tests`). It has fixed windows only."""
GOAL = 10_000
"""Decisions a second of a processor that is the service's own."""


class Asker(asyncio.Protocol):
    """A connection that asks by and by about each user."""

    def __init__(self, users: int, first: int) -> None:
        self._users = users
        self._next = first
        self._stream = -1
        self._rest = b""
        self._answered: set[int] = set()
        self._due: dict[int, float] = {}
        self.took: list[float] = []
        self.over = False
        self.keep = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As asyncio's."""
        self.transport: Any = transport
        wide = frames.settings(window=frames.HIGHEST) + frames.window(0, frames.HIGHEST - 65_535)
        self.transport.write(frames.PREFACE + wide)

    def ask(self, due: list[float]) -> None:
        """Ask as often as there are times when it was due."""
        out = []
        for when in due:
            self._stream += 2
            self._next = (self._next + 7_919) % self._users
            message = _question(self._next)
            body = b"\0" + len(message).to_bytes(4, "big") + message
            out += (
                frames.frame(frames.HEADERS, frames.END_HEADERS, self._stream, _HEADERS),
                frames.frame(frames.DATA, frames.END_STREAM, self._stream, body),
            )
            self._due[self._stream] = when
        self.transport.write(b"".join(out))

    def data_received(self, data: bytes) -> None:
        """As asyncio's."""
        data, at, done = self._rest + data, 0, 0
        now = time.perf_counter()
        while len(data) - at >= 9:
            high, low, kind, flags, stream = frames.HEAD.unpack_from(data, at)
            end = at + 9 + (high << 8 | low)
            if end > len(data):
                break
            if kind == frames.DATA:
                self._answered.add(stream)
            elif kind == frames.HEADERS and flags & frames.END_STREAM:
                self._answered.remove(stream)  # what fails has trailers alone
                self.took.append(now - self._due.pop(stream))
                done += 1
            elif kind in (frames.SETTINGS, frames.PING) and not flags & frames.ACK:
                payload = data[at + 9 : end] if kind == frames.PING else b""
                self.transport.write(frames.frame(kind, frames.ACK, 0, payload))
            at = end
        self._rest = data[at:]
        if self.keep and done and not self.over:
            self.ask([now] * done)


def _question(user: int) -> bytes:
    return _MESSAGE + b"\x12" + bytes((len(entry := _entry(user)),)) + entry


def _entry(user: int) -> bytes:
    value = b"user-%07d" % user
    pair = b"\x0a\x04user\x12" + bytes((len(value),)) + value
    return b"\x0a" + bytes((len(pair),)) + pair


_MESSAGE = rls_pb2.RateLimitRequest(domain="bench").SerializeToString()


def measure() -> dict[str, Any]:
    """For each kind of window, place of the counts, and number of users: decisions a second, and what they took."""
    assert rls_pb2.RateLimitRequest.FromString(_question(7)).descriptors[0].entries[0].value == "user-0000007"
    if shutil.which("redis-server") is None:
        print("not measured: redis-server is missing (apt-get install redis-server)")
        return {}
    first = os.sched_getscheduler(0) != os.SCHED_OTHER  # `chrt -r 10`: before all else that the machine does
    found: dict[str, Any] = {"load": os.getloadavg()[0], "processors": os.cpu_count(), "real-time priority": first}
    for window, place, users in CASES:
        name = f"{window}, {place}, {users} users"
        with _redis() as redis, _service(QUOTAS[window], redis[1] if place == "Redis" else "") as service:
            found[name] = asyncio.run(_ask(service, redis[0], users))
            print(name, found[name], flush=True)
    with _redis() as redis, _peer(redis[1]) as peer:
        if peer is not None:
            found[PEER] = asyncio.run(_ask(peer, redis[0], 1_000))
            print(PEER, found[PEER], flush=True)
    return found


async def _ask(service: tuple[int, int], redis: int, users: int) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    askers = [
        (await loop.create_connection(lambda n=n: Asker(users, n * 31_337 % users), "127.0.0.1", service[1]))[1]
        for n in range(_CONNECTIONS)
    ]
    for one in askers:
        one.keep = _AT_ONCE
        one.ask([time.perf_counter()] * _AT_ONCE)
    await asyncio.sleep(1)  # it is warm then
    for one in askers:
        one.took.clear()
    used, began = (_used(service[0]), _used(redis)), time.perf_counter()
    await asyncio.sleep(_SECONDS)
    seconds, count = time.perf_counter() - began, sum(len(one.took) for one in askers)
    own, of_redis = _used(service[0]) - used[0], _used(redis) - used[1]
    for one in askers:
        one.over = True
    await asyncio.sleep(0.5)
    for one in askers:
        one.keep = 0
        one.took.clear()
    await _at_a_pace(askers)
    took = sorted(ms * 1000 for one in askers for ms in one.took)
    for one in askers:
        one.transport.close()
    return {
        "a second": round(count / seconds),
        "a second of the service's processor": round(count / own),
        "us of the service": round(own / count * 1e6, 1),
        "us of Redis": round(of_redis / count * 1e6, 1),
        f"ms at {_PACE}/s": {"p50": _at(took, 0.5), "p99": _at(took, 0.99), "p99.9": _at(took, 0.999)},
        "asked at that pace": len(took),
    }


async def _at_a_pace(askers: list[Asker]) -> None:
    """So many a second, each due at its own moment."""
    began = time.perf_counter()
    due = deque(began + number / _PACE for number in range(int(_PACE * _SECONDS)))
    turn = 0
    while due:
        now = time.perf_counter()
        ready: list[list[float]] = [[] for _ in askers]
        while due and due[0] <= now:
            ready[turn % len(askers)].append(due.popleft())
            turn += 1
        for one, times in zip(askers, ready, strict=True):
            if times:
                one.ask(times)
        await asyncio.sleep(0.0005)
    await asyncio.sleep(1)


def _at(values: list[float], part: float) -> float:
    return round(values[int(len(values) * part)], 2)


def _used(process: int) -> float:
    """Seconds of a processor."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def _redis() -> Iterator[tuple[int, str]]:
    port = free_port()
    options = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
    with subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL, cwd=tempfile.gettempdir()) as process:
        _until_open(port)
        try:
            yield process.pid, f"127.0.0.1:{port}"
        finally:
            process.terminate()


@contextmanager
def _service(quota: Quota, redis: str) -> Iterator[tuple[int, int]]:
    limits = Limits("bench", "bench", (Descriptor("user", quota=quota),))
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "limits.json"
        file.write_bytes(msgspec.json.encode([limits]))
        where = ("--limits", str(file), "--listen", f"127.0.0.1:{port}", "--redis", redis, "--log-level", "error")
        with subprocess.Popen([sys.executable, "-m", "daemun", "ratelimit", *where]) as process:
            _until_open(port)
            try:
                yield process.pid, port
            finally:
                process.terminate()


@contextmanager
def _peer(redis: str) -> Iterator[tuple[int, int] | None]:
    from tests.cluster import tools

    try:
        program = tools.path("ratelimit")
    except tools.ClusterError as error:
        print(error)
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "limits" / "config" / "bench.yaml"
        config.parent.mkdir(parents=True)
        config.write_text(
            "domain: bench\ndescriptors: [{key: user, rate_limit: {unit: minute, requests_per_unit: 100000000}}]\n"
        )
        port, *others = free_port(), free_port(), free_port()
        env = {
            "REDIS_SOCKET_TYPE": "tcp",
            "REDIS_URL": redis,
            "USE_STATSD": "false",
            "RUNTIME_ROOT": folder,
            "RUNTIME_SUBDIRECTORY": "limits",
            "RUNTIME_WATCH_ROOT": "false",
            "GRPC_PORT": str(port),
            "PORT": str(others[0]),
            "DEBUG_PORT": str(others[1]),
            "LOG_LEVEL": "error",
            **{f"{name}HOST": "127.0.0.1" for name in ("", "GRPC_", "DEBUG_")},
        }
        with subprocess.Popen([program], env=env, stderr=subprocess.DEVNULL) as process:
            _until_open(port)
            try:
                yield process.pid, port
            finally:
                process.terminate()


def _until_open(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
