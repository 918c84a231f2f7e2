"""A tight loop of requests on one kept connection: `python -m bench.peers.loop ADDRESS HOST...`, a process of its own.

It asks for the hosts in turn, as fast as answers come, until its standard input ends; then it prints how often which
status came from which backend. Sockets that block: that costs the least of the processors that it shares with what is
measured.
"""

import asyncio
import json
import socket
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any


class Tally:
    """What a loop had counted when it ended."""

    requests = 0
    statuses: dict[str, int]
    by_backend: dict[str, int]

    def read(self, text: bytes) -> None:
        """Take over what the process printed."""
        self.by_backend = json.loads(text)
        self.statuses = dict(Counter[str]())
        for key, count in self.by_backend.items():
            status = key.partition(" ")[0]
            self.statuses[status] = self.statuses.get(status, 0) + count
        self.requests = sum(self.statuses.values())

    @property
    def failed(self) -> int:
        """Whatever is not a 200."""
        return self.requests - self.statuses.get("200", 0)


@asynccontextmanager
async def looping(address: str, *hosts: str) -> AsyncIterator[Tally]:
    """The loop runs while the block does; afterwards the tally is filled."""
    pipe: Any = asyncio.subprocess.PIPE
    command = [sys.executable, "-m", "bench.peers.loop", address, *hosts]
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    tally = Tally()
    try:
        yield tally
    finally:
        printed, _ = await process.communicate(b"")
        tally.read(printed)


def _run(address: str, hosts: list[str], ended: threading.Event) -> Counter[str]:
    counted: Counter[str] = Counter()
    requests = [f"GET / HTTP/1.1\r\nhost: {host}\r\n\r\n".encode() for host in hosts]
    connection: socket.socket | None = None
    number = 0
    while not ended.is_set():
        number += 1
        try:
            if connection is None:
                connection = connect(address)
            connection.sendall(requests[number % len(requests)])
            text = answer(connection)
            counted[_key(text)] += 1
            if b"\r\nconnection: close" in text:
                connection.close()
                connection = None
        except OSError as error:
            counted[f"0 {type(error).__name__}"] += 1
            connection = None
            ended.wait(0.001)
    return counted


def connect(address: str) -> socket.socket:
    """A connection on which nothing waits for more."""
    connection = socket.create_connection((address, 80), timeout=5)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def answer(connection: socket.socket) -> bytes:
    """The head of an answer; its body, which is short, has been read too."""
    text = b""
    while True:
        more = connection.recv(4096)
        if not more:
            raise ConnectionResetError
        text += more
        head, found, body = text.partition(b"\r\n\r\n")
        if not found:
            continue
        _, has_length, rest = head.partition(b"content-length: ")
        if has_length:
            if len(body) >= int(rest.partition(b"\r\n")[0]):
                return head
        elif b"chunked" not in head or body.endswith(b"0\r\n\r\n"):
            return head


def _key(head: bytes) -> str:
    status = head[9:12].decode()
    _, found, rest = head.partition(b"\r\nbackend: ")
    backend = rest.partition(b"\r\n")[0].decode()
    return f"{status} {backend}" if found else status


def _main() -> None:
    ended = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    print(json.dumps(_run(sys.argv[1], sys.argv[2:], ended)))


if __name__ == "__main__":
    _main()
