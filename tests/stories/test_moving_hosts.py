"""A route that moves between an exact hostname and wildcards, and between paths, while it is asked for all the time."""

import asyncio
import itertools
from collections.abc import Iterator

import pytest

from support.clients.client import connection, exchange
from support.objects.certificates import authority
from support.objects.documents import gateway, listener, prefix, route, rule, secret, service
from support.scenes.world import World
from support.servers.backend import Echo

HOST = "a.moving.example"
HOSTNAMES = (HOST, "*.moving.example", "*.example", HOST, "*.example", "*.moving.example")
PATHS = ("/", "/a", "/a/b", "/a", "/a/b")
ASKED = "/a/b/c"
PAUSES = (None, 0.0, 0.01, 0.005, None, 0.03, 0.02)
"""Seconds between two moves; None: until the last one is answered."""
CLIENTS = 3
MOVES = 48
MANY = 60
"""Hosts with which a port is not small any more."""


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("others", "tls"), [(0, False), (MANY, False), (0, True)], ids=["few hosts", "many hosts", "several TLS listeners"]
)
async def test_a_route_that_moves_with_a_new_backend_each_time_always_answers(
    world: World, others: int, tls: bool
) -> None:
    servers = [await Echo(f"e{number}").start() for number in range(4)]
    for one in servers:
        world.closing(one.stop)
    trust, sni = (authority().client(), HOST) if tls else (None, None)
    world.write("gateway.yaml", *(_several_tls_listeners(world.port) if tls else _one_listener(world.port)))
    world.write("others.yaml", *_others(others, servers[0].port))

    def move(number: int) -> str:
        name, server = f"s{number}", servers[number % len(servers)]
        path = prefix(PATHS[number % len(PATHS)])
        made = route("moving", rule(path, to=name), hosts=[HOSTNAMES[number % len(HOSTNAMES)]])
        world.write("moving.yaml", service(name, server.port), made)
        return server.name

    first = move(0)
    await world.start()
    await world.answered_by(first, ASKED, host=HOST, tls=trust, sni=sni)
    done = asyncio.Event()
    wrong: list[int] = []
    answers = 0

    async def ask() -> None:
        nonlocal answers
        async with connection(world.port, tls=trust, sni=sni) as (reader, writer):
            while not done.is_set():
                got = await exchange(reader, writer, ASKED, host=HOST)
                answers += 1
                if got.status != 200:
                    wrong.append(got.status)

    async with asyncio.TaskGroup() as clients:
        for _ in range(CLIENTS):
            clients.create_task(ask())
        for number, pause in zip(range(1, MOVES), itertools.cycle(PAUSES), strict=False):
            name = move(number)
            if pause is None or number == MOVES - 1:
                await world.answered_by(name, ASKED, host=HOST, tls=trust, sni=sni)
            else:
                await asyncio.sleep(pause)
        done.set()
    assert wrong == [], f"{len(wrong)} of {answers}"
    assert answers > MOVES


def _one_listener(port: int) -> Iterator[dict[str, object]]:
    yield gateway("gw", listener(port))


def _several_tls_listeners(port: int) -> Iterator[dict[str, object]]:
    """Each host refuses what comes over the connections of other listeners."""
    yield gateway(
        "gw", listener(port, certs=["pair"]), listener(port, "other", hostname="*.other.example", certs=["pair"])
    )
    yield secret("pair", *authority().issue(HOST))


def _others(count: int, port: int) -> Iterator[dict[str, object]]:
    yield service("others", port)
    for number in range(count):
        yield route(f"other-{number}", rule(prefix("/"), to="others"), hosts=[f"other-{number}.example"])
