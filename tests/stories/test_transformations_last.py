"""Stories of the stage behind the choice of the endpoint: it sees what is really sent, at each try."""

import json
from typing import Any

import pytest
import pytest_asyncio

from support.objects.documents import Doc, gateway, listener, prefix, route, rule
from support.scenes.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")
GLOO = "gateway.solo.io/v1"


def told(**headers: str) -> Doc:
    """A transformation that sets headers."""
    found = {name.replace("_", "-"): {"text": text} for name, text in headers.items()}
    return {"transformationTemplate": {"passthrough": {}, "headers": found}}


def option(name: str, stage: Doc, kind: str = "HTTPRoute", **options: Any) -> Doc:
    stages = {"postRouting": stage, **options.pop("stages", {})}
    target = {"group": "gateway.networking.k8s.io", "kind": kind, "name": name}
    spec = {"targetRefs": [target], "options": {"stagedTransformations": stages, **options}}
    of = "RouteOption" if kind == "HTTPRoute" else "VirtualHostOption"
    return {"apiVersion": GLOO, "kind": of, "metadata": {"name": name}, "spec": spec}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(shared: World) -> World:
    await shared.echo("a")
    host = {"requestTransforms": [{"requestTransformation": told(x_last="host")}]}
    shared.write("gate.yaml", gateway("gw", listener(shared.port)), option("gw", host, "Gateway"))
    headers = {"requestHeadersToAdd": [{"header": {"key": "x-added", "value": "yes"}}]}
    seen = {
        "requestTransforms": [{"requestTransformation": told(x_seen='{{ header(":path") }} {{ header("x-added") }}')}]
    }
    only = {"prefix": "/", "headers": [{"name": "x-own"}]}
    own = {"requestTransforms": [{"matcher": only, "requestTransformation": told(x_last="own")}]}
    json_body = {
        "transformationTemplate": {"body": {"text": '{"was": {{ length(body) }}, "a": "{{ default(a, name) }}"}'}}
    }
    both_ways = {"requestTransformation": json_body, "responseTransformation": json_body}
    back = {
        "responseTransforms": [
            {"responseCodeDetails": "no_healthy_upstream", "responseTransformation": told(x_why="never")},
            {
                "responseCodeDetails": "via_upstream",
                "responseTransformation": told(x_why='{{ upper(header("x-said")) }}'),
            },
        ]
    }
    for name, stage, options in (
        ("seen", seen, {"headerManipulation": headers, "prefixRewrite": "/new"}),
        ("joined", own, {"stages": {"inheritTransformation": True}}),
        ("body", {"requestTransforms": [both_ways]}, {}),
        ("back", back, {}),
    ):
        shared.write(f"{name}.yaml", route(name, rule(prefix(f"/{name}"), to="a")), option(name, stage, **options))
    again = option("tries", seen, retries={"retryOn": "5xx", "numRetries": 2})
    shared.write("tries.yaml", route("tries", rule(prefix("/retry"), to="a")), again)
    shared.write("plain.yaml", route("plain", rule(prefix("/plain"), to="a")))
    await shared.start(clean=False)
    return shared


async def test_it_sees_the_path_and_the_headers_that_are_sent(scene: World) -> None:
    got = await scene.ask("/seen/1")
    assert (got.seen["path"], got.sent("x-seen"), got.sent("x-last")) == ("/new/1", ["/new/1 yes"], [])


async def test_a_host_s_counts_where_a_route_has_none_and_behind_those_that_inherit(scene: World) -> None:
    assert (await scene.ask("/plain")).sent("x-last") == ["host"]
    assert (await scene.ask("/joined")).sent("x-last") == ["host"]
    assert (await scene.ask("/joined", headers={"x-own": "1"})).sent("x-last") == ["own"]


async def test_bodies_are_made_there_too(scene: World) -> None:
    sent = json.dumps({"a": "x" * 100_000}).encode()
    got = await scene.ask("/body", "POST", body=sent)
    told = json.loads(got.body)
    assert (got.status, told["a"], told["was"] > len(sent)) == (200, "a", True)
    sent_on = json.loads(scene.backends["a"].requests[-1]["body"])
    assert (sent_on["was"], len(sent_on["a"])) == (len(sent), 100_000)
    bad = await scene.ask("/body", "POST", body=b"{no")
    assert (bad.status, bad.body) == (400, b"bad request: parse error at line 1, column 2: expected a name")


async def test_only_an_endpoint_s_own_responses_come_by(scene: World) -> None:
    assert (await scene.ask("/back", headers={"x-echo-set": "x-said: this"})).headers["x-why"] == "THIS"


async def test_each_try_passes(scene: World) -> None:
    got = await scene.ask("/retry/last/1/503")
    assert (got.status, got.sent("x-seen")) == (200, ["/retry/last/1/503"])
