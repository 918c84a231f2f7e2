"""Stories of transformations that come from above: from the host, and from the routes that delegate."""

from typing import Any

import pytest
import pytest_asyncio

from support.objects.documents import Doc, gateway, listener, prefix, route, rule
from support.scenes.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")
GLOO = "gateway.solo.io/v1"
HTTP_ROUTE = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute"}


def stage(who: str, *, only: bool = False, back: bool = False) -> Doc:
    """A stage that tells who it is from. `only`: of requests with this name as a header; `back`: responses too."""
    template = {"transformationTemplate": {"passthrough": {}, "headers": {"x-who": {"text": who}}}}
    one: Doc = {"requestTransformation": template}
    if only:
        one["matcher"] = {"prefix": "/", "headers": [{"name": f"x-{who}"}]}
    if back:
        one["responseTransformation"] = template
    return {"requestTransforms": [one]}


def inheriting(who: str) -> Doc:
    """Transformations of a child."""
    return {"regular": stage(who, only=True), "inheritTransformation": True}


def option(name: str, target: Doc, stages: Doc, kind: str = "RouteOption") -> Doc:
    spec = {"targetRefs": [target], "options": {"stagedTransformations": stages}}
    return {"apiVersion": GLOO, "kind": kind, "metadata": {"name": name}, "spec": spec}


def delegating(to: str) -> Doc:
    ref = {**HTTP_ROUTE, "name": to}
    return {"matches": [{"path": {"type": "PathPrefix", "value": "/down"}}], "backendRefs": [ref]}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(shared: World) -> World:
    await shared.echo("a")
    early = stage("early")
    early["requestTransforms"][0]["requestTransformation"]["transformationTemplate"]["headers"] = {
        "x-early": {"text": "host"}
    }
    host = {"early": early, "regular": stage("host", back=True), "postRouting": stage("post", only=True)}
    shared.write(
        "gate.yaml",
        gateway("gw", listener(shared.port)),
        option("host", {**HTTP_ROUTE, "kind": "Gateway", "name": "gw"}, host, "VirtualHostOption"),
    )
    shared.write(
        "one.yaml",
        route("one", rule(prefix("/"), to="a"), hosts=["one.test", "*.wild.test"]),
        option("one", {**HTTP_ROUTE, "name": "one"}, inheriting("one")),
    )
    for name, stages in (("alone", {"regular": stage("alone")}), ("still", {"early": stage("still", only=True)})):
        shared.write(
            f"{name}.yaml",
            route(name, rule(prefix("/"), to="a"), hosts=[f"{name}.test", f"*.{name}.test"]),
            option(name, {**HTTP_ROUTE, "name": name}, stages),
        )
    root = route("root", hosts=["root.test"])
    root["spec"]["rules"] = [delegating("child")]
    root["metadata"]["annotations"] = {"delegation.gateway.solo.io/enable-policy-overrides": "*"}
    child = route("child", rule(prefix("/down"), to="a"))
    del child["spec"]["parentRefs"]
    shared.write(
        "down.yaml",
        root,
        child,
        option("child", {**HTTP_ROUTE, "name": "child"}, inheriting("child")),
        option("root", {**HTTP_ROUTE, "name": "root"}, {"regular": stage("root", back=True)}),
    )
    await shared.start(clean=False)
    return shared


async def who(world: World, host: str, path: str, **request: Any) -> tuple[list[str], list[str], str]:
    """Whose early stage and whose other stage a request has passed, and whose its response."""
    got = await world.ask(path, host=host, **request)
    assert got.status == 200
    return got.sent("x-early"), got.sent("x-who"), got.headers.get("x-who", "")


@pytest.mark.parametrize("host", ["one.test", "b.wild.test", "ONE.test"])
async def test_a_route_s_own_come_first_and_then_those_of_its_host(scene: World, host: str) -> None:
    assert await who(scene, host, "/", headers={"x-one": "1"}) == (["host"], ["one"], "")
    assert await who(scene, host, "/") == (["host"], ["host"], "host")
    assert await who(scene, host, "/", headers={"x-post": "1"}) == (["host"], ["post"], "host")


@pytest.mark.parametrize("host", ["{}.test", "b.{}.test", "{}.TEST"])
async def test_nothing_of_the_host_is_done_for_a_route_that_does_not_inherit(scene: World, host: str) -> None:
    """Whether it is found at once or after a miss, where all filters are there; natively or by the script."""
    asking = {"x-post": "1"}
    assert await who(scene, host.format("alone"), "/", headers=asking) == ([], ["alone"], "")
    assert await who(scene, host.format("still"), "/", headers=asking) == ([], [], "")
    assert await who(scene, host.format("still"), "/", headers={"x-still": "1"}) == ([], ["still"], "")


async def test_those_of_a_route_that_delegates_come_after_its_child_s(scene: World) -> None:
    assert await who(scene, "root.test", "/down/a", headers={"x-child": "1"}) == ([], ["child"], "")
    assert await who(scene, "root.test", "/down/a") == ([], ["root"], "root")
