"""extauth in classic mode: destinations before routes before hosts, and servers of somebody else's."""

from typing import Any

import pytest
import pytest_asyncio

from support.objects.auth import api_key, auth_config, basic, users
from support.objects.documents import Doc
from support.scenes.world import World
from support.standins.checker import Checker

pytestmark = pytest.mark.asyncio
GOOD = basic("ann", "secret")
KEY = {"api-key": "N2YwMDIx"}


def to(name: str, **options: Any) -> Doc:
    one: Doc = {"weight": 1, "destination": {"kube": {"ref": {"name": name, "namespace": "default"}, "port": 80}}}
    return one | ({"options": options} if options else {})


def at(path: str, *shares: Doc, **options: Any) -> Doc:
    return {"matchers": [{"prefix": path}], "options": options, "routeAction": {"multi": {"destinations": shares}}}


def asks(name: str) -> Doc:
    return {"configRef": {"name": name, "namespace": "default"}}


@pytest_asyncio.fixture
async def scene(world: World) -> World:
    await world.echo("a", "b")
    keys = {"apiKeyAuth": {"apiKeySecretRefs": [{"name": "key"}]}}
    world.write("auth.yaml", auth_config("users", users("ann")), auth_config("keys", keys), api_key("key", "N2YwMDIx"))
    spec = {"bindPort": world.port, "bindAddress": "127.0.0.1", "httpGateway": {}}
    meta = {"name": "gw", "namespace": "gloo-system"}
    gateway = {"apiVersion": "gateway.solo.io/v1", "kind": "Gateway", "metadata": meta, "spec": spec}
    world.write("gateway.yaml", gateway)
    return world


def service(*routes: Doc, domains: tuple[str, ...] = ("hit.test", "*.wild.test"), **options: Any) -> Doc:
    spec = {"virtualHost": {"domains": list(domains), "options": options, "routes": list(routes)}}
    meta = {"name": "v", "namespace": "gloo-system"}
    return {"apiVersion": "gateway.solo.io/v1", "kind": "VirtualService", "metadata": meta, "spec": spec}


@pytest.mark.parametrize("host", ["hit.test", "x.wild.test"])
async def test_what_is_more_specific_counts(scene: World, host: str) -> None:
    shares = (to("a"), to("b", extauth={"disable": True}))
    routes = (
        at("/free", to("a"), extauth={"disable": True}),
        at("/keys", to("a"), extauth=asks("keys")),
        at("/of-host", *shares),
        at("/shares", *shares, extauth=asks("keys")),
        at("/", to("a")),
    )
    scene.write("service.yaml", service(*routes, extauth=asks("users")))
    await scene.start()
    await scene.answers(200, "/", host=host, headers=GOOD)
    assert (await scene.ask("/", host=host)).status == 401
    assert (await scene.ask("/free", host=host)).backend == "a"
    assert (await scene.ask("/keys", host=host, headers=KEY)).backend == "a"
    assert (await scene.ask("/keys", host=host, headers=GOOD)).status == 401
    for path, known in (("/of-host", GOOD), ("/shares", KEY)):
        without = {(one.status, one.backend) for one in [await scene.ask(path, host=host) for _ in range(40)]}
        assert without == {(401, ""), (200, "b")}, path
        given = {one.backend for one in [await scene.ask(path, host=host, headers=known) for _ in range(40)]}
        assert given == {"a", "b"}, path


async def test_a_server_of_somebody_elses_is_asked_where_it_is_named(scene: World) -> None:
    async with Checker() as one, Checker() as other:
        one.good, other.good = {"one"}, {"other"}
        for name, server in (("one", one), ("other", other)):
            spec = {"static": {"hosts": [{"addr": "127.0.0.1", "port": server.port}]}}
            meta = {"name": name, "namespace": "gloo-system"}
            scene.write(
                f"{name}.yaml", {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": meta, "spec": spec}
            )
        http = {"response": {"allowedUpstreamHeaders": ["x-user"]}}
        settings = {
            "extauth": {"extauthzServerRef": {"name": "one"}, "httpService": http, "userIdHeader": "x-user"},
            "namedExtauth": {"web": {"extauthzServerRef": {"name": "other"}, "httpService": http}},
        }
        scene.write(
            "settings.yaml",
            {
                "apiVersion": "gloo.solo.io/v1",
                "kind": "Settings",
                "metadata": {"name": "default", "namespace": "gloo-system"},
                "spec": settings,
            },
        )
        routes = (
            at("/named", to("a"), extauth={"customAuth": {"name": "web"}}),
            at("/free", to("a"), extauth={"disable": True}),
            at("/", to("a")),
        )
        scene.write("service.yaml", service(*routes, extauth={"customAuth": {}}))
        await scene.start(allowed=("127.0.0.0/8",))
        got = await scene.answers(200, "/", host="hit.test", headers={"authorization": "one", "x-user": "forged"})
        assert got.sent("x-user") == ["ann"]
        assert (await scene.ask("/", host="hit.test", headers={"authorization": "other"})).status == 401
        assert (await scene.ask("/named", host="hit.test", headers={"authorization": "other"})).backend == "a"
        assert (await scene.ask("/named", host="hit.test", headers={"authorization": "one"})).status == 401
        asked = len(one.asked), len(other.asked)
        free = await scene.ask("/free", host="hit.test", headers={"x-user": "forged"})
        assert (free.backend, free.sent("x-user")) == ("a", [])
        assert asked == (len(one.asked), len(other.asked))
