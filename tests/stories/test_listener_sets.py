"""ListenerSets: teams that bring listeners, certificates and routes to a Gateway that is not theirs."""

import socket

from support.objects.certificates import authority
from support.objects.documents import Doc, exact, gateway, listener, listener_set, reference, route, rule, secret
from support.scenes.world import World, load, until
from support.servers.ports import free_port


def of(name: str, **fields: str) -> Doc:
    """A ListenerSet as a parent."""
    return reference(name, kind="ListenerSet", **fields)


async def _served(world: World) -> None:
    await world.echo("a", "red/b", "blue/c")
    world.write("gateway.yaml", gateway("gw", listener(world.port, "web", hostname="gw.test"), sets="All"))
    world.write("route.yaml", route("r", rule(to="a")))
    for name, backend in (("red", "b"), ("blue", "c")):
        one = listener_set(f"{name}/{name}", "default/gw", listener(world.port, "web", hostname=f"{name}.test"))
        world.write(f"{name}.yaml", one)
        world.write(f"{name}-route.yaml", route(f"{name}/{name}", rule(to=backend), parents=[of(name)]))
    await world.start()


async def _all_go_on(world: World) -> None:
    for host, backend in (("gw.test", "a"), ("red.test", "b"), ("blue.test", "c")):
        assert (await world.ask(host=host)).backend == backend


async def test_listeners_of_one_name_on_one_port_have_routes_of_their_own(world: World) -> None:
    await _served(world)
    await _all_go_on(world)
    assert (await world.ask(host="green.test")).status == 404
    assert world.condition("ListenerSet", "red", "Programmed", "web")[0] == "True"
    # A listener more, on a port of its own, and a route that only it gets.
    port = free_port()
    await world.echo("red/d")
    more = listener(world.port, "web", hostname="red.test"), listener(port, "own")
    world.write("red.yaml", listener_set("red/red", "default/gw", *more))
    world.write("own.yaml", route("red/own", rule(exact("/own"), to="d"), parents=[of("red", sectionName="own")]))
    await world.answered_by("d", "/own", port=port)
    assert (await world.ask("/", port=port)).backend == "b"
    assert (await world.ask("/own", host="red.test")).backend == "b"
    assert (await world.ask("/own", host="gw.test")).backend == "a"


async def test_certificates_are_those_of_the_owner(world: World) -> None:
    ca, port = authority(), free_port()
    await _served(world)
    for name in ("red", "blue"):
        host = f"secure.{name}.test"
        one = listener_set(f"{name}/secure", "default/gw", listener(port, "tls", hostname=host, certs=["cert"]))
        world.write(f"{name}-cert.yaml", secret(f"{name}/cert", *ca.issue(host)))
        backend = "b" if name == "red" else "c"
        world.write(f"{name}-tls.yaml", one, route(f"{name}/tls", rule(to=backend), parents=[of("secure")]))
    for host, backend in (("secure.red.test", "b"), ("secure.blue.test", "c")):
        await world.answered_by(backend, port=port, host=host, sni=host, tls=ca.client())
    got = await world.ask(port=port, host="secure.blue.test", sni="secure.red.test", tls=ca.client())
    assert got.status == 421
    # One loses its certificate: the other does not notice.
    async with load(
        lambda: world.ask(port=port, host="secure.red.test", sni="secure.red.test", tls=ca.client())
    ) as red:
        (world.folder / "blue-cert.yaml").unlink()
        await world.problem("Secret blue/cert does not exist", "ListenerSet blue/secure")
        await until(lambda: world.condition("ListenerSet", "secure", "Accepted")[:2] == ("False", "ListenersNotValid"))
        await red.more(50)
    assert not red.failed()
    await _all_go_on(world)


async def test_of_two_that_want_a_host_the_first_serves_on_and_the_other_takes_over(world: World) -> None:
    await _served(world)
    late = listener_set(
        "late/more", "default/gw", listener(world.port, "mine", hostname="red.test"), created="2030-01-01T00:00:00Z"
    )
    await world.echo("late/d")
    world.write("late.yaml", late, route("late/r", rule(to="d"), parents=[of("more")]))
    problem = await world.problem("same port", "(red.test)", "ListenerSet late/more spec.listeners[0]")
    assert problem.code == "HostnameConflict"
    await _all_go_on(world)
    # The first goes.
    async with load(lambda: world.ask(host="gw.test")) as others:
        (world.folder / "red.yaml").unlink()
        await world.answered_by("d", host="red.test")
        await world.solved(problem)
    assert not others.failed()


async def test_a_port_that_is_taken_is_the_business_of_the_set_that_wants_it(world: World) -> None:
    await _served(world)
    taken = free_port()
    with socket.socket() as foreign:
        foreign.bind(("127.0.0.1", taken))
        foreign.listen()
        world.write(
            "late.yaml", listener_set("late/taken", "default/gw", listener(taken)), route("late/r", rule(to="red/b"))
        )
        problem = await world.problem("ddress already in use", "ListenerSet late/taken spec.listeners[0].port")
        assert world.condition("ListenerSet", "taken", "Programmed", "http")[:2] == ("False", "PortUnavailable")
        assert world.condition("Gateway", "gw", "Programmed")[0] == "True"
        await _all_go_on(world)
    await world.solved(problem, seconds=20)
    await until(lambda: world.condition("ListenerSet", "taken", "Programmed")[0] == "True")


async def test_a_gateway_that_no_longer_allows_it(world: World) -> None:
    await _served(world)
    world.write("gateway.yaml", gateway("gw", listener(world.port, "web", hostname="gw.test"), sets="Same"))
    await world.answers(404, host="red.test")
    assert world.condition("ListenerSet", "red", "Accepted")[:2] == ("False", "NotAllowed")
    assert world.condition("HTTPRoute", "red", "Accepted")[:2] == ("False", "NoMatchingParent")
    assert (await world.ask(host="gw.test")).backend == "a"
    world.write("gateway.yaml", gateway("gw", listener(world.port, "web", hostname="gw.test"), sets="All"))
    await world.answered_by("b", host="red.test")
    await world.answered_by("c", host="blue.test")
