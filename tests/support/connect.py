"""A proxy that is asked by HTTP CONNECT, and makes its connections to this machine whatever host it is asked for."""

import asyncio
import contextlib
import ssl

from daemun.listening import stop_listening


class ConnectProxy:
    """Notes the head of each request. With `tls` it is spoken to over TLS."""

    def __init__(self) -> None:
        self.port = 0
        self.heads: list[list[str]] = []
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, tls: ssl.SSLContext | None = None) -> "ConnectProxy":
        """Listen on a port that the system chooses."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        """Stop listening and cut all connections."""
        if self._server is not None:
            await stop_listening(self._server)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip().split("\r\n")
                self.heads.append(head)
                port = int(head[0].split(" ")[1].rpartition(":")[2])
                there, to = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                try:
                    await asyncio.gather(_copy(reader, to), _copy(there, writer))
                finally:
                    to.close()
        finally:
            self._tasks.discard(task)
            writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65536):
        writer.write(chunk)
        await writer.drain()
    writer.write_eof() if writer.can_write_eof() else writer.close()
