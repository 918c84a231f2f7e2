"""Several ways in one expression, through a real Envoy: what each finds out is told to those after it, and why some
deny is logged.
"""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from support.objects.auth import api_key, auth_config, basic, simple_users
from support.objects.documents import gateway, listener, prefix, route, rule
from support.scenes.world import World, until
from support.servers.sites import serve

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPTIONS = """
apiVersion: gateway.solo.io/v1
kind: RouteOption
metadata: {name: o, namespace: default}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}]
  options: {extauth: {configRef: {name: who}}}
---
apiVersion: gateway.solo.io/v1
kind: ListenerOption
metadata: {name: l, namespace: default}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}]
  options:
    accessLoggingService:
      accessLog:
      - fileSink:
          path: %s
          jsonFormat:
            path: "%%REQ(:PATH)%%"
            why: "%%DYNAMIC_METADATA(envoy.filters.http.ext_authz:policy:reason)%%"
---
apiVersion: gloo.solo.io/v1
kind: Settings
metadata: {name: default, namespace: gloo-system}
spec: {extauth: {userIdHeader: x-user-id}}
"""
KEY = {"api-key": "N2YwMDIx"}
GUEST = {"api-key": "Z3Vlc3Q"}
ANN = basic("ann", "secret")


async def _judges(request: web.Request) -> web.StreamResponse:
    """A policy server, which knows teams by the keys of before; and a list of who is banned, by address of mail."""
    asked = await request.json()
    if request.path == "/banned":
        return web.Response(status=200 if request.headers.get("x-client") == "bad" else 403)
    state = asked["input"]["state"]
    assert "check_request" not in asked["input"]
    if state.get("api_key_value") == KEY["api-key"] and state["x-team"] == "infra":
        return web.json_response({"result": True})
    return web.json_response({"result": {"allowed": False, "body": f"not {state['x-team']}"}})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(shared: World) -> AsyncIterator[World]:
    async with serve(_judges) as judges:
        here = f"http://127.0.0.1:{judges.port}"
        await shared.echo("a")
        shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
        shared.write("route.yaml", route("r", rule(prefix("/"), to="a")))
        shared.write("options.yaml", OPTIONS % (shared.base / "requests.log"))
        shared.write("keys.yaml", api_key("key", KEY["api-key"], {"of": "us"}, team="infra"))
        shared.write("guests.yaml", api_key("guest", GUEST["api-key"], {"of": "us"}, team="guests"))
        steps: list[dict[str, Any]] = [
            {
                "name": "keys",
                "apiKeyAuth": {
                    "headersFromMetadataEntry": {"x-team": {"name": "team"}},
                    "k8sSecretApikeyStorage": {"labelSelector": {"of": "us"}},
                },
            },
            {
                "name": "policy",
                "opaServerAuth": {
                    "serverAddr": here,
                    "package": "test",
                    "options": {"fastInputConversion": True, "returnDecisionReason": True},
                },
            },
            {"name": "users", **simple_users(ann="secret")},
            {
                "name": "banned",
                "passThroughAuth": {
                    "http": {
                        "url": f"{here}/banned",
                        "request": {"allowedHeaders": ["x-client"], "passThroughState": True},
                    }
                },
            },
        ]
        shared.write("who.yaml", auth_config("who", *steps, booleanExpr="((keys && policy) || users) && !banned"))
        await shared.start(allowed=("127.0.0.0/8",))
        await shared.answers(200, headers=KEY)
        yield shared


@pytest.mark.parametrize(
    ("headers", "status", "told"),
    [
        (KEY, 200, {"x-user-id": "default/key", "x-team": "infra"}),
        (ANN, 200, {"x-user-id": "ann"}),
        (KEY | ANN, 200, {"x-user-id": "default/key", "x-team": "infra"}),
        (GUEST | ANN, 200, {"x-user-id": "ann"}),
        (GUEST, 401, {}),
        ({}, 401, {}),
        ({"x-team": "infra", "x-user-id": "key"}, 401, {}),
        (KEY | {"x-client": "bad"}, 403, {}),
        (ANN | {"x-client": "bad"}, 403, {}),
        (ANN | {"x-team": "infra", "x-user-id": "key"}, 200, {"x-user-id": "ann"}),
    ],
)
async def test_who_comes_in_and_what_the_backend_is_told(
    scene: World, headers: dict[str, str], status: int, told: dict[str, str]
) -> None:
    got = await scene.ask(headers=headers)
    assert got.status == status
    if status == 200:
        assert {name: got.sent(name) for name in told} == {name: [value] for name, value in told.items()}
        assert got.sent("x-user-id") == [told["x-user-id"]]


async def test_why_a_policy_says_no_is_in_the_access_log(scene: World) -> None:
    """Also of a request that does not pass."""
    await scene.ask("/why", headers=GUEST)
    log = scene.base / "requests.log"

    def written() -> list[Any]:
        lines = [json.loads(line) for line in log.read_text().splitlines() if line.endswith("}")]
        return [one["why"] for one in lines if one["path"] == "/why"]

    assert await until(written) == [{"allowed": False, "body": "not guests"}]
