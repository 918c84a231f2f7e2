"""Options of a port's sockets change while it is open: in a folder it is closed for a moment, and opened with them."""

import socket
from typing import Any

from test_gloo_options import option, target

from support.clients.client import Answer, ask, connection
from support.objects.documents import gateway, listener, route, rule
from support.scenes.world import Load, World, load, until

TWO, THREE = "127.0.0.2", "127.0.0.3"
SHORT = {"level": 6, "name": 2, "intValue": 1000, "state": "STATE_PREBIND"}
"""Clients are told of segments of TCP of at most 1000 bytes."""
NO_SUCH = {"level": 6, "name": 9999, "intValue": 1, "state": "STATE_PREBIND"}


def options(world: World, *wanted: dict[str, Any], **others: Any) -> None:
    """What the Gateway's ports are to be opened with."""
    at = target("Gateway", "gw")
    world.write("option.yaml", option("ListenerOption", "o", at, socketOptions=list(wanted), **others))


async def opened(world: World, address: str, *, short: bool) -> None:
    """Wait until the port has been opened with the option, or without."""

    async def is_so() -> bool:
        async with connection(world.port, address) as (_, writer):
            segment = writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
        return (segment <= SHORT["intValue"]) == short

    await until(is_so)


async def programmed(world: World) -> None:
    """Wait until nothing is wrong."""
    await until(lambda: not world.problems())
    await until(lambda: world.condition("Gateway", "gw", "Programmed", "http")[0] == "True")


async def serve(world: World, *addresses: str) -> None:
    """A Gateway with these addresses, and a port without any options."""
    await world.echo("a")
    world.write("gateway.yaml", gateway("gw", listener(world.port), addresses=addresses))
    world.write("route.yaml", route("r", rule(to="a")))
    options(world)
    await world.start()


def only_unopened(loads: Load) -> None:
    """All requests that were taken were answered; those that failed found a port that nobody had."""
    assert all(isinstance(one, ConnectionError) for one in loads.failed()), loads.failed()


async def test_they_come_and_change_and_go_and_every_request_that_is_taken_is_answered(world: World) -> None:
    await serve(world, TWO, THREE)

    async def once() -> Answer:
        return await ask(world.port, address=TWO)

    async with load(once) as loads:
        for short in (True, False, True):
            options(world, *([SHORT] if short else []))
            for address in (TWO, THREE):
                await opened(world, address, short=short)
            await programmed(world)
    only_unopened(loads)


async def test_one_that_cannot_be_is_told_and_the_port_stays_as_it_was(world: World) -> None:
    await serve(world)
    options(world, SHORT)
    await opened(world, "127.0.0.1", short=True)
    options(world, SHORT, NO_SUCH)
    problem = await world.problem("ListenerOption default/o", "socket option")
    await until(lambda: world.condition("Gateway", "gw", "Programmed", "http")[0] == "False")
    await opened(world, "127.0.0.1", short=True)
    options(world)
    await opened(world, "127.0.0.1", short=False)
    await world.solved(problem)
    await programmed(world)


async def test_what_else_is_wrong_with_the_port_does_not_close_it(world: World) -> None:
    await serve(world)

    async def once() -> Answer:
        return await ask(world.port)

    async with load(once) as loads:
        log = {"accessLog": [{"fileSink": {"path": "/nowhere/at/all"}}]}
        options(world, SHORT, accessLoggingService=log)
        await world.problem("ListenerOption default/o", "unable to open file '/nowhere/at/all'")
        await loads.more(10)
        await opened(world, "127.0.0.1", short=False)
    assert not loads.failed()
