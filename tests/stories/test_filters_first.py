"""A route never answers without the filters it needs, on no connection, and no connection is closed for them."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from test_gloo_options import having, option, target

from support.clients.client import Answer, connection, exchange
from support.objects.documents import Doc, gateway, listener, prefix, route, rule
from support.scenes.world import World, load, until
from support.standins.processor import Processor

pytestmark = pytest.mark.asyncio
HIT, MISS = "hit.test", "x.wild.test"
HOSTS = [HIT, "*.wild.test"]
_MANY = 150


def template(stage: str, text: str) -> Doc:
    one = {"requestTransformation": {"transformationTemplate": {"headers": {"x-done": {"text": text}}}}}
    return {"stagedTransformations": {stage: {"requestTransforms": [one]}}}


OPTIONS: dict[str, Doc] = {
    "faults": {"faults": {"abort": {"percentage": 100, "httpStatus": 418}}},
    "early script": template("early", '{{ upper("x") }}'),
    "regular header": template("regular", "X"),
    "last script": template("postRouting", '{{ upper("x") }}'),
    "extProc": {"extProc": {"overrides": {"grpcService": {"extProcServerRef": {"name": "main"}}}}},
    "csrf": {"csrf": {"filterEnabled": {"defaultValue": {"numerator": 100}}}},
}
"""Each does something to every POST that can be told from the answer."""


def undone(one: Answer) -> bool:
    """Whether a backend was reached by a request to which nothing was done."""
    return bool(one.backend) and not one.sent("x-done") and not one.sent("x-processed")


@pytest_asyncio.fixture
async def scene(world: World) -> AsyncIterator[World]:
    await world.echo("a")
    processor = await Processor("main").start()
    world.closing(processor.stop)
    spec = {"useHttp2": True, "static": {"hosts": [{"addr": "127.0.0.1", "port": processor.port}]}}
    main = {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": {"name": "main"}, "spec": spec}
    world.write("gateway.yaml", gateway("gw", listener(world.port)), main)
    world.write("other.yaml", route("other", rule(prefix("/other"), to="a"), hosts=HOSTS))
    await world.start()
    yield world


async def ask_while(scene: World, host: str, change: Callable[[], None], done: Callable[[Answer], bool]) -> None:
    """Ask on one connection and on many, before a change and until it has long been made."""
    async with connection(scene.port) as kept, connection(scene.port) as quiet:

        def ask() -> Any:
            return exchange(*kept, "/new", "POST", host=host)

        assert (await exchange(*quiet, "/other", host=host)).backend == "a"
        async with load(ask, pause=0) as asking, load(lambda: scene.ask("/new", "POST", host=host), pause=0) as others:
            change()
            await scene_has(scene, host, done)
            await asking.more(_MANY)
            await others.more(_MANY)
        first = await exchange(*quiet, "/new", "POST", host=host)
    every = [*asking.answers, *others.answers, first]
    assert all(isinstance(one, Answer) for one in every), "a connection was closed"
    assert not [one for one in every if isinstance(one, Answer) and undone(one)]
    assert not [one for one in asking.answers if isinstance(one, Answer) and one.headers.get("connection") == "close"]


async def scene_has(scene: World, host: str, done: Callable[[Answer], bool]) -> None:
    """Wait until the change is served."""

    async def served() -> bool:
        return done(await scene.ask("/new", "POST", host=host))

    await until(served)


@pytest.mark.parametrize("host", [HIT, MISS])
@pytest.mark.parametrize("name", OPTIONS)
async def test_the_first_route_of_a_port_with_an_option(scene: World, host: str, name: str) -> None:
    new = route("new", rule(prefix("/new"), to="a", filters=[having("o")]), hosts=HOSTS)

    def change() -> None:
        scene.write("new.yaml", new, option("RouteOption", "o", **OPTIONS[name]))

    await ask_while(scene, host, change, lambda one: one.status != 404)


@pytest.mark.parametrize("host", [HIT, MISS])
@pytest.mark.parametrize("name", ["csrf", "early script"])
async def test_the_first_option_of_a_host_and_its_new_route_together(scene: World, host: str, name: str) -> None:
    def change() -> None:
        scene.write(
            "new.yaml",
            route("new", rule(prefix("/new"), to="a"), hosts=HOSTS),
            option("VirtualHostOption", "o", target("Gateway", "gw"), **OPTIONS[name]),
        )

    await ask_while(scene, host, change, lambda one: one.status != 404)


@pytest.mark.parametrize("host", [HIT, MISS])
async def test_an_option_changes_places_with_another(scene: World, host: str) -> None:
    """What the old one needs stays until the new one has what it needs; then it goes."""
    new = route("new", rule(prefix("/new"), to="a", filters=[having("o")]), hosts=HOSTS)
    scene.write("new.yaml", new, option("RouteOption", "o", **OPTIONS["faults"]))
    await scene_has(scene, host, lambda one: one.status == 418)

    def change() -> None:
        scene.write("new.yaml", new, option("RouteOption", "o", **OPTIONS["csrf"]))

    await ask_while(scene, host, change, lambda one: one.status == 403)
