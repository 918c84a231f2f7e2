"""TCPRoutes and UDPRoutes: whole ports, shared by weight, and routes that come, go and change."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable
from typing import Any

import pytest

from support.clients.client import connection
from support.objects.documents import backend, gateway, listener, reference, route, rule
from support.scenes.world import World, until
from support.servers.ports import free_port
from support.servers.streams import answered, greeted, refused, udp


def tcp_route(name: str, *to: str | dict[str, Any], **more: Any) -> dict[str, Any]:
    return route(name, rule(to=to), kind="TCPRoute", **more)


def udp_route(name: str, *to: str | dict[str, Any], **more: Any) -> dict[str, Any]:
    return route(name, rule(to=to), kind="UDPRoute", **more)


async def test_a_port_for_each_route_and_tcp_and_udp_apart(world: World) -> None:
    await world.tcp("a", "b")
    await world.udp("u")
    other = free_port()
    world.write(
        "gateway.yaml",
        gateway(
            "gw",
            listener(world.port, "one", protocol="TCP"),
            listener(other, "two", protocol="TCP"),
            listener(world.port, "datagrams", protocol="UDP"),
        ),
        tcp_route("a", "a", parents=[reference("gw", port=world.port)]),
        tcp_route("b", "b", parents=[reference("gw", sectionName="two")]),
        udp_route("u", "u"),
    )
    await world.start()
    assert await greeted(world.port) == "a"
    assert await greeted(other) == "b"
    assert await answered(world.port) == "u"
    async with connection(world.port) as (reader, writer):
        assert await reader.readline() == b"a\n"
        writer.write(b"as it is \x00\xff")
        assert await reader.readexactly(11) == b"as it is \x00\xff"
        writer.write_eof()
        assert await reader.read() == b""  # half-closed, answered, closed
    async with udp(world.port) as client:
        seen = {await client.say(str(number)) for number in range(20)}
        assert len(seen) == 1, "one client, one session"


async def test_weights(world: World) -> None:
    await world.tcp("a", "b", "c")
    await world.udp("u", "v", "w")
    shares = {"a": 6, "b": 2, "c": 0, "nobody": 2}
    world.write(
        "all.yaml",
        gateway("gw", listener(world.port, "tcp", protocol="TCP"), listener(world.port, "udp", protocol="UDP")),
        tcp_route("t", *[backend(name, weight) for name, weight in shares.items()]),
        udp_route("u", backend("u", 6), backend("v", 2), backend("w", 0), backend("nobody", 2)),
    )
    await world.start(clean=False)
    await world.problem("TCPRoute default/t", "nobody does not exist")
    await world.problem("UDPRoute default/u", "nobody does not exist")

    async def tcp() -> str:
        try:
            return await greeted(world.port)
        except (asyncio.IncompleteReadError, ConnectionError):
            return "nobody"

    async def connections(count: int) -> list[str]:
        return await asyncio.gather(*[tcp() for _ in range(count)])

    async def datagrams(count: int) -> list[str]:
        """Who answers; nobody does when Envoy has counted a datagram as one that goes nowhere."""
        before = await _gone_nowhere(world)
        asking = [asyncio.create_task(answered(world.port, seconds=60)) for _ in range(count)]

        async def settled() -> bool:
            nowhere = await _gone_nowhere(world) - before
            return sum(one.done() for one in asking) + nowhere == count

        await until(settled, 60)
        for one in asking:
            one.cancel()
        found = await asyncio.gather(*asking, return_exceptions=True)
        return [one if isinstance(one, str) else "nobody" for one in found]

    for some, names in ((connections, "abc"), (datagrams, "uvw")):
        found: Counter[str] = Counter()
        for _ in range(10):
            found.update(await some(100))
        first, second, none = names
        # Five standard deviations: it fails by chance once in a million runs.
        assert abs(found[first] - 600) < 78, found
        assert abs(found[second] - 200) < 64, found
        assert abs(found["nobody"] - 200) < 64, found
        assert not found[none], found


async def _gone_nowhere(world: World) -> int:
    assert world.app is not None
    told = await world.app.proxies.admin_get("default/gw", "/stats?filter=downstream_sess_no_route")
    return int(told.split()[-1])


async def test_the_oldest_route_has_the_port(world: World) -> None:
    await world.tcp("a", "b")
    world.write("gateway.yaml", gateway("gw", listener(world.port, "tcp", protocol="TCP")))
    world.write("young.yaml", tcp_route("a-young", "b", created="2026-02-01T00:00:00Z"))
    await world.start()
    assert await greeted(world.port) == "b"
    old = world.write("old.yaml", tcp_route("z-old", "a", created="2026-01-01T00:00:00Z"))
    await until(lambda: _is(greeted(world.port), "a"))
    assert {await greeted(world.port) for _ in range(20)} == {"a"}
    assert world.condition("TCPRoute", "a-young", "Accepted")[:2] == ("True", "Accepted")
    old.unlink()
    await until(lambda: _is(greeted(world.port), "b"))


async def _is(got: Awaitable[object], wanted: str) -> bool:
    assert await got == wanted
    return True


async def test_without_a_route_or_a_backend_connections_are_closed(world: World) -> None:
    await world.tcp("a")
    await world.udp("u")
    world.write(
        "gateway.yaml",
        gateway("gw", listener(world.port, "tcp", protocol="TCP"), listener(world.port, "udp", protocol="UDP")),
    )
    await world.start(clean=False)
    assert world.condition("Gateway", "gw", "Programmed", "tcp")[:2] == ("True", "Programmed")
    assert world.condition("Gateway", "gw", "Programmed", "udp")[:2] == ("True", "Programmed")
    assert await refused(world.port)
    with pytest.raises(TimeoutError):
        await answered(world.port, seconds=0.3)
    world.write("routes.yaml", tcp_route("t", "a"), udp_route("u", "u"))
    await until(lambda: _is(greeted(world.port), "a"))
    await until(lambda: _is(answered(world.port, 0.3), "u"))
    world.write("routes.yaml", tcp_route("t", "gone"), udp_route("u", "gone"))
    await until(lambda: refused(world.port))
    await world.problem("UDPRoute default/u", "gone does not exist")
    with pytest.raises(TimeoutError):
        await answered(world.port, seconds=0.3)


async def test_the_access_log_has_a_line_for_each_stream(world: World) -> None:
    await world.tcp("a")
    await world.udp("u")
    world.write(
        "all.yaml",
        gateway("gw", listener(world.port, "tcp", protocol="TCP"), listener(world.port, "udp", protocol="UDP")),
        tcp_route("t", "a"),
        udp_route("u", "u"),
    )
    log = world.base / "log"
    await world.start(access_log=str(log))
    assert await greeted(world.port) == "a"
    assert await answered(world.port) == "u"
    await world.end()  # a session of UDP is logged at its end
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {(line["cluster"], line["bytes_out"] > 0) for line in lines} == {
        ("service/default/a/80/tcp", True),
        ("service/default/u/80/udp", True),
    }
    assert [line["chain"] for line in lines if "chain" in line] == ["tcp/*"]
