"""Stands between Daemun and a real API server: hands on every request and answer, unless it was told to misbehave."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple, Self

import yaml

from cluster.client import Client
from support.servers.tcp import TcpServer

_GONE = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410}
_BUSY = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "TooManyRequests", "code": 429}
_KEPT = ("accept", "content-type")


class Request(NamedTuple):
    """What was asked for, and when."""

    when: float
    target: str

    @property
    def watches(self) -> bool:
        return "watch=1" in self.target


class Doorman(TcpServer):
    """The way to the API server of a client; who takes it has that one's rights. All may be set any time."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client
        self.hangs = ""
        """Requests with this in their target get no answer until this is another."""
        self.pause = 0.0
        """Every answer comes so much later."""
        self.refuses = False
        """Everything is answered with 429."""
        self.expired = False
        """No version is young enough to begin a watch with."""
        self.rate = 0
        """So many bytes a second, of every answer."""
        self.breaks_after = 0
        """So many bytes of every answer, and then the connection breaks."""
        self.requests: list[Request] = []
        self._watches: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}
        self._stalled: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def kubeconfig(self, file: Path) -> Path:
        """One that leads here."""
        document = {
            "clusters": [{"name": "one", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
            "users": [{"name": "me", "user": {}}],
            "contexts": [{"name": "one", "context": {"cluster": "one", "user": "me"}}],
            "current-context": "one",
        }
        file.write_text(yaml.safe_dump(document))
        return file

    @property
    def watches(self) -> int:
        """How many are under way."""
        return len(self._watches)

    def expire(self) -> None:
        """Every watch that is under way gets an ERROR event, and ends."""
        watches, self._watches = self._watches, {}
        for writer, task in watches.items():
            writer.write(_chunk(json.dumps({"type": "ERROR", "object": _GONE}).encode() + b"\n") + _chunk(b""))
            task.cancel()

    def stall(self) -> None:
        """Nothing comes any more on the watches that are under way, and nothing ends them."""
        self._stalled |= set(self._watches)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the one request of a connection."""
        try:
            await self._serve(reader, writer)
        finally:
            self._stalled.discard(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, headers = _parsed(await reader.readuntil(b"\r\n\r\n"))
        method, target, _ = first.split(" ")
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        request = Request(time.monotonic(), target)
        self.requests.append(request)
        kept = {name: value for name, value in headers.items() if name in _KEPT}
        answering = asyncio.create_task(self._answer(method, request, kept, body, writer))
        leaving = asyncio.create_task(reader.read(1))  # nothing more is asked on this connection
        if request.watches:
            self._watches[writer] = answering
        try:
            await asyncio.wait([answering, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._watches.pop(writer, None)
            for task in (answering, leaving):
                task.cancel()
            await asyncio.gather(answering, leaving, return_exceptions=True)
        if answering.done() and not answering.cancelled() and answering.exception():
            writer.transport.abort()

    async def _answer(
        self, method: str, request: Request, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter
    ) -> None:
        while self.hangs and self.hangs in request.target:  # noqa: ASYNC110 - who changes it tells nobody
            await asyncio.sleep(0.05)
        await asyncio.sleep(self.pause)
        if self.refuses or (self.expired and request.watches):
            status = _BUSY if self.refuses else _GONE
            writer.write(_head(int(str(status["code"])), "application/json") + _chunk(json.dumps(status).encode()))
            writer.write(_chunk(b""))
            await writer.drain()
            return
        there = self._client.server
        reader, far = await asyncio.open_connection(there.hostname, there.port, ssl=self._client.tls)
        try:
            fields = [f"{name}: {value}" for name, value in headers.items()]
            fields += [f"Host: {there.netloc}", f"Content-Length: {len(body)}", "Connection: close"]
            far.write("\r\n".join((f"{method} {request.target} HTTP/1.1", *fields, "", "")).encode() + body)
            first, headers = _parsed(await reader.readuntil(b"\r\n\r\n"))
            writer.write(_head(int(first.split(" ")[1]), headers.get("content-type", "application/json")))
            written = 0
            async for piece in _pieces(reader, chunked="transfer-encoding" in headers):
                while writer in self._stalled:  # noqa: ASYNC110 - until the other end gives up
                    await asyncio.sleep(1)
                if self.breaks_after and written + len(piece) > self.breaks_after:
                    writer.write(_chunk(piece)[: self.breaks_after - written])
                    raise ConnectionError
                written += len(piece)
                await self._write(writer, piece)
            writer.write(_chunk(b""))
            await writer.drain()
        finally:
            far.transport.abort()

    async def _write(self, writer: asyncio.StreamWriter, piece: bytes) -> None:
        step = max(1, self.rate // 10) if self.rate else len(piece)
        for at in range(0, len(piece), max(1, step)):
            writer.write(_chunk(piece[at : at + step]))
            await writer.drain()
            if self.rate:
                await asyncio.sleep(0.1)


def _parsed(head: bytes) -> tuple[str, dict[str, str]]:
    first, *lines = head.decode().rstrip("\r\n").split("\r\n")
    return first, {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


async def _pieces(reader: asyncio.StreamReader, *, chunked: bool) -> AsyncIterator[bytes]:
    """A body as it was sent: an API server sends each event of a watch as a chunk."""
    while chunked and (size := int(await reader.readline(), 16)):
        yield await reader.readexactly(size)
        await reader.readexactly(2)
    while not chunked and (piece := await reader.read(65536)):
        yield piece


def _head(status: int, content_type: str) -> bytes:
    fields = (f"Content-Type: {content_type}", "Connection: close", "Transfer-Encoding: chunked")
    return "\r\n".join((f"HTTP/1.1 {status} X", *fields, "", "")).encode()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)
