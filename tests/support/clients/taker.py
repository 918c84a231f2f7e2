"""A stream of discovery by hand, which takes just as much of what the server says as a test has it take."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

from support.clients import http2
from support.scenes.served import PATH

_ROOM = 1 << 14
"""Bytes that its kernel confirms before they are read, about. A Unix socket has the sender's buffer only."""
_SEGMENT = 1400
"""As on a real network."""


class Taker:
    """A client that the server may say anything to: what it does not take waits in the kernel, not in gRPC."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._frames = bytearray()
        self._data = bytearray()
        self.responses: list[DeltaDiscoveryResponse] = []
        """What it has taken as a whole."""

    async def say(self, request: DeltaDiscoveryRequest) -> None:
        """Ask or answer."""
        await self.send(http2.message(request.SerializeToString()))

    async def answer(self) -> None:
        """Say that the last response was taken."""
        last = self.responses[-1]
        await self.say(DeltaDiscoveryRequest(type_url=last.type_url, response_nonce=last.nonce))

    async def send(self, data: bytes) -> None:
        """Whatever that is."""
        await asyncio.get_running_loop().sock_sendall(self._connection, data)

    async def take(self, most: int) -> int:
        """So much of what waits, at least a byte: how many. None are left when the server has hung up."""
        async with asyncio.timeout(60):
            return self._taken(await asyncio.get_running_loop().sock_recv(self._connection, most))

    def take_what_is_there(self, most: int) -> int:
        """The same, or nothing if nothing is there."""
        try:
            return self._taken(self._connection.recv(most))
        except BlockingIOError:
            return 0

    async def until(self, count: int) -> None:
        """Take all, until there were so many responses."""
        while len(self.responses) < count:
            assert await self.take(1 << 16), "the server has hung up"

    def _taken(self, data: bytes) -> int:
        self._frames += data
        while len(self._frames) >= 9:
            head, size = bytes(self._frames[:9]), int.from_bytes(self._frames[:3], "big")
            if len(self._frames) < 9 + size:
                break
            payload = bytes(self._frames[9 : 9 + size])
            del self._frames[: 9 + size]
            self._heard(head[3], head[4], payload)
        return len(data)

    def _heard(self, kind: int, flags: int, payload: bytes) -> None:
        if kind == 0:
            self._data += payload
            while len(self._data) >= 5 and len(self._data) >= (end := 5 + int.from_bytes(self._data[1:5], "big")):
                self.responses.append(DeltaDiscoveryResponse.FromString(bytes(self._data[5:end])))
                del self._data[:end]
        elif said := http2.answer(kind, flags, payload):
            self._connection.send(said)  # so little goes at once


@contextlib.asynccontextmanager
async def taker(address: str, proxy: str) -> AsyncIterator[Taker]:
    """A new one, at `unix:/path` or `host:port`."""
    host, _, place = address.rpartition(":")
    where: str | tuple[str, int] = place if host == "unix" else (host.strip("[]"), int(place))
    family = socket.AF_UNIX if host == "unix" else socket.AF_INET6 if "[" in host else socket.AF_INET
    with socket.socket(family) as made:
        made.setblocking(False)
        if family != socket.AF_UNIX:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, _SEGMENT)
        await asyncio.get_running_loop().sock_connect(made, where)
        one = Taker(made)
        await one.send(http2.call("daemun", PATH, token=proxy))
        yield one
