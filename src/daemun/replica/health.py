"""Whether this program lives and is ready, and its metrics, for kubelet and Prometheus: a very small HTTP server.

It answers on the event loop that all work is done on. That is what makes it an answer: a loop that is stuck is not
alive, and what it says is true at one moment.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple

from daemun.process.listening import stop_listening

SECONDS = 5.0
"""For one request, from the connection to the end."""
MOST_BYTES = 16_384
"""A request may have."""
MOST_CONNECTIONS = 64
"""At once: more than kubelet and all collectors need, less than would hurt."""

Checks = Mapping[str, Callable[[], bool]]
"""What has to be so before proxies may come, each with a name for people."""


class _Answer(NamedTuple):
    status: HTTPStatus
    body: bytes
    content_type: str = "text/plain; charset=utf-8"


class HealthServer:
    """`/healthz`, `/readyz` and `/metrics`. `metrics` makes the text of the last, of this type.

    `remark` is something that people should know though all is well; it may be empty.
    """

    def __init__(
        self, checks: Checks, metrics: Callable[[], bytes], metrics_type: str, remark: Callable[[], str] = str
    ) -> None:
        self._checks = checks
        self._metrics = metrics
        self._metrics_type = metrics_type
        self._remark = remark
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None] | None] = set()

    async def start(self, host: str, port: int) -> int:
        """Begin to listen; the port, which may have been left to the system (0)."""
        self._server = await asyncio.start_server(self._accept, host, port, limit=MOST_BYTES)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            await stop_listening(self._server)
            for connection in self._connections:
                if connection is not None:
                    connection.cancel()
            await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        task = asyncio.current_task()
        self._connections.add(task)
        try:
            with contextlib.suppress(OSError, TimeoutError, EOFError, asyncio.LimitOverrunError):
                async with asyncio.timeout(SECONDS):
                    if len(self._connections) <= MOST_CONNECTIONS:
                        request = await reader.readuntil(b"\r\n\r\n")
                        writer.write(_response(request, self._answer))
                        await writer.drain()
        finally:
            self._connections.discard(task)
            writer.close()

    def _answer(self, path: str) -> _Answer:
        match path:
            case "/healthz":
                return _Answer(HTTPStatus.OK, b"ok\n")
            case "/readyz":
                return self._readiness()
            case "/metrics":
                return _Answer(HTTPStatus.OK, self._metrics(), self._metrics_type)
            case _:
                return _Answer(HTTPStatus.NOT_FOUND, b"There are /healthz, /readyz and /metrics.\n")

    def _readiness(self) -> _Answer:
        ready = {name: check() for name, check in self._checks.items()}
        lines = "".join(f"{name}: {'ok' if fine else 'not yet'}\n" for name, fine in ready.items())
        remark = self._remark()
        lines += f"{remark}\n" if remark else ""
        return _Answer(HTTPStatus.OK if all(ready.values()) else HTTPStatus.SERVICE_UNAVAILABLE, lines.encode())


def _response(request: bytes, answer: Callable[[str], _Answer]) -> bytes:
    """The bytes that answer a request."""
    method, target, *_ = [*request.split(b"\r\n", 1)[0].decode(errors="replace").split(" "), "", ""]
    if method in ("GET", "HEAD"):
        status, body, content_type = answer(target.partition("?")[0])
    else:
        status, body, content_type = _Answer(HTTPStatus.METHOD_NOT_ALLOWED, b"Only GET is answered.\n")
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (b"" if method == "HEAD" else body)
