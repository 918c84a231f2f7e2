"""Pages of docs/limits, served as they stand by real Envoys and Daemun's rate limit service, and the basic limits.

Only ports are others than on the page: those of the machine that a test runs on are not free.
"""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
from test_gloo_options import having, option, target

from support.clients.limiting import within_an_hour
from support.objects.auth import auth_config, basic, simple_users, users
from support.objects.documents import Doc, gateway, listener, prefix, route, rule
from support.scenes.world import World, tally

DOCS = Path(__file__).parents[2] / "docs" / "limits"
LATE = {"ratelimitServer": {"denyOnFail": True, "requestTimeout": "20s"}}
"""The service starts with the first limit, and may then take longer on a busy machine than where many ask it."""


def strict() -> Doc:
    """Settings that let nothing pass which the service has not seen."""
    metadata = {"name": "default", "namespace": "gloo-system"}
    return {"apiVersion": "gloo.solo.io/v1", "kind": "Settings", "metadata": metadata, "spec": LATE}


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.stop()


async def serve(world: World, name: str) -> None:
    await world.echo("a")
    (text,) = re.findall(r"```yaml\n(apiVersion.*?)```", (DOCS / f"{name}.md").read_text(), re.DOTALL)
    text = text.replace("port: 80,", f"port: {world.port},").replace("port: 8001", f"port: {world.backends['a'].port}")
    world.write("page.yaml", text)
    world.write("settings.yaml", strict())
    await world.start(allowed=("127.0.0.0/8",))


async def passing(world: World, path: str, times: int, **request: Any) -> int:
    """How many of so many requests passed, all others being answered with 429."""
    counts = tally([await world.ask(path, **request) for _ in range(times)])
    assert counts.keys() <= {"200", "a", "429"}, counts
    return times - counts.get("429", 0)


async def test_policy(world: World) -> None:
    await serve(world, "policy")
    await within_an_hour()
    red, blue = ({"x-tenant": one} for one in ("red", "blue"))
    await world.answers(200, "/search", headers=red)
    assert await passing(world, "/search", 5, headers=red) == 2
    assert await passing(world, "/search", 5, headers=blue) == 3
    assert await passing(world, "/search", 5) == 5
    assert await passing(world, "/", 5) == 5


async def test_gloo(world: World) -> None:
    await serve(world, "gloo")
    await within_an_hour()
    await world.answers(200, "/", headers={"x-type": "Messenger"})
    assert await passing(world, "/", 5, headers={"x-type": "Messenger"}) == 1
    assert await passing(world, "/", 15) == 8


async def test_known_users_have_limits_of_their_own(world: World) -> None:
    """Both those whom Daemun's server lets in, and those whose password Envoy compares itself."""
    await world.echo("a")
    world.write("settings.yaml", strict())
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    ways = {"asked": users("ann", "bob"), "compared": simple_users(ann="secret", bob="secret")}
    world.write("who.yaml", *(auth_config(name, way) for name, way in ways.items()))
    asked = {name: {"configRef": {"name": name, "namespace": "default"}} for name in ways}
    world.write("options.yaml", *(option("RouteOption", name, extauth=one) for name, one in asked.items()))
    rules = [rule(prefix(f"/{name}"), to="a", filters=[having(name)]) for name in ways]
    world.write("route.yaml", route("r", rule(to="a"), *rules, parents=["gw"]))
    limits = {
        "authorizedLimits": {"requestsPerUnit": 3, "unit": "HOUR"},
        "anonymousLimits": {"requestsPerUnit": 2, "unit": "HOUR"},
    }
    world.write("host.yaml", option("VirtualHostOption", "h", target("Gateway", "gw"), ratelimitBasic=limits))
    await world.start()
    await within_an_hour()
    await world.answers(200, "/")
    assert await passing(world, "/", 5) == 1, "those whom nobody knows have one for their address"
    await world.answers(200, "/asked", headers=basic("ann", "secret"))
    assert await passing(world, "/asked", 5, headers=basic("ann", "secret")) == 2
    forged = basic("bob", "secret") | {"x-daemun-user": "ann"}
    assert await passing(world, "/compared", 5, headers=forged) == 3
    assert not any("x-daemun-user" in json.dumps(one).lower() for one in world.backends["a"].requests[-3:])
    assert await passing(world, "/asked", 5, headers=basic("bob", "secret")) == 0, "he is the same everywhere"
