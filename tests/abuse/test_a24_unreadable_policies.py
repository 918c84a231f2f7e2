"""A24: a policy that cannot even be read, and of which no version is known that could be, closes what it is for."""

from typing import Any

import pytest
import pytest_asyncio

from support.objects.auth import auth_config, auth_policy, basic, simple_users
from support.objects.documents import Doc, gateway, listener, prefix, reference, route, rule
from support.scenes.world import World
from support.servers.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")
GOOD = basic("ann", "secret")
USERS = {"secretRef": {"name": "users"}}
WHO: Doc = {"configRef": {"name": "who"}}
POLICIES: dict[str, Doc] = {
    "more": {"basicAuth": {**USERS, "reealm": "x"}},
    "text": {"basicAuth": {"secretRef": "users"}},
    "list": {"apiKey": []},
    "nothing": {},
    "both": {"basicAuth": USERS, "apiKey": {"selector": {"team": "a"}}},
    "anybody": {"authorization": {"rules": [{}]}},
    "newer": {"mtls": {}},
}
"""What AuthPolicies say that the API does not have."""
ROUTES: dict[str, Doc] = {
    "ref": {"extauth": {"configRef": "who"}},
    "case": {"extAuth": WHO},
    "inside": {"extauth": {"configref": {"name": "who"}}},
    "twice": {"extauth": {**WHO, "customAuth": {}}},
    "beside": {"extauth": WHO, "timeout": ["1s"]},
}
"""Options of a route, of which the last is fine but for a field that guards nothing."""
HOSTS: dict[str, Doc] = {
    "providers": {"jwt": {"providers": []}},
    "provider": {"jwtStaged": {"beforeExtAuth": {"provider": {}}}},
    "rbac": {"rbac": {"policies": "p"}},
    "extauth": {"extauth": {"configRef": ["who"]}},
}
LISTENERS: dict[str, Doc] = {
    "csrf": {"csrf": {"filterEnabled": 100}},
    "proc": {"extProc": []},
    "procs": {"extproc": {"grpcService": {"extProcServerRef": {"name": "p"}}}},
    "server": {"extauth": {"extauthzServerRef": "here"}},
    "beside": {"csrf": {"filterEnabled": {"defaultValue": {"numerator": 100}}}, "gzip": "yes"},
    "limit": {"connectionLimit": {"maxActiveConnections": []}},
}
"""Options of a listener, of which the last only limits: that is no reason to close."""
CLASSIC: dict[str, Doc] = {
    "classic-host": {"optionsConfigRefs": {"delegateOptions": [{"name": "of-hosts", "namespace": "default"}]}},
    "classic-route": {},
    "classic-open": {},
}
"""Virtual hosts of VirtualServices, the second of which has a route that names such options."""
PORT = free_port()
SERVED: list[str] = [
    *(*POLICIES, *(f"whole-{name}" for name in POLICIES), *ROUTES, *(f"host-{name}" for name in HOSTS)),
    *(f"of-{name}" for name in LISTENERS if name != "limit"),
]
OPEN = ("open", "of-limit")


def _option(kind: str, name: str, target: Doc, options: Doc) -> Doc:
    spec = {"targetRefs": [{"group": "gateway.networking.k8s.io", **target}], "options": options}
    return _object("gateway.solo.io", kind, name, spec)


def _policies() -> dict[str, Doc]:
    """Each for the route or the listener of its name."""
    found: dict[str, Doc] = {}
    for name, spec in POLICIES.items():
        found[name] = auth_policy(name, {"kind": "HTTPRoute", "name": name}, **spec)
        whole = f"whole-{name}"
        found[whole] = auth_policy(whole, {"kind": "Gateway", "name": "gw", "sectionName": whole}, **spec)
    for name, options in ROUTES.items():
        found[name] = _option("RouteOption", name, {"kind": "HTTPRoute", "name": name}, options)
    for name, options in HOSTS.items():
        whole = f"host-{name}"
        target = {"kind": "Gateway", "name": "gw", "sectionName": whole}
        found[whole] = _option("VirtualHostOption", whole, target, options)
    for name, options in LISTENERS.items():
        target = {"kind": "Gateway", "name": "gw", "sectionName": f"of-{name}"}
        found[f"of-{name}"] = _option("HttpListenerOption", f"of-{name}", target, options)
    return found


