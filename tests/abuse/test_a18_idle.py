"""A18: thousands of connections that say nothing. There is a limit to them, and who is already there goes on."""

import asyncio
import contextlib
import resource
import socket
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from support.checks.calm import stays_calm
from support.clients.client import connection, exchange
from support.objects.documents import gateway, listener, route, rule
from support.scenes.world import World, fresh, until

pytestmark = pytest.mark.asyncio(loop_scope="module")
MANY = 4000
"""As many as a small machine has files for; the limit of a proxy is 50,000, or half of its files."""


@pytest.fixture(scope="module", autouse=True)
def files() -> Iterator[None]:
    """As many open files as there may be."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[World]:
    async with fresh() as world:
        await world.echo("a")
        world.write("gateway.yaml", gateway("gw", listener(world.port)))
        world.write("route.yaml", route("r", rule(to="a")))
        await world.start()
        await world.answers(200)
        yield world


@contextlib.contextmanager
def silent(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Connections that say nothing."""
    opened: list[socket.socket] = []
    try:
        opened.extend(socket.create_connection(("127.0.0.1", port), 10) for _ in range(count))
        yield opened
    finally:
        for one in opened:
            one.close()


async def test_a18_thousands_that_say_nothing_disturb_nobody(shared: World) -> None:
    @contextlib.asynccontextmanager
    async def among_many() -> AsyncIterator[None]:
        with silent(shared.port, MANY):
            yield

    await stays_calm(shared, among_many)


async def test_a18_the_limit_holds_and_who_is_there_goes_on(shared: World) -> None:
    """Of more than the limit the rest is sent away at once; when they are gone everybody comes in again."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = 50_000 if hard == resource.RLIM_INFINITY else min(50_000, hard // 2)
    if limit > 20_000:
        pytest.skip(f"a limit of {limit} connections is more than one address of this machine has ports for")
    async with connection(shared.port) as (reader, writer):
        assert (await exchange(reader, writer)).status == 200
        with silent(shared.port, limit + 200):

            async def refused() -> bool:
                try:
                    return (await shared.ask()).status != 200
                except (OSError, asyncio.IncompleteReadError, ValueError, IndexError):
                    return True

            await until(refused)
            for _ in range(20):
                assert (await exchange(reader, writer)).status == 200
    await shared.answers(200)
