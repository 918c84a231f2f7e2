"""The health server, over real connections on loopback."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from daemun.replica import health
from daemun.replica.health import HealthServer


class Server:
    """A health server that listens, and raw requests to it."""

    def __init__(self) -> None:
        self.ready = {"sources": True, "xds": False}
        checks = {name: lambda name=name: self.ready[name] for name in self.ready}
        self.health = HealthServer(checks, lambda: b"some 1\n", "text/plain; version=1")

    async def ask(self, request: str) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request.encode())
        try:
            return (await reader.read()).decode()
        finally:
            writer.close()

    async def get(self, path: str) -> tuple[int, str]:
        head, _, body = (await self.ask(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).partition("\r\n\r\n")
        return int(head.split()[1]), body


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    one = Server()
    one.port = await one.health.start("127.0.0.1", 0)
    yield one
    await one.health.stop()


async def test_it_lives(server: Server) -> None:
    assert await server.get("/healthz") == (200, "ok\n")


async def test_ready_is_when_all_is_and_it_says_what_is_not(server: Server) -> None:
    assert await server.get("/readyz") == (503, "sources: ok\nxds: not yet\n")
    server.ready["xds"] = True
    assert await server.get("/readyz?verbose") == (200, "sources: ok\nxds: ok\n")


async def test_metrics(server: Server) -> None:
    answer = await server.ask("GET /metrics HTTP/1.1\r\n\r\n")
    assert answer.endswith("\r\n\r\nsome 1\n")
    assert "Content-Type: text/plain; version=1\r\nContent-Length: 7\r\n" in answer


async def test_only_what_there_is(server: Server) -> None:
    assert (await server.get("/"))[0] == 404
    assert (await server.ask("POST /healthz HTTP/1.1\r\n\r\n")).startswith("HTTP/1.1 405 ")
    head = await server.ask("HEAD /healthz HTTP/1.1\r\n\r\n")
    assert head.startswith("HTTP/1.1 200 ")
    assert head.endswith("\r\n\r\n")


@pytest.mark.parametrize("nonsense", ["\r\n\r\n", "\x00\xff\r\n\r\n", "GET\r\n\r\n", "GET  \r\n\r\n"])
async def test_nonsense_is_answered(server: Server, nonsense: str) -> None:
    assert (await server.ask(nonsense)).startswith("HTTP/1.1 40")
    assert (await server.get("/healthz"))[0] == 200


async def test_a_request_without_end_is_cut_off(server: Server) -> None:
    with contextlib.suppress(ConnectionError):  # what we sent too much may be answered with a reset
        assert await server.ask("GET /" + "a" * 3 * health.MOST_BYTES) == ""
    assert (await server.get("/healthz"))[0] == 200


async def test_who_says_nothing_is_hung_up_on(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "SECONDS", 0.1)
    assert await server.ask("GET /healthz") == ""


async def test_a_crowd_of_the_silent_is_bounded(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "MOST_CONNECTIONS", 2)
    silent = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(2)]
    assert (await server.ask("")) == ""  # hung up on at once
    for _, writer in silent:
        writer.close()
    async with asyncio.timeout(30):
        while not await server.ask("GET /healthz HTTP/1.1\r\n\r\n"):
            pass


async def test_stopping_hangs_up(server: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET")
    await asyncio.sleep(0)
    await server.health.stop()
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
