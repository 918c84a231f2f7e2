"""A24: a policy that guards and cannot be done closes what it is for; there is no moment in which it is open."""

import os
import signal
from typing import Any

import pytest
import pytest_asyncio
from envoy.extensions.filters.http.set_metadata.v3 import set_metadata_pb2

from daemun.features.options import extauth
from support.objects.auth import api_key, auth_config, auth_policy, basic, secret, simple_users, users
from support.objects.documents import Doc, gateway, listener, prefix, route, rule
from support.scenes.world import World, load, until

GOOD = basic("ann", "secret")
ACCOUNT = {"username": "ann", "password": "p"}
OIDC = {"clientId": "me", "issuerUrl": "https://idp.example.com", "appUrl": "https://a.example.com"}
MISTAKES: dict[str, tuple[Doc, ...]] = {
    "no-config": (),
    "no-steps": (auth_config("no-steps"),),
    "no-way": (auth_config("no-way", {}),),
    "no-secret": (auth_config("no-secret", {"apiKeyAuth": {"apiKeySecretRefs": [{"name": "nowhere"}]}}),),
    "other-secret": (
        auth_config("other-secret", {"apiKeyAuth": {"apiKeySecretRefs": [{"name": "account"}]}}),
        secret("account", "accountcredentials", **ACCOUNT),
    ),
    "half-secret": (
        auth_config("half-secret", {"hmacAuth": {"secretRefs": {"secretRefs": [{"name": "half"}]}}}),
        secret("half", "accountcredentials", username="ann"),
    ),
    "no-labels": (auth_config("no-labels", {"apiKeyAuth": {"labelSelector": {"team": "nobodys"}}}),),
    "one-of-two": (auth_config("one-of-two", users("ann"), {"opaAuth": {"modules": [{"name": "no"}], "query": "a"}}),),
    "either": (
        auth_config("either", {"name": "a", **users("ann")}, {"name": "b", "hmacAuth": {}}, booleanExpr="a || b"),
    ),
    "no-words": (auth_config("no-words", {"name": "a", **users("ann")}, booleanExpr="a &&"),),
    "salt": (auth_config("salt", {"basicAuth": {"apr": {"users": {"ann": {"hashedPassword": "x"}}}}}),),
    "oidc": (auth_config("oidc", {"oauth2": {"oidcAuthorizationCode": {**OIDC, "callbackPath": "/c"}}}),),
    "aerospike": (auth_config("aerospike", {"apiKeyAuth": {"aerospikeApikeyStorage": {"hostname": "a"}}}),),
}
"""AuthConfigs that cannot be done, by their names."""
CUSTOM: dict[str, Any] = {"no-server": {"customAuth": {}}, "no-name": {"customAuth": {"name": "nobodys"}}}


def option(name: str, extauth: Doc) -> Doc:
    spec = {"options": {"extauth": extauth}}
    return {"apiVersion": "gateway.solo.io/v1", "kind": "RouteOption", "metadata": {"name": name}, "spec": spec}


def having(name: str) -> Doc:
    ref = {"group": "gateway.solo.io", "kind": "RouteOption", "name": name}
    return {"type": "ExtensionRef", "extensionRef": ref}


@pytest_asyncio.fixture
async def scene(world: World) -> World:
    await world.echo("a")
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    return world


@pytest.mark.asyncio
async def test_a24_what_cannot_be_done_answers_500(scene: World) -> None:
    asked = {name: {"configRef": {"name": name}} for name in MISTAKES} | CUSTOM
    rules = [rule(prefix(f"/{name}"), to="a", filters=[having(name)]) for name in asked]
    scene.write("route.yaml", route("r", *rules, rule(prefix("/"), to="a")))
    scene.write("auth.yaml", *(one for several in MISTAKES.values() for one in several))
    scene.write("options.yaml", *(option(name, extauth) for name, extauth in asked.items()))
    await scene.start(clean=False)
    assert (await scene.ask("/")).backend == "a"
    for name in asked:
        for headers in ({}, GOOD):
            got = await scene.ask(f"/{name}", headers=headers)
            assert (got.status, got.backend) == (500, ""), name
    for name, written in MISTAKES.items():
        if written:
            assert any(f"AuthConfig default/{name}" in one for one in scene.problems()), name


