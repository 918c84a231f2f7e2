"""Backends and clients of connections and datagrams of which nobody on the way reads anything."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

from daemun.process.listening import stop_listening
from support.clients.client import connection


class TcpEcho:
    """Sends its name and a newline to whoever connects, then everything back that it gets; with `tls` over TLS."""

    def __init__(self, name: str, tls: ssl.SSLContext | None = None) -> None:
        self.name = name
        self.port = 0
        self.names: list[str | None] = []
        """The server names that were asked for."""
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        if tls is not None:
            tls.sni_callback = lambda _, name, __: self.names.append(name)

    async def start(self) -> "TcpEcho":
        """Listen on a port that the system chooses."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        """Stop listening and cut all connections."""
        if self._server is not None:
            await stop_listening(self._server)
            for writer in self._writers:
                writer.transport.abort()
            await self._server.wait_closed()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with contextlib.suppress(OSError):
                writer.write(f"{self.name}\n".encode())
                while chunk := await reader.read(4096):
                    writer.write(chunk)
                    await writer.drain()
        finally:
            self._writers.discard(writer)
            writer.close()


async def greeted(
    port: int, tls: ssl.SSLContext | None = None, sni: str | None = None, address: str = "127.0.0.1"
) -> str:
    """Who answers a new connection. A connection that is closed instead is an error."""
    async with asyncio.timeout(30), connection(port, address, tls, sni) as (reader, _):
        return (await reader.readuntil(b"\n")).decode().strip()


async def refused(port: int, tls: ssl.SSLContext | None = None, sni: str | None = None) -> bool:
    """Whether a new connection is closed without a word."""
    try:
        who = await greeted(port, tls, sni)
    except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
        return True
    raise AssertionError(f"{who} answered")


class UdpEcho(asyncio.DatagramProtocol):
    """Answers every datagram with its name, the port it came from and the datagram."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = 0
        self.transport: asyncio.DatagramTransport | None = None

    async def start(self) -> "UdpEcho":
        """Listen on a port that the system chooses."""
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.port = self.transport.get_extra_info("sockname")[1]
        return self

    async def stop(self) -> None:
        """Stop listening."""
        if self.transport is not None:
            self.transport.close()

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """Answer."""
        assert self.transport is not None
        self.transport.sendto(f"{self.name} {address[1]} ".encode() + data, address)


class _Answers(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.got: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, _: tuple[str, int]) -> None:
        self.got.put_nowait(data)


class UdpClient:
    """Datagrams from one port."""

    def __init__(self, transport: asyncio.DatagramTransport, answers: _Answers) -> None:
        self._transport = transport
        self._answers = answers

    async def say(self, text: str = "hello", seconds: float = 30.0) -> tuple[str, str]:
        """Send, and tell which backend answered and what port it saw; TimeoutError when nothing came."""
        self._transport.sendto(text.encode())
        async with asyncio.timeout(seconds):
            while True:
                name, port, echoed = (await self._answers.got.get()).decode().split(" ", 2)
                if echoed == text:
                    return name, port


@contextlib.asynccontextmanager
async def udp(port: int, address: str = "127.0.0.1") -> AsyncIterator[UdpClient]:
    """A client with a port of its own."""
    loop = asyncio.get_running_loop()
    transport, answers = await loop.create_datagram_endpoint(_Answers, remote_addr=(address, port))
    try:
        yield UdpClient(transport, answers)
    finally:
        transport.close()


async def answered(port: int, seconds: float = 30.0, address: str = "127.0.0.1") -> str:
    """Which backend answers a datagram from a new port."""
    async with udp(port, address) as client:
        return (await client.say(seconds=seconds))[0]
