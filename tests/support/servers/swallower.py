"""Something between a proxy and its control plane that swallows what either says, and leaves their connections open."""

import asyncio

from support.servers.tcp import TcpServer


class Swallower(TcpServer):
    """Passes connections to its socket on to another one.

    Those that stand when `swallow` is called are deaf from then on: neither end hears of it. Later ones are well.
    """

    def __init__(self, target: str) -> None:
        super().__init__()
        self._target = target
        self._deaf = asyncio.Event()
        self._said = self._heard = True
        self.open = 0
        """Connections."""

    def swallow(self, *, said: bool, heard: bool) -> None:
        """From now on what those who are connected say is lost, or what they are told, or both."""
        before, self._deaf = self._deaf, asyncio.Event()
        self._said, self._heard = said, heard
        before.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: when either end has hung up, the other one is hung up on."""
        deaf = self._deaf
        self.open += 1
        try:
            back, forth = await asyncio.open_unix_connection(self._target)
            ways = [
                asyncio.create_task(self._pass(reader, forth, deaf, said=True)),
                asyncio.create_task(self._pass(back, writer, deaf, said=False)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                forth.close()
        finally:
            self.open -= 1

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, deaf: asyncio.Event, *, said: bool
    ) -> None:
        while data := await reader.read(1 << 16):
            if not (deaf.is_set() and (self._said if said else self._heard)):
                writer.write(data)
                await writer.drain()
