"""Gloo's rate limits in classic objects, counted by Daemun's own service: RateLimitConfigs, sets, and early limits.

The objects have the shape of those in Gloo's documents, with hours for minutes: a test sees no end of a window.
"""

from typing import Any

import pytest
import pytest_asyncio
import yaml
from test_limit_docs import passing, strict
from test_transformations_classic import service

from support.clients.limiting import within_an_hour
from support.objects.auth import auth_config, basic, users
from support.objects.documents import Doc, hosts, upstream
from support.scenes.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")
HOME = "gloo-system"


def per_hour(requests: int) -> Doc:
    return {"requestsPerUnit": requests, "unit": "HOUR"}


def config(name: str, descriptors: list[Doc], *actions: Doc) -> Doc:
    """A RateLimitConfig."""
    raw = {"descriptors": descriptors, "rateLimits": [{"actions": list(actions)}]}
    metadata = {"name": name, "namespace": HOME}
    kind = {"apiVersion": "ratelimit.solo.io/v1alpha1", "kind": "RateLimitConfig"}
    return kind | {"metadata": metadata, "spec": {"raw": raw}}


def refs(*names: str) -> Doc:
    return {"refs": [{"name": name, "namespace": HOME} for name in names]}


def route(path: str, to: str = "echo-1", **options: Any) -> Doc:
    """A route by prefix to an Upstream."""
    single = {"upstream": {"name": to, "namespace": HOME}}
    return {"matchers": [{"prefix": path}], "options": options, "routeAction": {"single": single}}


def header(name: str) -> Doc:
    return {"requestHeaders": {"descriptorKey": name, "headerName": f"x-{name}"}}


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a")
    port = shared.backends["a"].port
    spec = {"bindPort": shared.port, "httpGateway": {}, "proxyNames": ["gateway-proxy"]}
    gate = {"apiVersion": "gateway.solo.io/v1", "kind": "Gateway", "spec": spec}
    gate["metadata"] = {"name": "gateway-proxy", "namespace": HOME}
    sets = [{"simpleDescriptors": [{"key": "type", "value": "a"}, {"key": "number"}], "rateLimit": per_hour(2)}]
    settings = strict()
    settings["spec"]["ratelimit"] = {"setDescriptors": sets}
    objects = [
        gate,
        settings,
        *(upstream(f"{HOME}/{name}", static=hosts(port)) for name in ("echo-1", "echo-2")),
        config(
            "global-limit",
            [{"key": "generic_key", "value": "count", "rateLimit": per_hour(4)}],
            {"genericKey": {"descriptorValue": "count"}},
        ),
        config(
            "per-upstream",
            [{"key": "destination_cluster", "rateLimit": per_hour(3)}],
            {"destinationCluster": {}},
        ),
        auth_config("who", users("ann")),
        service(
            "echo",
            {"rateLimitConfigs": refs("global-limit", "per-upstream")},
            route("/echo-1"),
            route("/echo-2", "echo-2"),
            route("/own", rateLimitEarlyConfigs=refs("per-upstream")),
        ),
        service(
            "sets",
            {"ratelimit": {"rateLimits": [{"setActions": [header("number"), header("type"), header("color")]}]}},
            route("/"),
        ),
        service(
            "early",
            {
                "extauth": {"configRef": {"name": "who", "namespace": "default"}},
                "ratelimitEarly": {"rateLimits": [{"setActions": [header("type"), header("number")]}]},
            },
            route("/"),
        ),
    ]
    shared.write("world.yaml", *map(yaml.safe_dump, objects))
    await shared.start()
    await within_an_hour()


async def test_a_hosts_configs_hold_for_all_its_routes_and_each_counts_by_itself(shared: World) -> None:
    await shared.answers(200, "/echo-1", host="echo.test")
    assert await passing(shared, "/echo-1", 4, host="echo.test") == 2, "three for each Upstream"
    assert await passing(shared, "/echo-2", 4, host="echo.test") == 1, "and four for both"


async def test_a_route_has_its_own_instead(shared: World) -> None:
    assert await passing(shared, "/own", 2, host="echo.test") == 0, "the Upstream has had its three"


async def test_sets_fit_in_any_order_and_among_others(shared: World) -> None:
    fits = {"x-type": "a", "x-number": "1", "x-color": "blue"}
    await shared.answers(200, "/", host="sets.test", headers=fits)
    assert await passing(shared, "/", 4, host="sets.test", headers=fits) == 1
    assert await passing(shared, "/", 4, host="sets.test", headers=fits | {"x-number": "2"}) == 2
    assert await passing(shared, "/", 4, host="sets.test", headers={"x-type": "a"}) == 4
    assert await passing(shared, "/", 4, host="sets.test", headers=fits | {"x-type": "b"}) == 4


async def test_early_limits_count_those_who_do_not_come_in(shared: World) -> None:
    fits, ann = {"x-type": "a", "x-number": "early"}, basic("ann", "secret")
    await shared.answers(200, "/", host="early.test", headers=ann)
    answers = [(await shared.ask("/", host="early.test", headers=fits)).status for _ in range(4)]
    assert answers == [401, 401, 429, 429]
    assert (await shared.ask("/", host="early.test", headers=fits | ann)).status == 429
    assert (await shared.ask("/", host="early.test", headers=ann)).status == 200
