"""AuthPolicies at real proxies: which of several counts for a request, whatever host it is for."""

import pytest

from support.objects.auth import auth_policy, basic, secret
from support.objects.documents import Doc, gateway, listener, prefix, route, rule
from support.scenes.world import World
from support.standins.checker import Checker

ANN, BOB = basic("ann", "secret"), basic("bob", "secret")
HOSTS = ["hit.test", "*.wild.test"]
NONE: Doc = {"providers": [{"name": "p", "issuer": "i", "jwks": {"inline": '{"keys": [{"kty": "oct", "k": "YQ"}]}'}}]}


def who(name: str) -> list[Doc]:
    """A Secret with one user."""
    line = f"{name}:{{SHA}}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"
    return [{**secret(name, "", **{".htpasswd": line}), "type": "Opaque"}]


def users(policy: str, user: str, /, **target: str) -> list[Doc]:
    return [auth_policy(policy, target, basicAuth={"secretRef": {"name": user}}), *who(user)]


@pytest.mark.asyncio
@pytest.mark.parametrize("host", ["hit.test", "x.wild.test"])
async def test_the_more_specific_policy_counts_as_a_whole(world: World, host: str) -> None:
    await world.echo("a")
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    rules = [{**rule(prefix("/one"), to="a"), "name": "one"}, {**rule(prefix("/two"), to="a"), "name": "two"}]
    world.write("route.yaml", route("r", *rules, hosts=HOSTS), route("s", rule(prefix("/s"), to="a"), hosts=HOSTS))
    world.write("gw.yaml", auth_policy("gw", {"kind": "Gateway", "name": "gw"}, jwt=NONE))
    await world.start()
    for path in ("/one", "/two", "/s"):
        assert (await world.ask(path, host=host, headers=ANN)).status == 401
    world.write("r.yaml", users("r", "ann", kind="HTTPRoute", name="r"))
    world.write("one.yaml", users("one", "bob", kind="HTTPRoute", name="r", sectionName="one"))
    await world.answers(200, "/two", host=host, headers=ANN)
    await world.answers(200, "/one", host=host, headers=BOB)
    for path, headers in (("/one", ANN), ("/two", BOB), ("/two", {}), ("/s", ANN)):
        assert (await world.ask(path, host=host, headers=headers)).status == 401, path
    world.write("listener.yaml", users("http", "ann", kind="Gateway", name="gw", sectionName="http"))
    world.write("gw.yaml", "")
    await world.answers(200, "/s", host=host, headers=ANN)
    assert (await world.ask("/s", host=host, headers=BOB)).status == 401


@pytest.mark.asyncio
@pytest.mark.parametrize("host", ["hit.test", "x.wild.test"])
async def test_tokens_of_a_route_and_a_service_of_its_gateway(world: World, host: str) -> None:
    async with Checker() as server:
        await world.echo("a")
        upstream: Doc = {"static": {"hosts": [{"addr": "127.0.0.1", "port": server.port}]}}
        asked = {"group": "gloo.solo.io", "kind": "Upstream", "name": "checker"}
        world.write(
            "all.yaml",
            gateway("gw", listener(world.port)),
            route("r", rule(prefix("/tokens"), to="a"), hosts=HOSTS),
            route("s", rule(prefix("/s"), to="a"), hosts=HOSTS),
            {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": {"name": "checker"}, "spec": upstream},
            auth_policy("gw", {"kind": "Gateway", "name": "gw"}, ext={"protocol": "HTTP", "backendRef": asked}),
            auth_policy("r", {"kind": "HTTPRoute", "name": "r"}, jwt=NONE),
        )
        server.good = {"open"}
        await world.start()
        await world.answers(200, "/s", host=host, headers={"authorization": "open"})
        assert (await world.ask("/s", host=host, headers={"authorization": "shut"})).status == 401
        seen = len(server.asked)
        for said in ({}, {"authorization": "open"}):
            assert (await world.ask("/tokens", host=host, headers=said)).status == 401
        assert len(server.asked) == seen
    assert (await world.ask("/s", host=host, headers={"authorization": "open"})).status == 403
