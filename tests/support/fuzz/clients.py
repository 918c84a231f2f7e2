"""Backends that tell what they saw, and clients that ask without a pause on connections that they keep."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import NamedTuple

from daemun.process.listening import stop_listening
from support.clients import client
from support.fuzz import settings
from support.fuzz.credentials import KEY_HEADER, KEYS, TOKENS
from support.fuzz.history import History
from support.fuzz.outcomes import NOT_LISTENING, SAID, Answer
from support.fuzz.pieces import SLOWLY
from support.fuzz.routing import Request
from support.objects.certificates import authority
from support.servers.ports import free_port

NAMES = ("a", "b", "c", "d", "e", "f")
MISDIRECTED = 421


@contextlib.asynccontextmanager
async def backends() -> AsyncIterator[dict[str, int]]:
    """Servers for the time of the block; the ports by the names."""
    async with contextlib.AsyncExitStack() as stack:
        ports = {}
        for name in NAMES:
            server = await asyncio.start_server(_Backend(name).serve, "127.0.0.1", free_port())
            stack.push_async_callback(stop_listening, server)
            ports[name] = server.sockets[0].getsockname()[1]
        yield ports


class _Backend:
    """Answers at once; whether it is healthy it says after as many seconds as it is asked to take."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                first, *lines = head.split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in lines if line)
                if first.startswith(f"GET {SLOWLY}"):
                    await asyncio.sleep(float(first.split()[1].removeprefix(SLOWLY)))
                seen = " ".join((first.split()[1], headers["host"], headers.get("x-tag", "-")))
                answer = f"HTTP/1.1 200 OK\r\nx-backend: {self._name}\r\nx-seen: {seen}\r\ncontent-length: 0\r\n\r\n"
                writer.write(answer.encode())
        writer.close()


class Requests:
    """Random requests, most of which fit a route that there is; half of them one that has just changed."""

    def __init__(self, chance: random.Random, ports: settings.Ports) -> None:
        self._chance = chance
        self._ports = ports

    def next(self, history: History) -> Request:
        """A request."""
        chance = self._chance
        if chance.random() < 0.2:
            return self._at(chance.choice(settings.HOSTS), chance.choice(settings.PATHS))
        key, route = chance.choice((chance.random() < 0.6 and history.recent) or history.now.objects.routes)
        hostname = chance.choice(route["spec"].get("hostnames") or settings.HOSTS)
        host = hostname.replace("*", chance.choice(("z", "b", "q.b")), 1)
        match = chance.choice(chance.choice(route["spec"]["rules"]).get("matches") or [{}])
        if key.kind == "GRPCRoute":
            return self._at(host, f"/shop.A/{chance.choice(('Get', 'Put'))}")
        path = match.get("path", {"value": "/"})
        wanted = chance.choice(settings.PATHS) if path.get("type") == "RegularExpression" else path["value"]
        if chance.random() < 0.3:
            wanted = f"{wanted.rstrip('/')}/{chance.choice(('b', 'c', '7', 'b/c/d', 'b/c/d/3/e'))}"
        return self._at(host, wanted, fit=match)

    def _at(self, host: str, path: str, fit: dict[str, object] | None = None) -> Request:
        chance = self._chance
        likely = 0.8 if fit else 0.1
        headers = [("x-a", "1")] if chance.random() < (likely if fit and "headers" in fit else 0.1) else []
        if chance.random() < 0.7:
            headers.append((KEY_HEADER, chance.choice(tuple(KEYS.values()))))
        if chance.random() < 0.7:
            headers.append(("authorization", chance.choice(tuple(TOKENS.values()))))
        query = "q=1" if chance.random() < (likely if fit and "queryParams" in fit else 0.1) else ""
        method = "POST" if chance.random() < (likely if fit and "method" in fit else 0.1) else "GET"
        tls = host in settings.SECURE and chance.random() < 0.7
        port = self._ports.secure if tls else chance.choice((self._ports.first, self._ports.first, self._ports.second))
        written = chance.choice((host.upper(), host.title(), f"{host}:{port}", f"{host.upper()}:80"))
        return Request(port, host, path, method, query, tuple(headers), tls, written if chance.random() < 0.2 else "")


class _Opened(NamedTuple):
    stack: contextlib.AsyncExitStack
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Client:
    """A client with a connection for each port; over TLS for each host."""

    def __init__(self) -> None:
        self.opened: Counter[int] = Counter()
        self._open: dict[tuple[int, str], _Opened] = {}

    async def ask(self, request: Request) -> Answer:
        """One request."""
        where = (request.port, request.host if request.tls else "")
        try:
            return await self._ask(where, request)
        except (OSError, asyncio.IncompleteReadError):
            await self._close(where)
            # A connection that was closed meanwhile; a new one is not.
            with contextlib.suppress(ConnectionError):
                return await self._ask(where, request)
            await self._close(where)
            return NOT_LISTENING

    async def close(self) -> None:
        """Close all connections."""
        for where in list(self._open):
            await self._close(where)

    async def _ask(self, where: tuple[int, str], request: Request) -> Answer:
        one = self._open.get(where) or await self._connect(where)
        host = request.written or request.host
        got = await client.exchange(
            one.reader, one.writer, request.target, request.method, host=host, headers=request.headers
        )
        if got.status == MISDIRECTED or got.headers.get("connection") == "close":
            await self._close(where)
            if got.status == MISDIRECTED:  # a listener has come for the host since
                return await self._ask(where, request)
        if got.status == 200:
            path, host, tag = got.headers["x-seen"].split()
            said = tuple(got.headers.get(name, "") for name in SAID)
            return Answer(200, got.backend, (path, host, tag.removeprefix("-")), said)
        return Answer(got.status, seen=tuple(filter(None, [got.headers.get("location")])))

    async def _connect(self, where: tuple[int, str]) -> _Opened:
        port, name = where
        stack = contextlib.AsyncExitStack()
        tls = authority().client() if name else None
        reader, writer = await stack.enter_async_context(client.connection(port, tls=tls, sni=name or None))
        self.opened[port] += 1
        one = self._open[where] = _Opened(stack, reader, writer)
        return one

    async def _close(self, where: tuple[int, str]) -> None:
        one = self._open.pop(where, None)
        if one is not None:
            await one.stack.aclose()
