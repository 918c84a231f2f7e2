"""The server: connections of clients, with TLS or without, on one event loop."""

import asyncio
import contextlib
import ssl
from collections.abc import Mapping

from daemun.process.listening import stop_listening
from daemun.service.unary.connection import Connection, ConnectionFault, Serve

MOST_CONNECTIONS = 4_096
FIRST_SECONDS = 10.0
"""How long a client may take until it speaks HTTP/2."""
UNIX = "unix:"


class UnaryServer:
    """Serves methods, by their paths (`/package.Service/Method`)."""

    def __init__(self, methods: Mapping[str, Serve]) -> None:
        self._methods = dict(methods)
        self._server: asyncio.Server | None = None
        self.connections: set[_Protocol] = set()

    async def start(self, address: str, tls: ssl.SSLContext | None = None) -> str:
        """Listen on `host:port`, or `unix:/path`; the address with the port that was given. Raises OSError."""
        loop = asyncio.get_running_loop()
        if address.startswith(UNIX):
            self._server = await loop.create_unix_server(self._connect, address.removeprefix(UNIX), backlog=1024)
            return address
        host, _, port = address.rpartition(":")
        self._server = await loop.create_server(self._connect, host.strip("[]"), int(port), ssl=tls, backlog=1024)
        return f"{host}:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self, grace: float = 0.0) -> None:
        """Take no more calls, and answer those that there are: for so many seconds."""
        if self._server is None:
            return
        await stop_listening(self._server)
        for one in list(self.connections):
            one.end()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await asyncio.gather(*(one.gone for one in list(self.connections)))
        for one in list(self.connections):
            one.cut()
        self._server = None

    def _connect(self) -> "_Protocol":
        return _Protocol(self._methods, self.connections)


class _Protocol(asyncio.Protocol):
    def __init__(self, methods: dict[str, Serve], known: "set[_Protocol]") -> None:
        self._loop = asyncio.get_running_loop()
        self._connection = Connection(methods, self._dirty)
        self._known = known
        self._transport: asyncio.Transport | None = None
        self._first: asyncio.TimerHandle | None = None
        self.gone: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what create_server gives
        self._transport = transport
        if len(self._known) >= MOST_CONNECTIONS:
            transport.abort()
            return
        self._known.add(self)
        self._first = self._loop.call_later(FIRST_SECONDS, self._look)
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None
        self._connection.lose()
        self._known.discard(self)
        if self._first is not None:
            self._first.cancel()
        if not self.gone.done():
            self.gone.set_result(None)

    def data_received(self, data: bytes) -> None:
        try:
            self._connection.receive(data)
        except ConnectionFault:
            self._flush()
            if self._transport is not None:
                self._transport.close()

    # A client that does not read what it is told is told no more, and asks no more.

    def pause_writing(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    def end(self) -> None:
        self._connection.end()
        self._flush()

    def cut(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _look(self) -> None:
        if not self._connection.begun:
            self.cut()

    def _dirty(self) -> None:
        self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        out = self._connection.out
        if self._transport is not None and out:
            self._transport.write(b"".join(out))
        out.clear()
        if self._connection.drained and self._transport is not None:
            self._transport.close()
