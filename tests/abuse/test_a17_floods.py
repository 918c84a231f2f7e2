"""A17: floods of HTTP/2 frames cost the connection that sends them, and healthy clients hardly notice."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from support.checks.calm import stays_calm
from support.clients.http2 import continuation, empty_data, headers, http2, ping, settings
from support.objects.documents import gateway, listener, route, rule
from support.scenes.world import World, fresh

pytestmark = pytest.mark.asyncio(loop_scope="module")
GET = b"\x82\x86\x44\x01/\x41\x04test"
"""GET / of `test`, with nothing in a table."""
BOMB = b"\x40\x01a\x7f\xa1\x1e" + b"a" * 4000
"""A header that goes into the table; two bytes name it again from then on."""
FLOODS = {
    "CONTINUATION": (headers(GET), [continuation(b"\x00\x01a\x01b" * 100)]),
    "empty CONTINUATION": (headers(GET), [continuation(b"")]),
    "HPACK bomb": (headers(GET), [continuation(BOMB), continuation(b"\xbe" * 8000)]),
    "SETTINGS": (b"", [settings()]),
    "PING": (b"", [ping()]),
    "empty DATA": (headers(GET, flags=4), [empty_data()]),
}
MOST_BYTES = 256 << 20
"""More than any of them can send within a second, in which a connection that has an error is kept to say so."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[World]:
    async with fresh() as world:
        await world.echo("a")
        world.write("gateway.yaml", gateway("gw", listener(world.port)))
        world.write("route.yaml", route("r", rule(to="a")))
        await world.start()
        await world.answers(200)
        yield world


@pytest.mark.parametrize("kind", FLOODS)
async def test_a17_a_flood_costs_the_connection(shared: World, kind: str) -> None:
    async with http2(shared.port) as two:
        begin, frames = FLOODS[kind]
        assert await two.flood(begin, *frames) < MOST_BYTES
    assert (await shared.ask()).status == 200


async def test_a17_healthy_clients_are_answered_meanwhile(shared: World) -> None:
    """All floods at once, again and again: nobody else fails, and p99 is at most doubled, or still calm."""

    async def attack(kind: str) -> None:
        while True:
            with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                async with http2(shared.port) as two:
                    begin, frames = FLOODS[kind]
                    await two.flood(begin, *frames)

    @contextlib.asynccontextmanager
    async def attacked() -> AsyncIterator[None]:
        attackers = [asyncio.create_task(attack(kind)) for kind in FLOODS]
        try:
            yield
        finally:
            for one in attackers:
                one.cancel()
            await asyncio.gather(*attackers, return_exceptions=True)

    await stays_calm(shared, attacked)
