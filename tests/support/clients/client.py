"""A small HTTP client for the stories: it sends what it is told, byte by byte, and tells everything that came back."""

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

HOST = "test.example"
Headers = Mapping[str, str] | Iterable[tuple[str, str]]
_WEBSOCKET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Answer:
    """A response. `lines` are its headers in their order, names in lower case."""

    def __init__(self, status: int, lines: list[tuple[str, str]], body: bytes) -> None:
        self.status = status
        self.lines = lines
        self.headers = dict(lines)
        self.body = body

    @property
    def seen(self) -> dict[str, Any]:
        """The request as the echo backend saw it."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def backend(self) -> str:
        """The name of the backend that answered; empty when it was not one of ours."""
        return self.headers.get("x-backend", "")

    def sent(self, name: str) -> list[str]:
        """The values of a header of the request, as the backend got them."""
        return [value for key, value in self.seen["headers"] if key == name]

    def __repr__(self) -> str:
        return f"<{self.status} {self.lines} {self.body[:200]!r}>"


def _pairs(headers: Headers) -> list[tuple[str, str]]:
    return list(headers.items()) if isinstance(headers, Mapping) else list(headers)


@contextlib.asynccontextmanager
async def connection(
    port: int, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None, sni: str | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection, closed at the end whatever happened."""
    reader, writer = await asyncio.open_connection(
        address, port, ssl=tls, server_hostname=(sni or "") if tls is not None else None
    )
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()


async def ask(
    port: int,
    path: str = "/",
    method: str = "GET",
    *,
    host: str = HOST,
    headers: Headers = (),
    body: bytes = b"",
    address: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
    sni: str | None = None,
    seconds: float = 30.0,
) -> Answer:
    """One request on a connection of its own."""
    async with asyncio.timeout(seconds), connection(port, address, tls, sni) as (reader, writer):
        return await exchange(
            reader, writer, path, method, host=host, headers=[*_pairs(headers), ("connection", "close")], body=body
        )


async def exchange(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    path: str = "/",
    method: str = "GET",
    *,
    host: str = HOST,
    headers: Headers = (),
    body: bytes = b"",
) -> Answer:
    """One request on a connection that is there."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in _pairs(headers))]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
    await writer.drain()
    return await answer(reader, method)


async def answer(reader: asyncio.StreamReader, method: str = "GET") -> Answer:
    """Read one response."""
    first = await reader.readline()
    if not first:
        raise ConnectionResetError("closed without an answer")
    status = int(first.split()[1])
    lines: list[tuple[str, str]] = []
    while (line := (await reader.readline()).decode("latin-1").rstrip("\r\n")) != "":
        name, _, value = line.partition(":")
        lines.append((name.lower(), value.strip()))
    headers = dict(lines)
    if method == "HEAD" or status in (101, 204, 304):
        body = b""
    elif headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    elif "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    else:
        body = await reader.read()
    return Answer(status, lines, body)


async def websocket(port: int, path: str, text: str, host: str = HOST) -> tuple[Answer, str]:
    """Open a WebSocket, send one text frame, and return the handshake's answer and the frame that came back."""
    key = base64.b64encode(os.urandom(16))
    upgrade = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": key.decode(),
    }
    async with asyncio.timeout(30), connection(port) as (reader, writer):
        got = await exchange(reader, writer, path, host=host, headers=upgrade)
        if got.status != 101:
            return got, ""
        assert got.headers["sec-websocket-accept"] == websocket_accept(key)
        mask = os.urandom(4)
        payload = bytes(byte ^ mask[at % 4] for at, byte in enumerate(text.encode()))
        writer.write(bytes([0x81, 0x80 | len(payload)]) + mask + payload)
        head = await reader.readexactly(2)
        return got, (await reader.readexactly(head[1])).decode()


def websocket_accept(key: bytes) -> str:
    """What a server answers to a WebSocket key (RFC 6455)."""
    return base64.b64encode(hashlib.sha1(key + _WEBSOCKET).digest()).decode()  # noqa: S324 - as the protocol has it
