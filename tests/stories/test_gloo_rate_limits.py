"""Gloo's rate limits, asked of a service of somebody else's: on a host that is found at once, and under a wildcard."""

import json
from typing import Any

import pytest
import pytest_asyncio
from test_gloo_options import having, option, target

from support.objects.documents import Doc, gateway, listener, prefix, route, rule
from support.scenes.world import World, until
from support.servers.ports import free_port
from support.standins.limiter import Limiter

pytestmark = pytest.mark.asyncio(loop_scope="module")
HIT, MISS = "hit.test", "x.wild.test"
hosts = pytest.mark.parametrize("host", [HIT, MISS])
STRICT, LATER = free_port(), free_port()
"""Ports whose listeners deny what is not answered, and one where limits come before who comes in is asked."""
S: list[Limiter] = []
GENERIC = "generic_key"
ANN = {"authorization": "Basic YW5uOnBhc3N3b3Jk"}


def generic(value: str) -> Doc:
    return {"genericKey": {"descriptorValue": value}}


def header(name: str) -> Doc:
    return {"requestHeaders": {"headerName": f"x-{name}", "descriptorKey": name}}


def limits(*actions: Doc, **more: Any) -> Doc:
    return {"rateLimits": [{"actions": list(actions)}], **more}


MATCH = {"descriptorValue": "curl", "headers": [{"name": "user-agent", "prefixMatch": "curl"}]}
METADATA = {
    "descriptorKey": "team",
    "source": "ROUTE_ENTRY",
    "metadataKey": {"key": "t", "path": [{"key": "a"}, {"key": "b"}]},
}
ROUTES: dict[str, Doc] = {
    "header": {"ratelimit": limits(header("a"))},
    "both": {"ratelimit": limits(header("a"), includeVhRateLimits=True)},
    "many": {
        "envoyMetadata": {"t": {"a": {"b": "red"}}},
        "ratelimit": limits(
            generic("many"),
            {"remoteAddress": {}},
            {"destinationCluster": {}},
            {"sourceCluster": {}},
            {"headerValueMatch": MATCH},
            {"metadata": METADATA},
        ),
    },
    "sets": {"ratelimit": {"rateLimits": [{"setActions": [header("a"), header("b")]}]}},
    "percent": {"ratelimit": limits(generic("100%PROTOCOL%"))},
    "stages": {
        "extauth": {"configRef": {"name": "who", "namespace": "default"}},
        "ratelimitEarly": limits(generic("early")),
        "ratelimit": limits(generic("main")),
        "ratelimitRegular": limits(generic("regular")),
    },
}


