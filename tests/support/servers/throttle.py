"""Something between a client and its server that passes on only so much of what the server says."""

import asyncio
import socket

from support.servers.tcp import TcpServer

_PIECE = 1 << 14


class Throttle(TcpServer):
    """Passes connections on to a port. What the server says waits until it is let through."""

    def __init__(self, target: int) -> None:
        super().__init__()
        self._target = target
        self._allowed = 0
        self._passed = 0
        self._moved = asyncio.Condition()

    async def let(self, count: int) -> None:
        """Let so many bytes more through."""
        async with self._moved:
            self._allowed += count
            self._moved.notify_all()

    async def passed(self, count: int) -> None:
        """Wait until so many bytes have been let through."""
        async with self._moved:
            await self._moved.wait_for(lambda: self._passed >= count)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: when either end has hung up, the other one is hung up on."""
        back, forth = await asyncio.open_connection(sock=await self._narrow(), limit=_PIECE)
        ways = [asyncio.create_task(self._say(reader, forth)), asyncio.create_task(self._hear(back, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            forth.close()

    async def _narrow(self) -> socket.socket:
        """A connection to the target that takes little before it is read, in segments as on a real network."""
        made = socket.socket()
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _PIECE)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1400)
        await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", self._target))
        return made

    async def _say(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_PIECE):
            writer.write(data)
            await writer.drain()

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            async with self._moved:
                await self._moved.wait_for(lambda: self._passed < self._allowed)
            if not (data := await reader.read(min(_PIECE, self._allowed - self._passed))):
                return
            writer.write(data)
            await writer.drain()
            async with self._moved:
                self._passed += len(data)
                self._moved.notify_all()