WRONG: dict[str, Doc] = {
    "users": {"basicAuth": {"secretRef": {"name": "nowhere"}}},
    "lines": {"basicAuth": {"secretRef": {"name": "lines"}}},
    "keys": {"apiKey": {"selector": {"team": "nobodys"}}},
    "tokens": {"jwt": {"providers": [{"name": "p", "issuer": "i", "jwks": {"inline": "no key"}}]}},
    "config": {"authConfigRef": {"group": "enterprise.gloo.solo.io", "kind": "AuthConfig", "name": "nowhere"}},
    "service": {"ext": {"protocol": "HTTP", "backendRef": {"name": "nowhere", "port": 80}}},
    "login": {"oidc": {**OIDC, "callbackPath": "/c", "clientSecretRef": {"name": "nowhere"}}},
}
"""What AuthPolicies ask for that cannot be done."""


@pytest.mark.asyncio
@pytest.mark.parametrize("whole", [False, True], ids=["rules", "Gateway"])
async def test_a24_an_auth_policy_that_cannot_be_done_closes_its_target(scene: World, whole: bool) -> None:
    rules = [{**rule(prefix(f"/{name}"), to="a"), "name": name} for name in WRONG]
    scene.write("route.yaml", route("r", *rules, {**rule(prefix("/"), to="a"), "name": "rest"}))
    scene.write(
        "secret.yaml",
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "lines"},
            "stringData": {".htpasswd": "ann:secret\n"},
        },
    )
    if whole:
        scene.write("whole.yaml", auth_policy("whole", {"kind": "Gateway", "name": "gw"}, **WRONG["users"]))
    for name, spec in () if whole else WRONG.items():
        target = {"kind": "HTTPRoute", "name": "r", "sectionName": name}
        scene.write(f"{name}.yaml", auth_policy(name, target, **spec))
    await scene.start(clean=False)
    assert (await scene.ask("/")).status == (500 if whole else 200)
    for name in WRONG:
        for headers in ({}, GOOD):
            got = await scene.ask(f"/{name}", headers=headers)
            assert (got.status, got.backend) == (500, ""), name
        assert any(f"AuthPolicy default/{'whole' if whole else name}" in one for one in scene.problems()), name


@pytest.mark.asyncio
async def test_a24_a_secret_that_is_gone_closes_and_opens_for_its_key_alone(scene: World) -> None:
    keys = {"apiKeyAuth": {"apiKeySecretRefs": [{"name": "key"}]}}
    scene.write("auth.yaml", auth_config("keys", keys), option("keys", {"configRef": {"name": "keys"}}))
    scene.write("route.yaml", route("r", rule(prefix("/"), to="a", filters=[having("keys")])))
    path = scene.write("key.yaml", api_key("key", "N2YwMDIx"))
    await scene.start()
    asked = {"headers": {"api-key": "N2YwMDIx"}}
    assert (await scene.ask("/", **asked)).status == 200
    path.unlink()
    await scene.answers(500, "/", **asked)
    scene.write("key.yaml", api_key("key", ""))
    await scene.problem("AuthConfig default/keys spec", "Secret default/key has nothing in api-key")
    assert (await scene.ask("/", headers={"api-key": ""})).status == 500
    scene.write("key.yaml", api_key("key", "M2ZkMDIy"))
    await scene.answers(200, "/", headers={"api-key": "M2ZkMDIy"})
    assert (await scene.ask("/", **asked)).status == 401