def _classic(port: int) -> list[Doc]:
    """A Gateway of Gloo's, and what it serves."""
    host = {"addr": "127.0.0.1", "port": port}
    gate = _object("gateway.solo.io", "Gateway", "classic", {"bindPort": PORT, "httpGateway": {}})
    gate["metadata"]["namespace"] = "gloo-system"
    found = [
        gate,
        _object("gloo.solo.io", "Upstream", "up", {"static": {"hosts": [host]}}),
        _object("gateway.solo.io", "VirtualHostOption", "of-hosts", {"options": HOSTS["extauth"]}),
        _object("gateway.solo.io", "RouteOption", "of-routes", {"options": ROUTES["ref"]}),
    ]
    for name, more in CLASSIC.items():
        taken: Doc = {
            "matchers": [{"prefix": "/"}],
            "routeAction": {"single": {"upstream": {"name": "up", "namespace": "default"}}},
        }
        if name == "classic-route":
            refs = [{"name": "of-routes", "namespace": "default"}]
            taken["optionsConfigRefs"] = {"delegateOptions": refs}
        host = {"domains": [f"{name}.test"], "routes": [taken], **more}
        found.append(_object("gateway.solo.io", "VirtualService", name, {"virtualHost": host}))
    return found


def _object(group: str, kind: str, name: str, spec: Doc) -> Doc:
    meta = {"name": name, "namespace": "default"}
    return {"apiVersion": f"{group}/v1", "kind": kind, "metadata": meta, "spec": spec}


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a")
    listeners = [listener(shared.port, name, hostname=f"{name}.test") for name in (*SERVED, *OPEN)]
    shared.write("gateway.yaml", gateway("gw", *listeners))
    for name in (*SERVED, *OPEN):
        shared.write(
            f"routes/{name}.yaml", route(name, rule(prefix("/"), to="a"), parents=[reference("gw", sectionName=name)])
        )
    shared.write("auth.yaml", auth_config("who", simple_users(ann="secret")))
    for name, policy in _policies().items():
        shared.write(f"policies/{name}.yaml", policy)
    shared.write("classic.yaml", *_classic(shared.backends["a"].port))
    await shared.start(clean=False)


@pytest.mark.parametrize("name", SERVED)
async def test_a24_what_cannot_be_read_closes_what_it_is_for(shared: World, name: str) -> None:
    for headers in ({}, GOOD):
        got = await shared.ask(host=f"{name}.test", headers=headers)
        assert (got.status, got.backend) == (500, ""), name
    assert any(f" default/{name} spec" in one for one in shared.problems())


@pytest.mark.parametrize("name", CLASSIC)
async def test_a24_what_virtual_services_name_and_cannot_be_read_closes_them(shared: World, name: str) -> None:
    got = await shared.ask(host=f"{name}.test", port=PORT)
    assert (got.status, got.backend) == ((200, "a") if name == "classic-open" else (500, ""))


@pytest.mark.parametrize("name", OPEN)
async def test_a24_and_nothing_else(shared: World, name: str) -> None:
    assert (await shared.ask(host=f"{name}.test")).backend == "a"


async def test_a24_what_a_listener_was_told_before_stays(shared: World) -> None:
    """The last version that could be read, and not what closes."""
    path, target = "policies/of-csrf.yaml", {"kind": "Gateway", "name": "gw", "sectionName": "of-csrf"}
    asked: dict[str, Any] = {"host": "of-csrf.test"}
    shared.write(path, _option("HttpListenerOption", "of-csrf", target, LISTENERS["beside"] | {"gzip": {}}))
    await shared.answers(200, **asked)
    shared.write(path, _option("HttpListenerOption", "of-csrf", target, LISTENERS["csrf"]))
    await shared.problem("HttpListenerOption default/of-csrf", "what it said before stays in force")
    got = await shared.ask(method="POST", headers={"origin": "http://evil.test"}, **asked)
    assert (got.status, got.backend) == (403, "")
    assert (await shared.ask(**asked)).backend == "a"


async def test_a24_a_mended_one_is_in_force_and_broken_again_it_stays(shared: World) -> None:
    path = "policies/ref.yaml"
    target = {"kind": "HTTPRoute", "name": "ref"}
    asked: dict[str, Any] = {"host": "ref.test"}
    shared.write(path, _option("RouteOption", "ref", target, {"extauth": WHO}))
    await shared.answers(401, **asked)
    assert (await shared.ask(**asked, headers=GOOD)).backend == "a"
    shared.write(path, _option("RouteOption", "ref", target, ROUTES["ref"]))
    await shared.problem("RouteOption default/ref", "what it said before stays in force")
    assert (await shared.ask(**asked)).status == 401
    assert (await shared.ask(**asked, headers=GOOD)).backend == "a"


async def test_a24_one_that_is_taken_away_opens(shared: World) -> None:
    (shared.folder / "policies/more.yaml").unlink()
    await shared.answers(200, host="more.test")
