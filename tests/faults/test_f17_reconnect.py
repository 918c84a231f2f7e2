"""F17: all proxies of a Gateway connect at once, one of them reads nothing. Each gets everything, and soon."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator

from daemun.ir.resource import CLUSTER, SCOPE, TYPES
from daemun.xds.flight import MOST_OVERTAKEN
from daemun.xds.session import Session
from support.clients.xds_clients import Client
from support.envoys.siblings import siblings
from support.objects.documents import exact, gateway, listener, prefix, route, rule
from support.scenes.world import World, until

ROUTES = 1000
CLIENTS = 45
PROMISED = 5.0
ENVOYS = 4
"""Besides the one that serves."""
PROXY = "default/gw"


async def _served(world: World) -> tuple[str, str]:
    """The address and token of its xDS server."""
    await world.echo("a", "b")
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    every = [route(f"r{n}", rule(prefix("/"), to="a"), hosts=[f"h{n}.example"]) for n in range(ROUTES)]
    world.write("routes.yaml", *every)
    world.write("changing.yaml", route("changing", rule(exact("/"), to="a")))
    await world.start(shared_host=False)  # several Envoys can listen on one port
    assert world.app is not None
    (token,) = world.app.proxies.tokens()
    return f"unix:{world.app._xds_socket}", token


def _wanted(world: World) -> int:
    assert world.app is not None
    every = world.app.plane.xds._proxies[PROXY].wanted
    return sum(len(one) for one in every._types.values())


async def test_f17_fifty_proxies_connect_at_once(world: World) -> None:
    address, token = await _served(world)
    assert world.app is not None
    proxy = world.app.plane.xds._proxies[PROXY]
    async with siblings(world, PROXY, ENVOYS):
        async with _clients(world, address, token, 1) as one:
            alone = await _served_in(one, 1)
        async with _clients(world, address, token, CLIENTS) as many:
            # On a machine that is busy it takes longer; but never longer than one after another.
            patience = max(PROMISED, CLIENTS * alone)
            assert await _served_in(many, CLIENTS) < patience
            await until(lambda: len(proxy._sessions) == 1 + ENVOYS + CLIENTS and proxy.synced())
            # All of them lose their server and come back to it at once.
            xds = world.app.plane.xds
            await xds.stop()
            await xds.start(address)
            assert await _served_in(many, CLIENTS) < patience
            await until(lambda: len(proxy._sessions) == 1 + ENVOYS + CLIENTS and proxy.synced())
            world.write("changing.yaml", route("changing", rule(exact("/"), to="b")))
            await world.answered_by("b")


@contextlib.asynccontextmanager
async def _clients(world: World, address: str, token: str, count: int) -> AsyncIterator[asyncio.StreamReader]:
    """So many clients in a process of their own; what they print."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "support.clients.xds_clients", address, token, str(count), str(_wanted(world))),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.kill()
        await process.wait()


async def _served_in(clients: asyncio.StreamReader, count: int) -> float:
    """After how many seconds the last of them had everything."""
    async with asyncio.timeout(60):
        seconds = [float(await clients.readline()) for _ in range(count)]
    print(f"{count} clients: {min(seconds):.2f} to {max(seconds):.2f} s")
    return max(seconds)


async def test_f17_who_reads_nothing_delays_nobody_and_costs_little(world: World) -> None:
    address, token = await _served(world)
    assert world.app is not None
    xds = world.app.plane.xds
    slow, quick = Client(address, token), Client(address, token)
    try:
        await slow.ask(*TYPES)
        await quick.begin()
        while len(quick.have) < _wanted(world):
            await quick.take()
        sessions = list(xds._proxies[PROXY]._sessions)
        assert len(sessions) == 3
        await until(lambda: sum(not one.synced() for one in sessions) == 1)
        (stuck,) = (one for one in sessions if not one.synced())
        await until(lambda: len(_under_way(stuck)) == len(TYPES) - 1 and None not in _under_way(stuck).values())
        before = _under_way(stuck)
        for turn in range(30):
            began = _version(world)
            world.write("changing.yaml", route("changing", rule(exact("/"), to="ba"[turn % 2])))
            await world.answered_by("ba"[turn % 2])
            while (await quick.take()).type_url != SCOPE:
                pass
            assert _version(world) != began
        # It has one response of each type to read, and no more: what is new meanwhile is a name to be looked at.
        assert _under_way(stuck) == before
        assert len(stuck.subscription(CLUSTER).flights) <= MOST_OVERTAKEN + 1, "clusters do not wait so long"
        assert not xds.synced(PROXY)
    finally:
        await slow.close()
        await quick.close()
    await until(lambda: xds.synced(PROXY))


def _under_way(session: Session) -> dict[str, str | None]:
    every = {type_url: one.flights.last for type_url, one in session._subscriptions.items() if type_url != CLUSTER}
    return {type_url: flight and flight.nonce for type_url, flight in every.items()}


def _version(world: World) -> list[str]:
    assert world.app is not None
    return [one.version for one in world.app.plane.xds._proxies[PROXY].wanted.of_type(SCOPE).values()]
