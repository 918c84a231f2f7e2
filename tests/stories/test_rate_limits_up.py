"""Gloo's documented limits, served by `daemun up` with the rate limit service that it starts for them."""

import os
import signal
from collections.abc import Mapping

import pytest
import pytest_asyncio
from test_gloo_options import having, option

from daemun.ir.quotas import SERVER
from support.clients.limiting import within_an_hour
from support.objects.documents import Doc, gateway, listener, prefix, route, rule
from support.scenes.world import World, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


def config(name: str, **raw: object) -> Doc:
    kind = {"apiVersion": "ratelimit.solo.io/v1alpha1", "kind": "RateLimitConfig"}
    return kind | {"metadata": {"name": name, "namespace": "default"}, "spec": {"raw": raw}}


def per_hour(requests: int) -> Doc:
    return {"requestsPerUnit": requests, "unit": "HOUR"}


def by_config(*names: str) -> Doc:
    return {"rateLimitConfigs": {"refs": [{"name": name, "namespace": "default"} for name in names]}}


def headers(*pairs: tuple[str, str]) -> list[Doc]:
    return [{"requestHeaders": {"headerName": name, "descriptorKey": key}} for name, key in pairs]


# As https://docs.solo.io/gloo-edge has them, with hours for minutes: a test sees no window end.
COUNTER = config(
    "counter",
    descriptors=[{"key": "generic_key", "value": "counter", "rateLimit": per_hour(3)}],
    rateLimits=[{"actions": [{"genericKey": {"descriptorValue": "counter"}}]}],
)
MESSENGER = config(
    "messenger",
    descriptors=[
        {"key": "type", "value": "Messenger", "rateLimit": per_hour(2)},
        {
            "key": "type",
            "value": "Whatsapp",
            "rateLimit": per_hour(1),
            "descriptors": [{"key": "number", "value": "411", "weight": 1, "rateLimit": per_hour(4)}],
        },
    ],
    rateLimits=[
        {"actions": headers(("x-type", "type"))},
        {"actions": headers(("x-type", "type"), ("x-number", "number"))},
    ],
)
SETS = config(
    "sets",
    setDescriptors=[
        {"simpleDescriptors": [{"key": "type"}, {"key": "number", "value": "1"}], "rateLimit": per_hour(2)},
        {"simpleDescriptors": [{"key": "number"}], "rateLimit": per_hour(3)},
    ],
    rateLimits=[{"setActions": headers(("x-number", "number"), ("x-type", "type"))}],
)
SETTINGS: Doc = {
    "apiVersion": "gloo.solo.io/v1",
    "kind": "Settings",
    "metadata": {"name": "default", "namespace": "gloo-system"},
    "spec": {
        "ratelimitServer": {"denyOnFail": True, "requestTimeout": "20s", "enableXRatelimitHeaders": True},
        "ratelimit": {"descriptors": [{"key": "generic_key", "value": "per-hour", "rateLimit": per_hour(2)}]},
    },
}
ROUTES: Mapping[str, Doc] = {
    "counter": by_config("counter"),
    "messenger": by_config("messenger"),
    "sets": by_config("sets"),
    "settings": {"ratelimit": {"rateLimits": [{"actions": [{"genericKey": {"descriptorValue": "per-hour"}}]}]}},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a")
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    shared.write("limits.yaml", COUNTER, MESSENGER, SETS, SETTINGS)
    shared.write("options.yaml", *(option("RouteOption", name, **said) for name, said in ROUTES.items()))
    rules = [rule(prefix(f"/{name}"), to="a", filters=[having(name)]) for name in ROUTES]
    shared.write("routes.yaml", route("r", rule(to="a"), *rules, hosts=["limited.test"]))
    await shared.start()
    await within_an_hour()
    # Until the service is there and knows its limits, what needs it is denied.
    await until(lambda: knows(shared))


async def knows(world: World) -> bool:
    return (await world.ask("/messenger", host="limited.test", headers={"x-type": "none"})).status == 200


async def statuses(world: World, path: str, times: int, **said: str) -> list[int]:
    return [(await world.ask(path, host="limited.test", headers=said)).status for _ in range(times)]


async def test_a_counter_for_everybody(shared: World) -> None:
    assert await statuses(shared, "/counter", 5) == [200, 200, 200, 429, 429]


async def test_descriptors_below_each_other_and_weights(shared: World) -> None:
    assert await statuses(shared, "/messenger", 3, **{"x-type": "Messenger"}) == [200, 200, 429]
    # The heavier limit holds alone, so that the other does not refuse it.
    heavy = {"x-type": "Whatsapp", "x-number": "411"}
    assert await statuses(shared, "/messenger", 5, **heavy) == [200, 200, 200, 200, 429]
    assert await statuses(shared, "/messenger", 2, **{"x-type": "Whatsapp"}) == [200, 429]


async def test_sets_in_any_order_and_the_first_that_fits(shared: World) -> None:
    assert await statuses(shared, "/sets", 3, **{"x-type": "a", "x-number": "1"}) == [200, 200, 429]
    assert await statuses(shared, "/sets", 3, **{"x-type": "b", "x-number": "1"}) == [200, 200, 429]
    assert await statuses(shared, "/sets", 4, **{"x-type": "a", "x-number": "2"}) == [200, 200, 200, 429]


async def test_limits_of_the_settings_and_headers(shared: World) -> None:
    first = await shared.ask("/settings", host="limited.test")
    assert (first.status, first.headers["x-ratelimit-remaining"]) == (200, "1")
    assert first.headers["x-ratelimit-limit"].startswith("2, 2;w=3600")
    assert await statuses(shared, "/settings", 2) == [200, 429]
    refused = await shared.ask("/settings", host="limited.test")
    assert 1 <= int(refused.headers["retry-after"]) <= 3600


async def test_another_number_counts_on_and_a_service_that_was_killed_is_back(shared: World) -> None:
    assert (await statuses(shared, "/counter", 1)) == [429]
    more = {"key": "generic_key", "value": "counter", "rateLimit": per_hour(5)}
    counter = config("counter", descriptors=[more], rateLimits=COUNTER["spec"]["raw"]["rateLimits"])
    shared.write("limits.yaml", counter, MESSENGER, SETS, SETTINGS)

    async def let_in() -> bool:
        return (await statuses(shared, "/counter", 1)) == [200]

    await until(let_in)
    assert await statuses(shared, "/counter", 2) == [200, 429]
    assert shared.app is not None
    app = shared.app
    before = next(one.pid for one in app.proxies.running() if one.proxy == SERVER)
    os.kill(before, signal.SIGKILL)
    # Its memory is gone, and so are the counts; nobody was let in meanwhile.
    await until(lambda: any(one.proxy == SERVER and one.pid != before for one in app.proxies.running()))
    await until(lambda: knows(shared))
    assert await statuses(shared, "/counter", 6) == [200] * 5 + [429]


async def test_without_limits_the_service_ends(shared: World) -> None:
    assert shared.app is not None
    app = shared.app
    shared.write("options.yaml")
    shared.write("limits.yaml")
    await until(lambda: all(one.proxy != SERVER for one in app.proxies.running()))