@pytest.mark.asyncio
@pytest.mark.parametrize("host", ["hit.test", "x.wild.test"])
@pytest.mark.parametrize("way", ["server", "envoy", "named"])
async def test_a24_the_first_policy_of_a_port_is_there_from_its_first_request(
    scene: World, host: str, way: str
) -> None:
    """Routes reach Envoy before the filters of their port do."""
    scene.write("other.yaml", route("other", rule(prefix("/other"), to="a"), hosts=["hit.test", "*.wild.test"]))
    await scene.start()
    step = users("ann") if way == "server" else simple_users(ann="secret")
    guarded = route("r", rule(prefix("/guarded"), to="a", filters=[having("who")]), hosts=["hit.test", "*.wild.test"])
    asked: Doc = {"customAuth": {"name": "web"}} if way == "named" else {"configRef": {"name": "who"}}
    upstream = {"static": {"hosts": [{"addr": "127.0.0.1", "port": 1}]}}
    named = [
        {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": {"name": "web"}, "spec": upstream},
        {
            "apiVersion": "gloo.solo.io/v1",
            "kind": "Settings",
            "metadata": {"name": "default", "namespace": "gloo-system"},
            "spec": {"namedExtauth": {"web": {"extauthzServerRef": {"name": "web", "namespace": "default"}}}},
        },
    ]
    async with load(lambda: scene.ask("/guarded", host=host), pause=0) as asking:
        scene.write("guarded.yaml", guarded, auth_config("who", step), option("who", asked), named)
        if way == "named":
            await until(lambda: any(getattr(one, "status", 404) != 404 for one in asking.answers))
            await asking.more(200)
        else:
            await scene.answers(200, "/guarded", host=host, headers=GOOD)
            await asking.more(100)
    assert not [one for one in asking.answers if getattr(one, "backend", "")]


@pytest.mark.asyncio
@pytest.mark.parametrize("host", ["hit.test", "x.wild.test"])
async def test_a24_who_is_to_ask_a_server_that_the_port_does_not_know_yet_is_denied(
    scene: World, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That moment, made to last: the port is never told."""
    monkeypatch.setattr(extauth, "_known", lambda _: set_metadata_pb2.Config())
    scene.write("auth.yaml", auth_config("who", users("ann")), option("who", {"configRef": {"name": "who"}}))
    rules = (rule(prefix("/guarded"), to="a", filters=[having("who")]), rule(prefix("/"), to="a"))
    scene.write("route.yaml", route("r", *rules, hosts=["hit.test", "*.wild.test"]))
    await scene.start()
    assert (await scene.ask("/", host=host)).backend == "a"
    for headers in ({}, GOOD):
        got = await scene.ask("/guarded", host=host, headers=headers)
        assert (got.status, got.backend) == (403, "")


@pytest.mark.asyncio
async def test_a24_without_its_server_nobody_comes_in(scene: World) -> None:
    scene.write("auth.yaml", auth_config("who", users("ann")), option("who", {"configRef": {"name": "who"}}))
    scene.write("route.yaml", route("r", rule(prefix("/"), to="a", filters=[having("who")])))
    await scene.start()
    await scene.answers(200, "/", headers=GOOD)
    assert scene.app is not None
    (server,) = [one for one in scene.app.proxies.running() if one.proxy == "*/extauth"]
    async with load(lambda: scene.ask("/"), pause=0) as asking:
        os.kill(server.pid, signal.SIGSTOP)  # one that is killed is back before anybody gives up
        await scene.answers(503, "/", headers=GOOD)
        os.kill(server.pid, signal.SIGKILL)
        await scene.answers(200, "/", headers=GOOD)
    assert {getattr(one, "status", 0) for one in asking.answers} <= {401, 503}
    scene.write("auth.yaml", auth_config("unused", users("ann")))
    scene.write("route.yaml", route("r", rule(prefix("/"), to="a")))
    await scene.answers(200, "/")
    await until(lambda: scene.app is not None and all(one.proxy != "*/extauth" for one in scene.app.proxies.running()))
