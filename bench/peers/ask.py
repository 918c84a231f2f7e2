"""Requests on a connection that is kept, and what was answered, counted."""

import asyncio
import ssl
import time
from collections import Counter
from contextlib import suppress
from typing import NamedTuple, Self

_PAUSE_SECONDS = 0.001


Awaited = tuple[float, Counter[int]]


class Answer(NamedTuple):
    """A status, 0 for none, and which backend it came from."""

    status: int
    backend: str = ""


class Asker:
    """A client of one address. `tls` is the name that it asks for in a handshake."""

    def __init__(self, address: str, port: int = 80, tls: str = "") -> None:
        self._where = (address, port)
        self._tls = tls
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._leave()

    async def ask(self, host: str, path: str = "/", patience: float = 5) -> Answer:
        """One request."""
        try:
            async with asyncio.timeout(patience):
                return await self._ask(host, path)
        except (OSError, ValueError, IndexError, asyncio.IncompleteReadError, TimeoutError):
            self._leave()
            return Answer(0)

    async def until(
        self, wanted: Answer, host: str, path: str = "/", patience: float = 60
    ) -> tuple[float, Counter[int]]:
        """Ask each millisecond until this answer comes: when that was, and the statuses on the way.

        A time of infinity if it does not come in so many seconds.
        """
        seen: Counter[int] = Counter()
        deadline = time.perf_counter() + patience
        while time.perf_counter() < deadline:
            answer = await self.ask(host, path)
            seen[answer.status] += 1
            if answer.status == wanted.status and wanted.backend in ("", answer.backend):
                return time.perf_counter(), seen
            await asyncio.sleep(_PAUSE_SECONDS)
        return float("inf"), seen

    async def _ask(self, host: str, path: str) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection(
                *self._where, ssl=_trusting() if self._tls else None, server_hostname=self._tls or None
            )
        reader, writer = self._streams
        writer.write(f"GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lines = head.split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        if fields.get("transfer-encoding") == "chunked":
            await reader.readuntil(b"0\r\n\r\n")
        else:
            await reader.readexactly(int(fields.get("content-length", "0")))
        if fields.get("connection") == "close":
            self._leave()
        return Answer(int(lines[0].split()[1]), fields.get("backend", ""))

    def _leave(self) -> None:
        if self._streams is not None:
            with suppress(OSError):
                self._streams[1].close()
            self._streams = None


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
