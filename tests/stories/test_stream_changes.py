"""Streams while routes change: new connections and datagrams always find a backend, and no others are disturbed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from support.clients.client import connection
from support.objects.certificates import authority
from support.objects.documents import gateway, listener, reference, route, rule
from support.scenes.world import World, until
from support.servers.ports import free_port
from support.servers.streams import answered, greeted, udp

CA = authority()


class Steady:
    """Something done again and again, and who answered or what went wrong."""

    def __init__(self, once: Callable[[], Awaitable[str]]) -> None:
        self.seen: list[str | Exception] = []
        self._once = once

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                self.seen.append(await self._once())
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                self.seen.append(error)
            await asyncio.sleep(0.001)

    async def sees(self, name: str) -> None:
        """Wait for five answers by this one, the last of all."""
        await until(lambda: len(self.seen) > 5 and self.seen[-5:] == [name] * 5)

    def failed(self) -> list[str | Exception]:
        """What went wrong."""
        return [one for one in self.seen if isinstance(one, Exception)]


@contextlib.asynccontextmanager
async def steadily(once: Callable[[], Awaitable[str]]) -> AsyncIterator[Steady]:
    steady = Steady(once)
    task = asyncio.create_task(steady.run())
    try:
        yield steady
    finally:
        task.cancel()
        await asyncio.wait([task])


async def stats(world: World, *names: str) -> list[int]:
    """Statistics of Envoy."""
    assert world.app is not None
    text = (await world.app.proxies.admin_get("default/gw", "/stats?usedonly")).decode()
    found = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    return [int(found.get(name, "0")) for name in names]


@pytest.mark.parametrize("kind", ["TCPRoute", "UDPRoute", "TLSRoute"])
async def test_flips_between_backends(world: World, kind: str) -> None:
    tls = CA.server("one.example") if kind == "TLSRoute" else None
    backends = ["a", "b", "c", "d", "e"]
    await (world.udp(*backends) if kind == "UDPRoute" else world.tcp(*backends, tls=tls))
    protocol = kind.removesuffix("Route")
    world.write("gateway.yaml", gateway("gw", listener(world.port, "main", protocol=protocol)))
    hosts = ["one.example"] if tls else []

    def to(name: str) -> Any:
        return route("r", rule(to=name), kind=kind, hosts=hosts)

    async def once() -> str:
        if kind == "UDPRoute":
            return await answered(world.port, seconds=1.0)
        return await greeted(world.port, CA.client() if tls else None, hosts[0] if tls else None)

    world.write("route.yaml", to("a"))
    await world.start()
    flips = ["b", "a", *backends * 2]  # some clusters are new, some were there before
    async with steadily(once) as steady:
        await steady.sees("a")
        for name in flips:
            world.write("route.yaml", to(name))
            await steady.sees(name)
    # Envoy replaces a UDP listener as a whole: the answer that is just on its way is lost, and nothing else.
    assert len(steady.failed()) <= (len(flips) if kind == "UDPRoute" else 0), steady.failed()
    assert len(steady.seen) > 60


async def test_only_the_connections_of_a_changed_chain_are_drained(world: World) -> None:
    for name in ("one", "two", "new"):
        await world.tcp(name, tls=CA.server(f"{name}.example"))
    await world.tcp("other")
    away = free_port()

    def to(name: str, backend: str) -> Any:
        return route(name, rule(to=backend), kind="TLSRoute", parents=[main], hosts=[f"{name}.example"])

    main = reference("gw", sectionName="main")
    world.write(
        "gateway.yaml", gateway("gw", listener(world.port, "main", protocol="TLS"), listener(away, protocol="TCP"))
    )
    world.write("one.yaml", to("one", "one"))
    world.write("two.yaml", to("two", "two"))
    world.write("away.yaml", route("away", rule(to="other"), kind="TCPRoute", parents=["gw"]))
    await world.start()
    async with contextlib.AsyncExitStack() as stack:
        open_ = [
            await stack.enter_async_context(connection(world.port, tls=CA.client(), sni=f"{name}.example"))
            for name in ("one", "two")
        ]
        open_.append(await stack.enter_async_context(connection(away)))
        for reader, _ in open_:
            assert (await reader.readline()).endswith(b"\n")
        before = await stats(world, "listener_manager.listener_in_place_updated")
        world.write("one.yaml", to("one", "new"))
        world.write("new.yaml", to("new", "new"))
        client = CA.client()
        client.check_hostname = False
        await until(lambda: _greets(world, client, "one.example", "new"))
        await until(lambda: _greets(world, client, "new.example", "new"))
        names = [f"listener_manager.{name}" for name in ("total_filter_chains_draining", "total_listeners_draining")]
        assert await stats(world, *names) == [1, 0]
        assert await stats(world, "listener_manager.listener_in_place_updated") > before
        for reader, writer in open_:
            writer.write(b"still here\n")
            assert await reader.readline() == b"still here\n"


async def _greets(world: World, client: Any, sni: str, who: str) -> bool:
    assert await greeted(world.port, client, sni) == who
    return True


async def test_a_route_and_a_listener_that_come_together(world: World) -> None:
    await world.tcp("a")
    world.write("gateway.yaml", gateway("gw", listener(world.port, "tcp", protocol="TCP")))
    await world.start()
    second = free_port()
    world.write(
        "gateway.yaml",
        gateway("gw", listener(world.port, "tcp", protocol="TCP"), listener(second, "second", protocol="TCP")),
        route("r", rule(to="a"), kind="TCPRoute"),
    )
    for port in (world.port, second):
        await until(lambda port=port: _is(greeted(port), "a"))  # type: ignore[misc]  # mypy infers no lambda with defaults


async def _is(got: Awaitable[str], wanted: str) -> bool:
    assert await got == wanted
    return True


async def test_a_client_of_datagrams_goes_on_when_its_route_changes(world: World) -> None:
    await world.udp("a", "b")
    world.write("gateway.yaml", gateway("gw", listener(world.port, "udp", protocol="UDP")))
    world.write("route.yaml", route("r", rule(to="a"), kind="UDPRoute"))
    await world.start()
    async with udp(world.port) as client:
        assert (await client.say("before"))[0] == "a"
        world.write("route.yaml", route("r", rule(to="b"), kind="UDPRoute"))
        numbers = iter(range(10_000))

        async def by() -> str:
            return (await client.say(str(next(numbers)), 2.0))[0]

        await until(lambda: _is(by(), "b"))
