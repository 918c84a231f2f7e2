"""A server of authorization of somebody else's, over HTTP: it knows some words, and what it was asked."""

import asyncio
from types import TracebackType
from typing import Self

from daemun.process.listening import stop_listening


class Checker:
    """Answers 200 to who says a `good` word in the header authorization, and tells the backend that it is `ann`."""

    def __init__(self) -> None:
        self.good: set[str] = set()
        self.asked: list[str] = []
        self.port = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            await stop_listening(self._server)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        self.asked.append(first.split(" ")[1])
        headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)}
        known = headers.get("authorization") in self.good
        said = "200 OK\r\nx-user: ann" if known else "401 No\r\nwww-authenticate: word"
        writer.write(f"HTTP/1.1 {said}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        writer.close()
