"""Functions of AWS Lambda that nobody has listed: AWS, which is moto here, is asked for them."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from daemun.sources.functions import watcher
from support.objects.documents import Doc, gateway, listener, prefix, route, rule, to_upstream, upstream
from support.scenes.world import World, until
from support.servers.moto import KEYS, REGION, Moto

ENDPOINT = "daemun.dev/aws-endpoint"
LABEL = "discovery.solo.io/function_discovery"


def functions(port: int, label: str = "", **spec: Any) -> Doc:
    """An Upstream that says nothing of its functions."""
    found = upstream("fn", aws={"region": REGION, "secretRef": {"name": "aws"}, **spec})
    found["metadata"]["annotations"] = {ENDPOINT: f"http://127.0.0.1:{port}"}
    if label:
        found["metadata"]["labels"] = {LABEL: label}
    return found


def calling(function: str) -> Doc:
    named = {"group": "gloo.solo.io", "kind": "Parameter", "name": function}
    return to_upstream("fn") | {"filters": [{"type": "ExtensionRef", "extensionRef": named}]}


class Cloud(World):
    """A world with moto in it."""

    aws: Moto


@pytest_asyncio.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cloud]:
    monkeypatch.setattr(watcher, "PACE", watcher.Pace(longest=0.5, again=0.2))
    one = Cloud()
    try:
        one.aws = await Moto().start()
        one.closing(one.aws.stop)
        await one.aws.function("shop-prod", publish=True)
        meta = {"name": "aws", "namespace": "default"}
        one.write("aws.yaml", {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": KEYS})
        one.write("upstream.yaml", functions(one.aws.port))
        one.write("gateway.yaml", gateway("gw", listener(one.port)))
        latest = rule(prefix("/latest"), to=[calling("shop-prod")])
        one.write("routes.yaml", route("r", latest, rule(prefix("/first"), to=[calling("shop-prod:1")])))
        yield one
    finally:
        await one.stop()


async def echoes(world: Cloud, path: str) -> None:
    got = await world.answers(200, path, method="POST", body=b'{"a": 1}')
    assert json.loads(got.body) == {"a": 1}


async def test_functions_that_nobody_has_listed_are_called(world: Cloud) -> None:
    await world.start()
    await echoes(world, "/latest")
    await echoes(world, "/first")
    # One that comes is known, and one that is gone is not.
    world.write("more.yaml", route("more", rule(prefix("/more"), to=[calling("login")])))
    await world.problem("more.yaml", "no function 'login' (it has shop-prod, shop-prod:1)")
    await world.answers(500, "/more")
    await world.aws.function("login")
    await echoes(world, "/more")
    await world.aws.forget_function("login")
    await world.answers(500, "/more")


async def test_those_that_are_written_are_all_and_a_label_says_no(world: Cloud) -> None:
    one = {"logicalName": "shop-prod", "lambdaFunctionName": "shop-prod"}
    world.write("upstream.yaml", functions(world.aws.port, lambdaFunctions=[one]))
    await world.start(clean=False)
    await echoes(world, "/latest")
    assert (await world.ask("/first")).status == 500
    world.write("upstream.yaml", functions(world.aws.port))
    await echoes(world, "/first")
    world.write("upstream.yaml", functions(world.aws.port, "disabled"))
    await world.answers(500, "/first")


async def test_what_aws_said_last_stays_while_it_is_away_and_over_a_start(world: Cloud) -> None:
    await world.start()
    await echoes(world, "/first")
    await until((world.base / "s" / "functions.json").exists)
    port = world.aws.port
    await world.aws.stop()
    await world.problem("upstream.yaml", "as they were said last: AWS Lambda does not answer")
    await world.end()
    await world.start(clean=False)
    # The route is served: what fails now is the call itself.
    await world.answers(503, "/first")
    assert not [one for one in world.problems() if "no function" in one]
    world.aws.port = port
    await world.aws.start()
    await world.aws.function("shop-prod", publish=True)
    await echoes(world, "/first")
    await until(lambda: not world.problems())


async def test_a_default_of_settings_counts_for_functions_that_nobody_has_listed(world: Cloud) -> None:
    meta = {"name": "default", "namespace": "gloo-system"}
    spec = {"gloo": {"awsOptions": {"fallbackToFirstFunction": True}}}
    world.write("settings.yaml", {"apiVersion": "gloo.solo.io/v1", "kind": "Settings", "metadata": meta, "spec": spec})
    world.write("routes.yaml", route("r", rule(prefix("/"), to=[to_upstream("fn")])))
    await world.start()
    await echoes(world, "/")
