"""RateLimitPolicies through real Envoys: what each proxy counts by itself, for each value of what they name."""

from typing import Any

import pytest
import pytest_asyncio
from test_gloo_options import target

from support.objects.documents import Doc, gateway, listener, prefix, route, rule, use
from support.scenes.world import World, tally

pytestmark = pytest.mark.asyncio(loop_scope="module")
HIT, MISS = "hit.test", "x.wild.test"
hosts = pytest.mark.parametrize("host", [HIT, MISS])
FEW = 3


def policy(name: str, *targets: Doc, **spec: Any) -> Doc:
    """A RateLimitPolicy."""
    said = {"targetRefs": list(targets), **spec}
    return {"apiVersion": "daemun.dev/v1alpha1", "kind": "RateLimitPolicy", "metadata": {"name": name}, "spec": said}


def few(*by: Doc, **more: Any) -> Doc:
    """So few in so long that none comes back while a test runs."""
    return {"requests": FEW, "per": "1h", "by": list(by), **more}


TENANT = {"type": "Header", "name": "x-tenant"}
RULES: dict[str, list[Doc]] = {
    "all": [few()],
    "burst": [few(burst=FEW + 2)],
    "tenant": [few(TENANT)],
    "path": [few({"type": "Path"})],
    "method": [few({"type": "Method"})],
    "address": [few({"type": "ClientAddress"})],
    "two": [few(TENANT), {"requests": FEW + 1, "per": "1h"}],
}


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a")
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    rules = [rule(prefix(f"/{name}"), to="a") | {"name": name} for name in RULES]
    moved = rule(prefix("/moved"), filters=[use("RequestRedirect", hostname="other.test")]) | {"name": "moved"}
    rest = rule(to="a")
    shared.write("routes.yaml", route("r", rest, moved, *rules, parents=["gw"], hosts=[HIT, "*.wild.test"]))
    shared.write(
        "policies.yaml",
        policy("host", target("Gateway", "gw"), local=[few()]),
        policy("moved", target("HTTPRoute", "r", sectionName="moved"), local=[few()]),
        *(policy(name, target("HTTPRoute", "r", sectionName=name), local=said) for name, said in RULES.items()),
    )
    await shared.start()


async def passing(world: World, path: str, host: str, times: int = FEW + 4, **request: Any) -> int:
    """How many of so many requests passed, all others being answered with 429."""
    answers = [await world.ask(path, host=host, **request) for _ in range(times)]
    counts = tally(answers)
    assert counts.keys() <= {"a", "302", "429"}, counts
    return times - counts.get("429", 0)


@hosts
async def test_so_many_pass(shared: World, host: str) -> None:
    assert await passing(shared, "/all", host) == FEW
    assert await passing(shared, "/burst", host) == FEW + 2
    assert await passing(shared, "/address", host) == FEW


@hosts
async def test_each_value_of_a_header_has_a_count_of_its_own(shared: World, host: str) -> None:
    for tenant in ("red", "blue"):
        assert await passing(shared, "/tenant", host, headers={"x-tenant": tenant}) == FEW
    assert await passing(shared, "/tenant", host) == FEW + 4, "without the header nothing is counted"


@hosts
async def test_a_query_makes_no_other_path(shared: World, host: str) -> None:
    assert await passing(shared, "/path/a", host, times=2) == 2
    assert await passing(shared, "/path/a?x=1", host) == FEW - 2
    assert await passing(shared, "/path/b?x=1", host) == FEW


@hosts
async def test_each_method_has_a_count_of_its_own(shared: World, host: str) -> None:
    assert await passing(shared, "/method", host) == FEW
    assert await passing(shared, "/method", host, method="DELETE") == FEW


@hosts
async def test_all_limits_hold(shared: World, host: str) -> None:
    assert await passing(shared, "/two", host, headers={"x-tenant": "red"}) == FEW
    assert await passing(shared, "/two", host, headers={"x-tenant": "blue"}) == 1


@hosts
async def test_redirects_are_counted_too(shared: World, host: str) -> None:
    assert await passing(shared, "/moved", host) == FEW


async def test_a_policy_of_a_gateway_is_for_all_that_has_none(shared: World) -> None:
    assert await passing(shared, "/else", HIT) == FEW
    assert (await shared.ask("/tenant", host=HIT, headers={"x-tenant": "green"})).status == 200
