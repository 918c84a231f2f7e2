"""Gloo's option policies, asked through Envoy: on a host that is found at once, and on one that a wildcard covers."""

import time
from typing import Any

import pytest
import pytest_asyncio

from support.clients.client import Answer
from support.objects.documents import Doc, gateway, listener, prefix, route, rule
from support.scenes.world import World, until

pytestmark = pytest.mark.asyncio(loop_scope="module")
SHOP = "https://shop.example"
HIT, MISS = "hit.test", "x.wild.test"
OF_HOST = "host.test"
hosts = pytest.mark.parametrize("host", [HIT, MISS])


def option(kind: str, name: str, *targets: Doc, **options: Any) -> Doc:
    """A policy."""
    return {
        "apiVersion": "gateway.solo.io/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"targetRefs": list(targets), "options": options},
    }


def target(kind: str, name: str, **fields: Any) -> Doc:
    """What a policy is for."""
    return {"group": "gateway.networking.k8s.io", "kind": kind, "name": name, **fields}


def upstream(name: str, *ports: int) -> Doc:
    """An Upstream of ports of this machine, of which one is chosen by hash if there is something to hash."""
    at = [{"addr": "127.0.0.1", "port": port} for port in ports]
    spec = {"static": {"hosts": at}, "loadBalancerConfig": {"ringHash": {}}}
    return {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": {"name": name}, "spec": spec}


def having(name: str, group: str = "gateway.solo.io", kind: str = "RouteOption") -> Doc:
    """A filter that refers to a policy."""
    return {"type": "ExtensionRef", "extensionRef": {"group": group, "kind": kind, "name": name}}


ROUTE_OPTIONS: dict[str, Doc] = {
    "abort": {"faults": {"abort": {"percentage": 100, "httpStatus": 418}}},
    "delay": {"faults": {"delay": {"percentage": 100, "fixedDelay": "0.3s"}}},
    "rewritten": {"prefixRewrite": "/new", "hostRewrite": "other.test", "appendXForwardedHost": True},
    "by-regex": {"regexRewrite": {"pattern": {"regex": "^/by-regex/([^/]+)/(.*)$"}, "substitution": "/\\2/\\1"}},
    "by-header": {"hostRewriteHeader": "x-tenant"},
    "headers": {
        "headerManipulation": {
            "requestHeadersToAdd": [
                {"header": {"key": "x-route", "value": "%REQ(:METHOD)%"}},
                {"header": {"key": "x-both", "value": "route"}, "append": False},
            ],
            "requestHeadersToRemove": ["x-gone"],
            "responseHeadersToAdd": [{"header": {"key": "x-back", "value": "there"}}],
        }
    },
    "retried": {"retries": {"retryOn": "5xx", "numRetries": 2}},
    "hurried": {"timeout": "0.2s"},
    "cors": {
        "cors": {"allowOrigin": [SHOP], "allowMethods": ["PUT"], "allowHeaders": ["x-one"], "maxAge": "60"},
    },
    "csrf": {"csrf": {"filterEnabled": {"defaultValue": {"numerator": 100}}}},
    "csrf-shadow": {"csrf": {"shadowEnabled": {"defaultValue": {"numerator": 100}}}},
    "limited": {"ratelimit": {"localRatelimit": {"maxTokens": 2, "fillInterval": "600s"}}},
    "buffered": {"bufferPerRoute": {"buffer": {"maxRequestBytes": 100}}},
    "copied": {"shadowing": {"upstream": {"name": "copies"}, "percentage": 100}},
    "guarded": {"waf": {"customInterventionMessage": "no"}},
    "mistaken": {"hostRewritePathRegex": {"pattern": {"regex": "("}, "substitution": ""}},
}
ON_HOST: dict[str, Doc] = {
    "csrf": {"filterEnabled": {"defaultValue": {"numerator": 100}}},
    "cors": {"allowOrigin": [SHOP], "allowMethods": ["GET"]},
    "bufferPerRoute": {"buffer": {"maxRequestBytes": 100}},
    "retries": {"retryOn": "5xx", "numRetries": 2},
    "headerManipulation": {"requestHeadersToAdd": [{"header": {"key": "x-host", "value": "host"}}]},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a", "b", "copies")
    shared.write(
        "gateway.yaml",
        gateway("gw", listener(shared.port, "rest"), listener(shared.port, "own", hostname="*.host.test")),
    )
    rules = [rule(prefix(f"/{name}"), to="a", filters=[having(name)]) for name in ROUTE_OPTIONS]
    rules.append(rule(prefix("/nowhere"), to="a", filters=[having("missing")]))
    hashed = option("RouteOption", "hashed", lbHash={"hashPolicies": [{"header": "x-user"}]})
    both = {"group": "gloo.solo.io", "kind": "Upstream", "name": "both"}
    rules.append(rule(prefix("/hashed"), to=[both], filters=[having("hashed")]))
    shared.write(
        "upstreams.yaml",
        hashed,
        upstream("copies", shared.backends["copies"].port),
        upstream("both", shared.backends["a"].port, shared.backends["b"].port),
    )
    answer = having("teapot", "gateway.gloo.solo.io", "DirectResponse")
    for number, some in enumerate((rules[:8], rules[8:], [rule(prefix("/teapot"), filters=[answer])])):
        shared.write(f"route-{number}.yaml", route(f"route-{number}", *some, hosts=[HIT, "*.wild.test"]))
    shared.write("options.yaml", *(option("RouteOption", name, **options) for name, options in ROUTE_OPTIONS.items()))
    shared.write(
        "teapot.yaml",
        {
            "apiVersion": "gateway.gloo.solo.io/v1alpha1",
            "kind": "DirectResponse",
            "metadata": {"name": "teapot", "namespace": "default"},
            "spec": {"status": 418, "body": "short and stout"},
        },
    )
    own = [
        rule(prefix("/free"), to="a", filters=[having("free")]),
        rule(prefix("/"), to="a"),
    ]
    shared.write("own.yaml", route("own", *own, hosts=["a.host.test", "*.host.test"]))
    shared.write(
        "own-options.yaml",
        option("VirtualHostOption", "own", target("Gateway", "gw", sectionName="own"), **ON_HOST),
        option("RouteOption", "free", csrf={}, cors={"disableForRoute": True}, bufferPerRoute={"disabled": True}),
    )
    await shared.start(clean=False)


async def ask(world: World, host: str, path: str, method: str = "GET", **request: Any) -> Answer:
    return await world.ask(path, method, host=host, **request)


@hosts
async def test_faults(shared: World, host: str) -> None:
    assert (await ask(shared, host, "/abort")).status == 418
    began = time.monotonic()
    assert (await ask(shared, host, "/delay")).backend == "a"
    assert time.monotonic() - began >= 0.2, "some milliseconds less are possible: Envoy reads the clock once a round"


@hosts
async def test_rewrites(shared: World, host: str) -> None:
    got = await ask(shared, host, "/rewritten/x?y=1")
    assert (got.seen["path"], got.seen["host"]) == ("/new/x?y=1", "other.test")
    assert got.sent("x-forwarded-host") == [host]
    assert (await ask(shared, host, "/by-regex/one/two")).seen["path"] == "/two/one"
    assert (await ask(shared, host, "/by-header", headers={"x-tenant": "t.test"})).seen["host"] == "t.test"
    assert (await ask(shared, host, "/by-header")).seen["host"] == host


@hosts
async def test_headers(shared: World, host: str) -> None:
    got = await ask(shared, host, "/headers", "PUT", headers={"x-both": "client", "x-gone": "1"})
    assert (got.sent("x-route"), got.sent("x-both"), got.sent("x-gone")) == (["PUT"], ["route"], [])
    assert got.headers["x-back"] == "there"


@hosts
async def test_tries_and_times(shared: World, host: str) -> None:
    assert (await ask(shared, host, f"/retried/retry/{host}/2/503", "GET")).status == 200
    assert (await ask(shared, host, "/hurried?delay=30")).status == 504


@hosts
async def test_cors(shared: World, host: str) -> None:
    asked = {"origin": SHOP, "access-control-request-method": "PUT"}
    before = await ask(shared, host, "/cors", "OPTIONS", headers=asked)
    assert (before.status, before.backend) == (200, "")
    assert before.headers["access-control-allow-origin"] == SHOP
    assert before.headers["access-control-allow-methods"] == "PUT"
    other = await ask(shared, host, "/cors", "OPTIONS", headers={**asked, "origin": "https://other.example"})
    assert other.backend == "a", "as in Gloo, the backend has the last word"
    assert "access-control-allow-origin" not in other.headers


@hosts
async def test_csrf(shared: World, host: str) -> None:
    mine, other = {"origin": f"http://{host}"}, {"origin": "http://evil.example"}
    assert (await ask(shared, host, "/csrf", "POST", headers=mine)).backend == "a"
    assert (await ask(shared, host, "/csrf", "POST", headers=other)).status == 403
    assert (await ask(shared, host, "/csrf", "GET", headers=other)).backend == "a"
    assert (await ask(shared, host, "/csrf-shadow", "POST", headers=other)).backend == "a"


@hosts
async def test_a_local_rate_limit(shared: World, host: str) -> None:
    # One bucket for both hosts of the route, so what is left of it is not known, but that it is empty in the end.
    answers = [await ask(shared, host, "/limited") for _ in range(3)]
    assert answers[-1].status == 429
    assert sum(one.status == 200 for one in answers) <= 2


@hosts
async def test_a_buffer(shared: World, host: str) -> None:
    assert (await ask(shared, host, "/buffered", "POST", body=b"x" * 100)).backend == "a"
    assert (await ask(shared, host, "/buffered", "POST", body=b"x" * 101)).status == 413


@hosts
async def test_copies(shared: World, host: str) -> None:
    assert (await ask(shared, host, f"/copied/{host}")).backend == "a"
    copies = shared.backends["copies"]
    await until(lambda: f"/copied/{host}" in copies.paths())
    (copy,) = (one for one in copies.requests if one["path"] == f"/copied/{host}")
    assert copy["host"] == f"{host}-shadow"


@hosts
async def test_who_is_alike_meets_the_same_endpoint(shared: World, host: str) -> None:
    met: dict[str, set[str]] = {}
    for user in [f"u{number}" for number in range(12)] * 3:
        met.setdefault(user, set()).add((await ask(shared, host, "/hashed", headers={"x-user": user})).backend)
    assert all(len(backends) == 1 for backends in met.values())
    assert set.union(*met.values()) == {"a", "b"}


@hosts
async def test_what_cannot_be_done_closes_just_its_rule(shared: World, host: str) -> None:
    for path in ("/guarded", "/mistaken", "/nowhere"):
        assert (await ask(shared, host, path)).status == 500
    assert (await ask(shared, host, "/rewritten")).backend == "a"


@hosts
async def test_an_answer_without_a_backend(shared: World, host: str) -> None:
    got = await ask(shared, host, "/teapot")
    assert (got.status, got.body) == (418, b"short and stout")


@pytest.mark.parametrize("host", ["a.host.test", "b.host.test"])
async def test_options_of_a_host(shared: World, host: str) -> None:
    other = {"origin": "http://evil.example"}
    assert (await ask(shared, host, "/x", "POST", headers=other)).status == 403
    assert (await ask(shared, host, "/x", "POST", body=b"x" * 101)).status == 413
    assert (await ask(shared, host, f"/x/retry/{host}/2/503")).status == 200
    got = await ask(shared, host, "/x", headers={"origin": SHOP})
    assert got.sent("x-host") == ["host"]
    assert got.headers["access-control-allow-origin"] == SHOP


@pytest.mark.parametrize("host", ["a.host.test", "b.host.test"])
async def test_a_route_has_the_last_word_over_its_host(shared: World, host: str) -> None:
    got = await ask(shared, host, "/free", "POST", headers={"origin": "http://evil.example"}, body=b"x" * 200)
    assert got.backend == "a"
    assert got.sent("x-host") == ["host"], "headers of both are changed"
    assert "access-control-allow-origin" not in (await ask(shared, host, "/free", headers={"origin": SHOP})).headers


async def test_a_policy_comes_and_goes(shared: World) -> None:
    shared.write("more.yaml", option("RouteOption", "more", target("HTTPRoute", "own"), timeout="0.2s"))
    await shared.answers(504, "/y?delay=1", host="a.host.test")
    (shared.folder / "more.yaml").unlink()
    await shared.answers(200, "/y?delay=1", host="a.host.test")
