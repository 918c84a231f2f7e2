"""A host that is served by a wildcard instead, while it is asked for without a pause."""

import asyncio

import pytest

from support.backend import Echo
from support.client import connection, exchange
from support.documents import gateway, listener, prefix, route, rule, service
from support.world import World, until

HOST, WILDCARD = "a.moving.example", "*.moving.example"
CLIENTS = 3
MOVES = 12


@pytest.mark.asyncio
async def test_a_host_that_moves_to_a_wildcard_with_new_backends_is_always_answered(world: World) -> None:
    servers = [await Echo(name).start() for name in ("a", "b")]
    for one in servers:
        world.closing(one.stop)
    world.write("gateway.yaml", gateway("gw", listener(world.port)))

    def serve(hostname: str, number: int, server: Echo) -> None:
        made = route("moving", rule(prefix("/"), to=f"s{number}"), hosts=[hostname])
        world.write("moving.yaml", service(f"s{number}", server.port), made)

    serve(HOST, 0, servers[0])
    await world.start()
    wrong: list[int] = []
    answers = 0
    moving = False
    done = asyncio.Event()

    async def ask() -> None:
        """What comes of the way back counts for nothing: until the first server answers again on this connection."""
        nonlocal answers
        back = False
        async with connection(world.port) as (reader, writer):
            while not done.is_set():
                counts = moving and back
                got = await exchange(reader, writer, host=HOST)
                back = got.backend == "a" or (moving and back)
                if counts and moving:
                    answers += 1
                    if got.status != 200:
                        wrong.append(got.status)

    async with asyncio.TaskGroup() as clients:
        for _ in range(CLIENTS):
            clients.create_task(ask())
        for number in range(1, MOVES):
            moving = True
            serve(WILDCARD, number, servers[1])
            await world.answered_by("b", host=HOST)
            moving = False
            serve(HOST, number + MOVES, servers[0])
            await world.answered_by("a", host=HOST)
            await until(lambda: world.app is not None and world.app.plane.xds.synced("default/gw"))
        done.set()
    assert wrong == [], f"{len(wrong)} of {answers}"
    assert answers > MOVES
