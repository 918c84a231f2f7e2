"""extauth in a folder: who comes in through real Envoys, by Envoy itself and by Daemun's server."""

import pytest
import pytest_asyncio
from test_gloo_options import having, option, target

from support.clients.client import Answer
from support.objects.auth import api_key, auth_config, basic, simple_users, users
from support.objects.documents import gateway, listener, prefix, route, rule
from support.scenes.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")
hosts = pytest.mark.parametrize("host", ["hit.test", "x.wild.test"])
GOOD = basic("ann", "secret")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a")
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    ways = ("free", "keys", "simple", "labelled", "either")
    rules = [rule(prefix(f"/{name}"), to="a", filters=[having(name)]) for name in ways]
    rules.append(rule(prefix("/"), to="a"))
    shared.write("route.yaml", route("r", *rules, hosts=["hit.test", "*.wild.test"]))
    keys = {"apiKeyAuth": {"apiKeySecretRefs": [{"name": "key"}]}}
    labelled = {
        "k8sSecretApikeyStorage": {"labelSelector": {"team": "infra"}},
        "headersFromMetadataEntry": {"x-mail": {"name": "mail"}},
    }
    shared.write(
        "auth.yaml",
        auth_config("users", users("ann")),
        auth_config("keys", keys),
        auth_config("simple", simple_users(bob="other")),
        auth_config("labelled", {"apiKeyAuth": labelled}),
        auth_config("either", {"name": "u", **users("ann")}, {"name": "k", **keys}, booleanExpr="u || k"),
        api_key("key", "N2YwMDIx"),
        api_key("of-a-team", "M2ZkMDIy", {"team": "infra"}, mail="ann@test"),
    )
    shared.write(
        "options.yaml",
        option("VirtualHostOption", "o", target("Gateway", "gw"), extauth={"configRef": {"name": "users"}}),
        option("RouteOption", "free", extauth={"disable": True}),
        *(option("RouteOption", name, extauth={"configRef": {"name": name}}) for name in ways[1:]),
    )
    await shared.start()
    await shared.answers(200, host="hit.test", headers=GOOD)


async def ask(world: World, host: str, path: str, **headers: str) -> Answer:
    return await world.ask(path, host=host, headers=headers)


@hosts
async def test_who_is_known_to_the_server_comes_in(shared: World, host: str) -> None:
    assert (await ask(shared, host, "/", **GOOD)).backend == "a"
    for said in ({}, basic("ann", "wrong"), basic("eve", "secret"), {"api-key": "N2YwMDIx"}):
        got = await ask(shared, host, "/", **said)
        assert (got.status, got.backend) == (401, ""), said
        assert got.headers["www-authenticate"].startswith('Basic realm="here"')


@hosts
async def test_a_route_may_do_without(shared: World, host: str) -> None:
    assert (await ask(shared, host, "/free")).backend == "a"


@hosts
async def test_api_keys_by_envoy_itself(shared: World, host: str) -> None:
    assert (await ask(shared, host, "/keys", **{"api-key": "N2YwMDIx"})).backend == "a"
    for said in ({}, GOOD, {"api-key": "M2ZkMDIy"}, {"api-key": ""}):
        got = await ask(shared, host, "/keys", **said)
        assert (got.status, got.backend) == (401, ""), said


@hosts
async def test_passwords_by_envoy_itself(shared: World, host: str) -> None:
    assert (await ask(shared, host, "/simple", **basic("bob", "other"))).backend == "a"
    for said in ({}, GOOD, basic("-", ""), basic("bob", "wrong")):
        got = await ask(shared, host, "/simple", **said)
        assert (got.status, got.backend) == (401, ""), said


@hosts
async def test_what_is_known_of_a_key_goes_on(shared: World, host: str) -> None:
    got = await ask(shared, host, "/labelled", **{"api-key": "M2ZkMDIy", "x-mail": "forged"})
    assert (got.backend, got.sent("x-mail")) == ("a", ["ann@test"])
    assert (await ask(shared, host, "/labelled", **{"api-key": "N2YwMDIx"})).status == 401


@hosts
async def test_one_of_two_ways_will_do(shared: World, host: str) -> None:
    assert (await ask(shared, host, "/either", **GOOD)).backend == "a"
    assert (await ask(shared, host, "/either", **{"api-key": "N2YwMDIx"})).backend == "a"
    assert (await ask(shared, host, "/either")).status == 401


async def test_keys_are_nowhere_to_be_seen(shared: World) -> None:
    assert shared.app is not None
    (proxy,) = shared.app.plane.wanted()
    dump = (await shared.app.proxies.admin_get(proxy, "/config_dump?include_eds")).decode()
    assert "ApiKeyAuthPerRoute" in dump
    for hidden in ("N2YwMDIx", "M2ZkMDIy", "{SHA}"):
        assert hidden not in dump.replace("{SHA}AAAAAAAAAAAAAAAAAAAAAAAAAAA=", ""), hidden
