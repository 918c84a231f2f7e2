"""A proxy that is asked by HTTP CONNECT, and makes its connections to this machine whatever host it is asked for."""

import asyncio

from support.servers.tcp import TcpServer


class ConnectProxy(TcpServer):
    """Notes the head of each request. With `tls` it is spoken to over TLS."""

    def __init__(self) -> None:
        super().__init__()
        self.heads: list[list[str]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Copy both ways."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip().split("\r\n")
        self.heads.append(head)
        port = int(head[0].split(" ")[1].rpartition(":")[2])
        there, to = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            await asyncio.gather(_copy(reader, to), _copy(there, writer))
        finally:
            to.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65536):
        writer.write(chunk)
        await writer.drain()
    writer.write_eof() if writer.can_write_eof() else writer.close()
