"""F9, F10: objects that pass every check of ours and that Envoy rejects, as users write them.

Requests go on all the time: a route that was good is answered as it was, one that comes bad answers 500, what others
change is served, and what is mended too.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from support.clients.client import Answer
from support.objects.documents import Doc, exact, gateway, listener, route, rule
from support.scenes.world import World, fresh, load, until
from support.scenes.written import HOSTS, PORTS, ROUTES, UPSTREAMS, Written
from support.servers.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")
_UP: Doc = {"group": "gloo.solo.io", "kind": "Upstream", "name": "up"}
_OWN = free_port()
"""The port of the culprit's own listener."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def two() -> AsyncIterator[World]:
    """The culprit and another have a route each."""
    async with fresh() as world:
        await world.echo("a", "b")
        world.write("gateway.yaml", gateway("gw", listener(world.port), listener(_OWN, "own")))
        world.write("other.yaml", _route("other", "a"))
        world.write("culprit.yaml", _route("culprit", "a"))
        await world.start()
        yield world


def _route(name: str, to: str | Doc) -> Doc:
    return route(name, rule(exact(f"/{name}"), to=[to]))


def _option(kind: str, options: Doc, target: str = "Gateway", section: str = "own") -> Doc:
    ref = {"group": "gateway.networking.k8s.io", "kind": target, "name": "gw", "sectionName": section}
    if target == "HTTPRoute":
        ref = {"group": ref["group"], "kind": target, "name": "culprit"}
    meta = {"name": "odd", "namespace": "default"}
    spec = {"targetRefs": [ref], "options": options}
    return {"apiVersion": "gateway.solo.io/v1", "kind": kind, "metadata": meta, "spec": spec}


