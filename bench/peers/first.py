"""Waits for the first answer of its kind, in a process of its own: `python -m bench.peers.first ADDRESS`.

Who creates a route and asks for it in one process has the API server's answer wait for the asking: on two cores that
was half of what the API server seemed to take. Sockets that block, and a pause of a millisecond, take the least of the
processors that all share. The clock is the machine's, the same for all processes.
"""

import asyncio
import json
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from bench.peers.loop import answer, connect

_PAUSE_SECONDS = 0.001
now = time.monotonic


class Found(NamedTuple):
    """When the answer came, by `now`; infinity if it did not. And the statuses of all answers, this one too."""

    at: float
    seen: Counter[int]


class Waiting:
    """One wait after another for hosts at an address."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def begin(self, host: str, status: int = 200, patience: float = 60) -> None:
        """Ask for the host from now on. It has been asked for once when this returns."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([host, status, patience]).encode() + b"\n")
        await self._line()

    async def found(self) -> Found:
        """What came of it."""
        at, seen = json.loads(await self._line())
        return Found(float("inf") if at is None else at, Counter({int(one): count for one, count in seen.items()}))

    async def wait(self, host: str, status: int = 200, patience: float = 60) -> Found:
        """Both."""
        await self.begin(host, status, patience)
        return await self.found()

    async def _line(self) -> bytes:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise ConnectionResetError("who waits for an answer has ended")
        return line


@asynccontextmanager
async def waiting(address: str) -> AsyncIterator[Waiting]:
    """The process runs while the block does."""
    pipe: Any = asyncio.subprocess.PIPE
    command = [sys.executable, "-m", __name__, address]
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    try:
        yield Waiting(process)
    finally:
        await process.communicate(b"")  # it ends with its input


class _Asker:
    """Asks an address for hosts, on one connection as long as that holds."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._connection: socket.socket | None = None

    def ask(self, host: str) -> int:
        """The status of an answer, 0 for none."""
        try:
            if self._connection is None:
                self._connection = connect(self._address)
            self._connection.sendall(f"GET / HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
            head = answer(self._connection)
        except OSError:
            self._connection = None
            return 0
        if b"\r\nconnection: close" in head:
            self._connection.close()
            self._connection = None
        return int(head[9:12])


def _main() -> None:
    asker = _Asker(sys.argv[1])
    for line in sys.stdin:
        host, wanted, patience = json.loads(line)
        deadline = now() + patience
        seen: Counter[int] = Counter()
        at = None
        while now() < deadline:
            status = asker.ask(host)
            seen[status] += 1
            if status == wanted:
                at = now()
            if seen.total() == 1:
                print("asking", flush=True)
            if at is not None:
                break
            time.sleep(_PAUSE_SECONDS)
        print(json.dumps([at, seen]), flush=True)


if __name__ == "__main__":
    _main()
