"""Addresses of a Gateway come and go: requests to those that stay are answered, on new connections and on open ones."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from test_gloo_options import option, target

from daemun.base.names import Name
from daemun.explain.explain import explain
from daemun.explain.request import request_from
from support.clients.client import answer, ask, connection, exchange
from support.objects.certificates import authority
from support.objects.documents import gateway, listener, route, rule, secret
from support.scenes.world import Load, World, load, until
from support.servers.streams import answered, greeted

CA = authority()
ONE, TWO, THREE, FOUR = "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"
NOT_HERE = "192.0.2.1"
TLS = {"tls": CA.client(), "sni": "one.example"}


@contextlib.asynccontextmanager
async def asking(world: World, address: str, **how: Any) -> AsyncIterator[None]:
    """A load of new connections and one of a connection that stays open. None of their requests may fail."""

    async def once() -> Any:
        return await ask(world.port, address=address, **how)

    async with connection(world.port, address, how.get("tls"), how.get("sni")) as ends:

        async def again() -> Any:
            return await exchange(*ends)

        loads: list[Load] = []
        async with load(once) as new, load(again) as old:
            loads += new, old
            yield
        for one in loads:
            assert not one.failed(), one.failed()


async def serve(world: World, *addresses: str, **settings: Any) -> None:
    """Everything on one port of these addresses."""
    await world.echo("a", "b")
    write(world, *addresses)
    world.write("route.yaml", route("r", rule(to="a")))
    await world.start(**settings)


def write(world: World, *addresses: str, protocol: str = "HTTP") -> None:
    """The Gateway with these addresses."""
    certs = ["one"] if protocol == "HTTPS" else []
    one = listener(world.port, protocol=protocol, certs=certs)
    world.write("gateway.yaml", gateway("gw", one, addresses=addresses))


async def refused(port: int, address: str) -> bool:
    """Whether nobody listens there."""
    try:
        async with connection(port, address):
            return False
    except ConnectionRefusedError:
        return True


async def there(world: World, *addresses: str, without: tuple[str, ...] = (), **how: Any) -> None:
    """Wait until these are served and those are not, and the Gateway says so."""

    await until(lambda: bound(world, *addresses, without=without, **how))
    await programmed(world)


async def bound(world: World, *addresses: str, without: tuple[str, ...] = (), **how: Any) -> bool:
    """Whether these are served and those are not."""
    for one in addresses:
        assert (await ask(world.port, address=one, **how)).status == 200
    for one in without:
        assert await refused(world.port, one), one
    return True


async def taken_in(world: World, *addresses: str) -> None:
    """Wait until it is known that these are asked for."""
    app = world.app
    assert app is not None
    await until(lambda: app.plane.translation.gateways[Name("default", "gw")].addresses == addresses)


async def programmed(world: World) -> None:
    """Wait until the Gateway says that all of it is served."""
    await until(lambda: world.condition("Gateway", "gw", "Programmed")[0] == "True")
    assert world.condition("Gateway", "gw", "Programmed", "http")[0] == "True"
    assert not world.problems(), world.problems()


async def without(world: World, lacking: str, others: tuple[str, ...], reason: str) -> None:
    """Wait until the listener says that the others are served and this one is not, and why, and the Gateway so too."""
    told = f"listener http is served at {', '.join(others)} and not at {lacking}."
    await until(lambda: world.condition("Gateway", "gw", "Programmed", "http")[2].startswith(told))
    assert world.condition("Gateway", "gw", "Programmed", "http")[:2] == ("False", reason)
    assert f"cannot bind '{lacking}:{world.port}'" in world.condition("Gateway", "gw", "Programmed", "http")[2]
    status, reason, text = world.condition("Gateway", "gw", "Programmed")
    assert (status, reason) == ("False", "AddressNotUsable")
    assert f"{lacking} serves no listener" in text
    assert all(f"{one} serves http" in text for one in others)


@pytest.mark.parametrize("protocol", ["HTTP", "HTTPS"])
async def test_several_that_come_and_go_and_change_places(world: World, protocol: str) -> None:
    how = TLS if protocol == "HTTPS" else {}
    world.write("secret.yaml", secret("one", *CA.issue("one.example")))
    await world.echo("a")
    world.write("route.yaml", route("r", rule(to="a")))
    write(world, TWO, THREE, protocol=protocol)
    await world.start()
    async with asking(world, TWO, **how):
        write(world, TWO, THREE, FOUR, protocol=protocol)
        await there(world, TWO, THREE, FOUR, **how)
        write(world, FOUR, TWO, protocol=protocol)
        await there(world, FOUR, TWO, without=(THREE,), **how)
        write(world, TWO, FOUR, protocol=protocol)
        await there(world, TWO, FOUR, **how)
        write(world, THREE, TWO, protocol=protocol)
        await there(world, THREE, TWO, without=(FOUR,), **how)


async def test_from_one_to_two_and_back(world: World) -> None:
    await serve(world, TWO)
    async with asking(world, TWO):
        write(world, TWO, THREE)
        await there(world, TWO, THREE)
        write(world, TWO)
        await there(world, TWO, without=(THREE,))
        write(world, THREE, TWO)
        await there(world, THREE, TWO)


async def test_from_none_to_some_and_back(world: World) -> None:
    """Without any it is the usual one, which may be among those that are written."""
    await serve(world)
    async with asking(world, ONE):
        write(world, TWO, ONE)
        await there(world, TWO, ONE)
        write(world)
        await there(world, ONE, without=(TWO,))
    write(world, TWO)
    await there(world, TWO, without=(ONE,))


async def test_from_all_of_the_machine_to_some_and_back(world: World) -> None:
    """No two sockets can listen for the same connections, so one goes before the other one comes. What was accepted
    before is answered all the same.
    """
    await serve(world, address="0.0.0.0")
    for some, others in (((TWO,), (ONE, THREE)), ((TWO, THREE), (ONE, FOUR))):
        async with connection(world.port, TWO) as ends:
            assert (await exchange(*ends)).status == 200
            write(world, *some)
            await there(world, *some, without=others)
            assert (await exchange(*ends)).status == 200
        async with connection(world.port, TWO) as ends:
            assert (await exchange(*ends)).status == 200
            write(world)
            await there(world, *some, *others)
            assert (await exchange(*ends)).status == 200
    async with asking(world, TWO):  # what all of them have already is not asked for once more
        write(world, "0.0.0.0", TWO)
        await taken_in(world, "0.0.0.0", TWO)
        await there(world, ONE, TWO)


async def test_the_usual_address_of_a_successor_is_another_one(world: World) -> None:
    await serve(world)
    await world.restart(address="0.0.0.0")
    await there(world, ONE, TWO)
    await world.restart(address=TWO)
    await there(world, TWO, without=(ONE,))
    write(world, THREE, TWO)
    await there(world, THREE, TWO)
    async with asking(world, TWO):
        await world.restart()
        await there(world, THREE, TWO, without=(ONE,))


CLASSIC = """
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: gateway-proxy, namespace: gloo-system}
spec: {bindAddress: '%s', bindPort: %d, httpGateway: {}}
---
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: all}
spec:
  virtualHost: {domains: ['*'], routes: [{matchers: [{prefix: /}], directResponseAction: {status: 200}}]}
