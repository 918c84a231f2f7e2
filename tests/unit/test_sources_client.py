"""The client for servers that operators and tenants name: what is bounded, refused and said."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from aiohttp import web

from daemun.base.guard import LOOPBACK, Guard
from daemun.fetch import names
from daemun.sources.client import Client, NoAnswerError
from support.servers.sites import serve as served

Serve = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[str]]


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts a server that answers everything so, and says where it is."""
    async with contextlib.AsyncExitStack() as sites:

        async def start(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> str:
            return (await sites.enter_async_context(served(answer))).url

        yield start


async def said(client: Client, url: str, seconds: float = 30.0) -> str:
    """Why there is no answer."""
    try:
        with pytest.raises(NoAnswerError) as caught:
            await client.ask("GET", url, seconds=seconds)
    finally:
        await client.close()
    return str(caught.value)


async def test_an_answer_is_what_came_back_and_nobody_is_followed(serve: Serve) -> None:
    async def moved(request: web.Request) -> web.Response:
        headers = {"Location": "/elsewhere", "Retry-After": "7"}
        return web.Response(status=307, text=f"{request.method} {request.path_qs}", headers=headers)

    client = Client()
    answer = await client.ask("POST", await serve(moved) + "/a", params={"b": "c d"}, body=b"x", seconds=5)
    await client.close()
    assert (answer.status, answer.body, answer.after, answer.elsewhere) == (307, b"POST /a?b=c+d", 7.0, True)


async def test_what_is_too_large_or_too_late_is_no_answer(serve: Serve) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * (1 << 16))

    async def silent(_: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    assert await said(Client(most_bytes=1 << 20), await serve(endless)) == (
        "does not answer: what it says is larger than 1 MiB"
    )
    assert await said(Client(), await serve(silent), 0.05) == "does not answer within 0.05 s"


async def test_a_guard_refuses_addresses_and_names_that_stand_for_them(serve: Serve) -> None:
    asked: list[str] = []

    async def heard(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response()

    url = await serve(heard)
    closed = "http://127.0.0.1:1"
    for one in (url, url.replace("127.0.0.1", "localhost"), closed):
        assert "is this machine's own, which is not allowed" in await said(Client(guard=Guard()), one)
    assert asked == []
    client = Client(guard=Guard.of(*LOOPBACK))
    assert (await client.ask("GET", url + "/in", seconds=5)).status == 200
    await client.close()
    assert asked == ["/in"]


async def test_a_name_is_judged_by_the_address_that_is_connected_to(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def heard(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response()

    port = int((await serve(heard)).rpartition(":")[2])

    async def lookup(*_: object) -> list[str]:
        return ["127.0.0.1"]

    monkeypatch.setattr(names, "lookup", lookup)
    found = await said(Client(guard=Guard()), f"http://harmless.example:{port}")
    assert "is this machine's own, which is not allowed" in found
    assert asked == []
