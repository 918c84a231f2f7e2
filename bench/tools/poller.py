"""A client that asks again and again until the answer is the one awaited, and a backend that always says 200."""

import asyncio
import contextlib
import random
import socket
import time
from collections.abc import Callable

_PAUSE_SECONDS = 0.001
_PATIENCE_SECONDS = 60.0
_PORTS = range(12_000, 30_000)
"""Below those of outgoing connections: an Envoy that takes minutes to listen finds them free still."""
_given: set[int] = set()


class Backend:
    """Answers every request with 200 and nothing else."""

    async def start(self, port: int = 0) -> int:
        """Listen on this port of 127.0.0.1, or on one that is free; it is returned."""
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", port)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening."""
        self._server.close()

    @staticmethod
    async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            writer.close()


def serve(port: int) -> None:
    """A backend for the rest of this process."""

    async def run() -> None:
        await Backend().start(port)
        await asyncio.Event().wait()

    asyncio.run(run())


async def status(port: int, host: str, path: str, address: str = "127.0.0.1") -> int:
    """One request on a connection of its own; 0 when nobody listens."""
    try:
        reader, writer = await asyncio.open_connection(address, port)
    except OSError:
        return 0
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
        line = await reader.readline()
        return int(line.split()[1]) if line else 0
    except (ConnectionError, IndexError, ValueError):
        return 0
    finally:
        writer.close()


async def until_200(
    port: int, host: str, path: str, pause: float = _PAUSE_SECONDS, patience: float = _PATIENCE_SECONDS
) -> float:
    """Ask each millisecond, or as often as said; the time of the first 200, by time.perf_counter."""
    deadline = time.perf_counter() + patience
    while await status(port, host, path) != 200:
        if time.perf_counter() > deadline:
            raise TimeoutError(f"no 200 for {host}{path} at port {port}")
        await asyncio.sleep(pause)
    return time.perf_counter()


async def until_answered(port: int, patience: float, ended: Callable[[], str] = str) -> None:
    """Ask until there is an answer, whichever. `ended` is why none can come any more, and empty while one can."""
    deadline = time.perf_counter() + patience
    while await status(port, "nobody.example.net", "/") == 0:
        why = ended()
        if why or time.perf_counter() > deadline:
            raise TimeoutError(f"no answer at port {port}: {why or f'not within {patience} s'}")
        await asyncio.sleep(0.1)


def free_port() -> int:
    """A port that nothing listens on, each a single time."""
    while True:
        port = random.choice(_PORTS)  # noqa: S311 - nobody is to be surprised
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port