"""


async def test_a_classic_gateway_is_bound_elsewhere(world: World) -> None:
    world.write("gateway.yaml", CLASSIC % ("::", world.port))
    await world.start(address="0.0.0.0")
    for address, here, elsewhere in (
        (TWO, (TWO,), (ONE, THREE)),
        (THREE, (THREE,), (ONE, TWO)),
        ("::", (ONE, TWO, THREE), ()),
    ):
        world.write("gateway.yaml", CLASSIC % (address, world.port))
        await until(lambda here=here, elsewhere=elsewhere: bound(world, *here, without=elsewhere))
        await world.synced()
        assert not world.problems()


@pytest.mark.parametrize("kind", ["TCPRoute", "TLSRoute", "UDPRoute"])
async def test_streams(world: World, kind: str) -> None:
    """What a route says is so at each address; what is under way at one that stays is not disturbed."""
    protocol, names = kind.removesuffix("Route"), ["one.example"] if kind == "TLSRoute" else []
    tls = CA.server(*names) if names else None
    await (world.udp("a", "b") if kind == "UDPRoute" else world.tcp("a", "b", tls=tls))

    async def who(address: str, seconds: float = 1.0) -> str:
        if kind == "UDPRoute":
            return await answered(world.port, seconds, address)
        return await greeted(world.port, CA.client() if names else None, names[0] if names else None, address)

    async def all_by(name: str, *addresses: str) -> None:
        async def are() -> bool:
            return [await who(one) for one in addresses] == [name] * len(addresses)

        await until(are)
        await programmed(world)

    write(world, TWO, THREE, protocol=protocol)
    world.write("route.yaml", route("r", rule(to="a"), kind=kind, hosts=names))
    await world.start()
    seen: list[str | Exception] = []

    async def steadily() -> None:
        while True:
            try:
                seen.append(await who(TWO, 30.0))
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                seen.append(error)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(steadily())
        await all_by("a", TWO, THREE)
        for addresses in ((TWO, THREE, FOUR), (FOUR, TWO), (TWO,), (THREE, TWO)):
            write(world, *addresses, protocol=protocol)
            await all_by("a", *addresses)
        so_far = len(seen)
        await until(lambda: len(seen) > so_far + 5)
        task.cancel()
    assert set(seen) == {"a"}
    world.write("route.yaml", route("r", rule(to="b"), kind=kind, hosts=names))
    await all_by("b", THREE, TWO)


async def test_what_policies_say_of_a_port_is_so_at_each_address(world: World) -> None:
    world.write("option.yaml", option("ListenerOption", "o", target("Gateway", "gw"), proxyProtocol={}))
    await serve(world, TWO, THREE)
    write(world, THREE, FOUR, TWO)
    for address in (TWO, THREE, FOUR):

        async def proxied(address: str = address) -> bool:
            async with connection(world.port, address) as (reader, writer):
                writer.write(b"PROXY TCP4 203.0.113.9 127.0.0.1 1234 80\r\n")
                writer.write(b"GET / HTTP/1.1\r\nHost: test.example\r\n\r\n")
                return (await answer(reader)).sent("x-forwarded-for") == ["203.0.113.9"]

        await until(proxied)
        with pytest.raises(ConnectionError):
            await ask(world.port, address=address)


async def test_one_that_the_machine_does_not_have_is_told_and_the_others_are_served(world: World) -> None:
    await serve(world, TWO)
    async with asking(world, TWO):
        write(world, TWO, NOT_HERE, THREE)
        problem = await world.problem("Gateway default/gw", f"cannot bind '{NOT_HERE}:{world.port}'")
        await without(world, NOT_HERE, (TWO, THREE), "AddressNotUsable")
        assert (await ask(world.port, address=THREE)).status == 200
        write(world, TWO, THREE)
        await world.solved(problem)
        await programmed(world)


async def test_one_that_another_program_has_comes_when_it_is_free(world: World) -> None:
    await serve(world, TWO)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((THREE, world.port))
        other.listen()
        async with asking(world, TWO):
            write(world, THREE, TWO)
            problem = await world.problem("Gateway default/gw", f"cannot bind '{THREE}:{world.port}'")
            await without(world, THREE, (TWO,), "PortUnavailable")
    await world.solved(problem, 60)
    await there(world, THREE, TWO)


async def test_what_is_wrong_at_each_address_is_told_once(world: World) -> None:
    await serve(world, TWO, THREE)
    log = {"accessLog": [{"fileSink": {"path": "/nowhere/at/all"}}]}
    path = world.write("o.yaml", option("ListenerOption", "o", target("Gateway", "gw"), accessLoggingService=log))
    problem = await world.problem("ListenerOption default/o", "unable to open file '/nowhere/at/all'")
    of_gateway = await world.problem("gateway.yaml:", "unable to open file '/nowhere/at/all'")
    async with asking(world, TWO), asking(world, THREE):
        write(world, FOUR, THREE, TWO)
        await taken_in(world, FOUR, THREE, TWO)
        path.unlink()
        await world.solved(problem)
        await world.solved(of_gateway)
        await there(world, TWO, THREE, FOUR)


async def test_explain_names_the_listener_of_the_address(world: World) -> None:
    await serve(world, TWO, ONE)
    assert world.app is not None
    for address, name in ((TWO, f"port-{world.port}@{TWO}"), (ONE, f"port-{world.port}")):
        told = explain(world.app.plane.translation, request_from("GET", f"http://{address}:{world.port}/", []))
        assert told.entry is not None
        assert told.entry.envoy_listener == name
        wanted = f"/config_dump?resource=dynamic_listeners&name_regex={name}"
        assert f'"{address}"' in (await world.app.proxies.admin_get("default/gw", wanted)).decode()