def server(name: str, **more: Any) -> Doc:
    return {"ratelimitServer": {"ratelimitServerRef": {"name": name, "namespace": "default"}, **more}}


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a")
    S.append(await Limiter().start())
    shared.closing(S[0].stop)
    spec = {"useHttp2": True, "static": {"hosts": [{"addr": "127.0.0.1", "port": S[0].port}]}}
    upstream = {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": {"name": "rls"}, "spec": spec}
    settings = {"apiVersion": "gloo.solo.io/v1", "kind": "Settings"}
    settings |= {
        "metadata": {"name": "default", "namespace": "gloo-system"},
        "spec": server("rls", requestTimeout="20s"),
    }
    config = {"apiVersion": "enterprise.gloo.solo.io/v1", "kind": "AuthConfig", "metadata": {"name": "who"}}
    users = {"ann": {"salt": "TYiryv0/", "hashedPassword": "8BvzLUO9IfGPGGsPnAgSu1"}}
    config |= {"spec": {"configs": [{"basicAuth": {"realm": "here", "apr": {"users": users}}}]}}
    shared.write("world.yaml", upstream, settings, config)
    gates = [
        gateway("gw", listener(shared.port)),
        gateway("strict", listener(STRICT)),
        gateway("early", listener(LATER)),
    ]
    shared.write("gateway.yaml", *gates)
    strict = server("rls", denyOnFail=True, enableXRatelimitHeaders=True, requestTimeout="20s")
    early = server("rls", rateLimitBeforeAuth=True, requestTimeout="20s")
    shared.write(
        "o.yaml",
        option("HttpListenerOption", "strict", target("Gateway", "strict"), **strict),
        option("HttpListenerOption", "early", target("Gateway", "early"), **early),
        option("VirtualHostOption", "host", target("Gateway", "gw"), ratelimit=limits(generic("host"))),
    )
    rules = [rule(prefix(f"/{name}"), to="a", filters=[having(name)]) for name in ROUTES]
    parents = ["gw", "strict", "early"]
    shared.write("routes.yaml", route("r", rule(to="a"), *rules, parents=parents, hosts=[HIT, "*.wild.test"]))
    shared.write("options.yaml", *(option("RouteOption", name, **said) for name, said in ROUTES.items()))
    log = str(shared.base / "access.log")
    shared.write(
        "log.yaml",
        option(
            "ListenerOption",
            "log",
            target("Gateway", "strict"),
            accessLoggingService={
                "accessLog": [
                    {
                        "fileSink": {
                            "path": log,
                            "jsonFormat": {
                                "flags": "%RESPONSE_FLAGS%",
                                "domain": "%DYNAMIC_METADATA(envoy.filters.http.ratelimit:domain)%",
                            },
                        }
                    }
                ]
            },
        ),
    )
    await shared.start()


async def asked(world: World, path: str, host: str, port: int = 0, **headers: str) -> list[Any]:
    S[0].told()
    got = await world.ask(path, host=host, port=port, headers=headers)
    assert got.status == 200, got
    return S[0].told()


@hosts
async def test_a_host_has_its_limits_where_its_routes_have_none(shared: World, host: str) -> None:
    assert await asked(shared, "/", host) == [("custom", (((GENERIC, "host"),),))]


@hosts
async def test_a_routes_limits_are_in_place_of_its_hosts(shared: World, host: str) -> None:
    assert await asked(shared, "/header", host, **{"x-a": "1"}) == [("custom", ((("a", "1"),),))]
    assert await asked(shared, "/header", host) == [], "without the header there is nothing to ask"


@hosts
async def test_or_beside_them(shared: World, host: str) -> None:
    got = await asked(shared, "/both", host, **{"x-a": "1"})
    assert got == [("custom", ((("a", "1"),), ((GENERIC, "host"),)))]


@hosts
async def test_every_action_has_its_entry(shared: World, host: str) -> None:
    ((domain, (entries,)),) = await asked(shared, "/many", host, **{"user-agent": "curl/8"})
    assert domain == "custom"
    assert entries == (
        (GENERIC, "many"),
        ("remote_address", "127.0.0.1"),
        ("destination_cluster", "service/default/a/80"),
        ("source_cluster", dict(entries)["source_cluster"]),
        ("header_match", "curl"),
        ("team", "red"),
    )


@hosts
async def test_sets_have_a_mark_and_what_is_there(shared: World, host: str) -> None:
    got = await asked(shared, "/sets", host, **{"x-b": "2"})
    assert got == [("custom", (((GENERIC, "daemun.set"), ("b", "2")),))]


@hosts
async def test_values_are_taken_as_they_are_written(shared: World, host: str) -> None:
    assert await asked(shared, "/percent", host) == [("custom", (((GENERIC, "100%PROTOCOL%"),),))]


@hosts
async def test_too_many_are_answered_with_429(shared: World, host: str) -> None:
    got = await shared.ask("/header", host=host, headers={"x-a": "over"})
    assert (got.status, got.headers["x-envoy-ratelimited"]) == (429, "true")


@hosts
async def test_early_limits_come_before_who_comes_in_is_asked(shared: World, host: str) -> None:
    await shared.answers(401, "/stages", host=host)
    S[0].told()
    assert (await shared.ask("/stages", host=host)).status == 401
    assert S[0].told() == [("custom", (((GENERIC, "early"),),))]
    assert await shared.answers(200, "/stages", host=host, headers=ANN)
    every = [("custom", (((GENERIC, one),),)) for one in ("early", "main", "regular")]
    assert S[0].told()[-3:] == every
    assert (await shared.ask("/stages", host=host, port=LATER)).status == 401
    assert S[0].told() == every[:2], "there the listener says that limits come first"


async def test_headers_and_logs_tell_of_limits(shared: World) -> None:
    got = await shared.ask("/header", host=HIT, port=STRICT, headers={"x-a": "over"})
    assert got.status == 429
    assert (got.headers["x-ratelimit-remaining"], got.headers["x-ratelimit-reset"]) == ("0", "30")
    assert got.headers["x-ratelimit-limit"].startswith("10, 10;w=60")

    def logged() -> list[Any]:
        lines = [json.loads(one) for one in (shared.base / "access.log").read_text().splitlines()]
        return [one for one in lines if one["flags"] == "RL"]

    assert (await until(logged))[0]["domain"] == "custom"


@hosts
async def test_what_is_not_answered_passes_or_not_as_the_listener_says(shared: World, host: str) -> None:
    port = S[0].port
    await S[0].stop()
    try:
        assert (await shared.ask("/header", host=host, headers={"x-a": "over"})).status == 200
        got = await shared.ask("/header", host=host, port=STRICT, headers={"x-a": "1"})
        assert got.status == 500
    finally:
        await S[0].start(port)
    await shared.answers(429, "/header", host=host, headers={"x-a": "over"})
    await shared.answers(200, "/header", host=host, port=STRICT, headers={"x-a": "1"})
