"""What the servers of tests that speak for themselves have in common."""

import asyncio
import contextlib
import ssl
from typing import Self

from daemun.process.listening import stop_listening


class TcpServer:
    """A server each of whose connections is a task, which ends with it. Subclasses say what they do with one."""

    def __init__(self) -> None:
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, port: int = 0, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Self:
        """Listen, by default on a port that the system chooses and without TLS."""
        self._server = await asyncio.start_server(self._accept, address, port, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def start_at(self, path: str) -> Self:
        """Listen at a Unix socket."""
        self._server = await asyncio.start_unix_server(self._accept, path)
        return self

    async def stop(self) -> None:
        """Stop listening and cut all connections."""
        if self._server is not None:
            await stop_listening(self._server)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._server.wait_closed()
            self._server = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end. It may break off."""
        raise NotImplementedError

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self.serve(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()
