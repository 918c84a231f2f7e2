"""The rate limit service of Envoy's project: ours says the same, and Gloo's Settings can name it in place of ours."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
import pytest
from envoy.service.ratelimit.v3 import rls_pb2
from test_gloo_options import having, option

from daemun.ir.quotas import Descriptor, Limits, Quota
from support.clients.limiting import METHOD, question, within_an_hour
from support.envoys.limited import Replicas
from support.objects.documents import gateway, listener, prefix, route, rule
from support.scenes.world import World, until
from support.servers.redises import RedisServer, redis
from support.servers.reference import Reference

CONFIG = """
domain: shop
descriptors:
- {key: user, rate_limit: {unit: hour, requests_per_unit: 5}}
- {key: user, value: gold, rate_limit: {unit: day, requests_per_unit: 20}}
- key: path
  descriptors:
  - {key: method, value: POST, rate_limit: {unit: hour, requests_per_unit: 3}}
  - {key: method, rate_limit: {unit: hour, requests_per_unit: 6}}
- {key: told, rate_limit: {unit: hour, requests_per_unit: 2}, shadow_mode: true}
"""
HOUR = 3600
SAME = Limits(
    "same",
    "shop",
    (
        Descriptor("user", quota=Quota(5, HOUR)),
        Descriptor("user", "gold", Quota(20, 24 * HOUR)),
        Descriptor(
            "path",
            descriptors=(Descriptor("method", "POST", Quota(3, HOUR)), Descriptor("method", quota=Quota(6, HOUR))),
        ),
        Descriptor("told", quota=Quota(2, HOUR, shadow=True)),
    ),
)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[RedisServer]:
    async with redis(tmp_path) as server:
        yield server


@pytest.fixture
async def reference(ratelimit: str, store: RedisServer, tmp_path: Path) -> AsyncIterator[Reference]:
    found = Reference(ratelimit, tmp_path, (CONFIG, CONFIG.replace("shop", "custom")), store.address)
    await found.start()
    yield found
    await found.stop()


async def test_both_say_the_same_of_whatever_they_are_asked(
    reference: Reference, store: RedisServer, tmp_path: Path
) -> None:
    """Of one descriptor at a time: of several, theirs counts also those of a request that another one refuses."""
    await within_an_hour()
    ours = Replicas(tmp_path, [SAME], store.address)
    chance = random.Random(8)  # noqa: S311 - the same each time
    try:
        await ours.start()
        async with (
            grpc.aio.insecure_channel(f"127.0.0.1:{reference.port}") as first,
            grpc.aio.insecure_channel(f"127.0.0.1:{ours.ports[0]}") as second,
        ):
            asked = [
                one.unary_unary(METHOD, response_deserializer=rls_pb2.RateLimitResponse.FromString)
                for one in (first, second)
            ]
            seen: set[int] = set()
            for _ in range(300):
                entries = chance.choice(
                    (
                        [("user", chance.choice(("ann", "bob", "gold")))],
                        [("path", chance.choice("ab")), ("method", chance.choice(("GET", "POST")))],
                        [("path", "a")],
                        [("told", "x")],
                        [("none", "x")],
                    )
                )
                domain = chance.choice(("shop", "shop", "shop", "other"))
                answers = [await one(question(entries, domain=domain)) for one in asked]
                codes = [(one.overall_code, [each.code for each in one.statuses]) for one in answers]
                limits = [[each.current_limit for each in one.statuses] for one in answers]
                left = [[each.limit_remaining for each in one.statuses] for one in answers]
                assert codes[0] == codes[1], (entries, answers)
                assert [(each.requests_per_unit, each.unit) for each in limits[0]] == [
                    (each.requests_per_unit, each.unit) for each in limits[1]
                ]
                assert left[0] == left[1], (entries, answers)
                seen.add(answers[0].overall_code)
            assert len(seen) == 2
    finally:
        await ours.stop()


async def test_settings_name_it_in_place_of_ours(reference: Reference, world: World) -> None:
    await within_an_hour()
    await world.echo("a")
    hosts = {"static": {"hosts": [{"addr": "127.0.0.1", "port": reference.port}]}, "useHttp2": True}
    world.write(
        "gloo.yaml",
        {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": {"name": "rls"}, "spec": hosts},
        {
            "apiVersion": "gloo.solo.io/v1",
            "kind": "Settings",
            "metadata": {"name": "default", "namespace": "gloo-system"},
            "spec": {
                "ratelimitServer": {
                    "ratelimitServerRef": {"name": "rls", "namespace": "default"},
                    "denyOnFail": True,
                    "requestTimeout": "20s",
                }
            },
        },
    )
    actions = [{"requestHeaders": {"headerName": "x-user", "descriptorKey": "user"}}]
    world.write("options.yaml", option("RouteOption", "limited", ratelimit={"rateLimits": [{"actions": actions}]}))
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    limited = rule(prefix("/"), to="a", filters=[having("limited")])
    world.write("route.yaml", route("r", limited, hosts=["limited.test"]))
    await world.start()

    async def serves() -> bool:
        return (await world.ask("/", host="limited.test")).status == 200

    await until(serves)
    found = [(await world.ask("/", host="limited.test", headers={"x-user": "ann"})).status for _ in range(8)]
    assert found == [200] * 5 + [429] * 3