def _upstream(world: World, fields: Doc, to: str = "a") -> Doc:
    hosts = {"static": {"hosts": [{"addr": "127.0.0.1", "port": world.backends[to].port}]}}
    meta = {"name": "up", "namespace": "default"}
    return {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": meta, "spec": hosts | fields}


async def _others_go_on(world: World) -> None:
    for to in ("b", "a"):
        world.write("other.yaml", _route("other", to))
        await world.answered_by(to, "/other")


async def _bad_and_mended(
    world: World, good: list[Doc], bad: list[Doc], words: tuple[str, ...], closed: bool, *, guards: bool = False
) -> None:
    """First what was good becomes bad, then it comes bad; `closed` says that it answers 500 then.

    What `guards` and cannot be is not as it was: it lets nobody pass.
    """
    world.write("culprit.yaml", *good)
    await world.answered_by("a", "/culprit")
    await world.answers(200, "/culprit", port=_OWN)
    async with load(lambda: world.ask("/culprit")) as plain, load(lambda: world.ask("/culprit", port=_OWN)) as own:
        world.write("culprit.yaml", *bad)
        problem = await world.problem(*words)
        await _others_go_on(world)
        world.write("culprit.yaml", *good)
        await world.solved(problem)
    assert plain.failed() == []
    assert all(guards and isinstance(one, Answer) and one.status == 500 for one in own.failed())
    (world.folder / "culprit.yaml").unlink()
    await world.answers(404, "/culprit", port=_OWN)
    world.write("culprit.yaml", *bad)
    problem = await world.problem(*words)
    await world.answers(500 if closed else 200, "/culprit", port=_OWN)
    await _others_go_on(world)
    world.write("culprit.yaml", *good)
    await world.answers(200, "/culprit", port=_OWN)
    await world.solved(problem)
    await until(lambda: not world.problems())


@pytest.mark.parametrize("name", ROUTES)
async def test_f09_of_a_route_option(two: World, name: str) -> None:
    good = [_route("culprit", "a")]
    bad = [*good, _option("RouteOption", ROUTES[name].fields, "HTTPRoute")]
    words = ("RouteOption default/odd", "rejected it", ROUTES[name].words)
    await _bad_and_mended(two, good, bad, words, closed=True)


@pytest.mark.parametrize("name", HOSTS)
async def test_f09_of_a_virtual_host_option(two: World, name: str) -> None:
    good = [_route("culprit", "a")]
    bad = [*good, _option("VirtualHostOption", HOSTS[name].fields)]
    words = ("VirtualHostOption default/odd", "rejected it", HOSTS[name].words)
    await _bad_and_mended(two, good, bad, words, closed=True, guards=True)


@pytest.mark.parametrize("name", PORTS)
async def test_f09_of_a_listener_option(two: World, name: str) -> None:
    good = [_route("culprit", "a")]
    bad = [*good, _option("ListenerOption", PORTS[name].fields)]
    words = ("ListenerOption default/odd", "rejected it", PORTS[name].words)
    await _bad_and_mended(two, good, bad, words, closed=False)


@pytest.mark.parametrize("name", UPSTREAMS)
async def test_f09_of_an_upstream(two: World, name: str) -> None:
    good = [_route("culprit", _UP), _upstream(two, {})]
    bad = [_route("culprit", _UP), _upstream(two, UPSTREAMS[name].fields)]
    words = ("Upstream default/up", "rejected it", UPSTREAMS[name].words)
    await _bad_and_mended(two, good, bad, words, closed=True)


async def test_f09_a_route_that_is_led_to_what_envoy_refuses_is_as_it_last_was(two: World) -> None:
    """The cluster is new and bad, so there is nothing that the route could go on with but what it was."""
    wrong: Written = UPSTREAMS["authorities in a file that there is not"]
    words = ("Upstream default/up", "rejected it", wrong.words)
    await _bad_and_mended(
        two, [_route("culprit", "a")], [_route("culprit", _UP), _upstream(two, wrong.fields)], words, closed=True
    )


async def test_f09_two_at_the_same_moment(two: World) -> None:
    """Two tenants write something bad at once: each hears of its own, and is mended by itself."""
    two.write("culprit.yaml", _route("culprit", "a"))
    await two.answered_by("a", "/culprit")
    bad = ROUTES["a variable that there is not"], UPSTREAMS["statuses that end before they begin"]
    async with load(lambda: two.ask("/culprit")) as culprit, load(lambda: two.ask("/other")) as other:
        two.write("culprit.yaml", _route("culprit", "b"), _option("RouteOption", bad[0].fields, "HTTPRoute"))
        two.write("other.yaml", _route("other", _UP), _upstream(two, bad[1].fields, "b"))
        first = await two.problem("RouteOption default/odd", "rejected it", bad[0].words)
        second = await two.problem("Upstream default/up", "rejected it", bad[1].words)
        two.write("third.yaml", _route("third", "b"))
        await two.answered_by("b", "/third")
        two.write("other.yaml", _route("other", _UP), _upstream(two, {}, "b"))
        await two.answered_by("b", "/other")
        await two.solved(second)
        assert (await two.ask("/culprit")).backend == "a"
        two.write("culprit.yaml", _route("culprit", "b"))
        await two.answered_by("b", "/culprit")
        await two.solved(first)
    assert (culprit.failed(), other.failed()) == ([], [])
    two.write("other.yaml", _route("other", "a"))
    await two.answered_by("a", "/other")


async def test_f09_bad_ones_at_the_very_start() -> None:
    """A proxy that knows nothing yet is given what it refuses: all else is served, and each culprit told."""
    async with fresh() as world:
        await world.echo("a", "b")
        world.write("gateway.yaml", gateway("gw", listener(world.port)))
        route_option, upstream = ROUTES["metadata of nobody"], UPSTREAMS["a server name with a NUL"]
        world.write("culprit.yaml", _route("culprit", "a"), _option("RouteOption", route_option.fields, "HTTPRoute"))
        world.write("second.yaml", _route("second", _UP), _upstream(world, upstream.fields))
        world.write("other.yaml", _route("other", "a"))
        await world.start(clean=False)
        await world.answered_by("a", "/other")
        await world.problem("RouteOption default/odd", "rejected it", route_option.words)
        await world.problem("Upstream default/up", "rejected it", upstream.words)
        for path in ("/culprit", "/second"):
            await world.answers(500, path)
        await _others_go_on(world)
        world.write("culprit.yaml", _route("culprit", "b"))
        world.write("second.yaml", _route("second", _UP), _upstream(world, {}, "b"))
        for path in ("/culprit", "/second"):
            await world.answered_by("b", path)
        await until(lambda: not world.problems())
