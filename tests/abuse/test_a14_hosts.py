"""A14: however a client spells a guarded host, and whatever it says beside, it does not get to a host beside it."""

import pytest
import pytest_asyncio

from support.clients.client import answer, connection
from support.objects.auth import auth_config, basic, simple_users
from support.objects.documents import gateway, listener, prefix, route, rule
from support.scenes.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")
SPELLINGS = ("{}", "{}.", "{}:80", "{}:", "{}.:80", "{}:abc", "{}:99999", "{}\t", " {}", "{}:80@x")
MORE = (
    "x-forwarded-host: open.example",
    "x-forwarded-proto: https",
    "x-original-url: /free",
    "x-envoy-original-path: /free",
    "x-daemun-scope: port-80/*",
    "forwarded: host=open.example",
    "connection: upgrade\r\nupgrade: websocket",
    "connection: authorization",
    "x-http-method-override: OPTIONS",
    "access-control-request-method: GET\r\norigin: http://open.example",
)


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    """The hosts that are guarded have an open wildcard above them, and an open catch-all."""
    await shared.echo("kept", "open")
    meta = {"name": "o", "namespace": "default"}
    spec = {"options": {"extauth": {"configRef": {"name": "who"}}}}
    option = {"apiVersion": "gateway.solo.io/v1", "kind": "RouteOption", "metadata": meta, "spec": spec}
    guarded = {"type": "ExtensionRef", "extensionRef": {"group": "gateway.solo.io", "kind": "RouteOption", "name": "o"}}
    shared.write("auth.yaml", auth_config("who", simple_users(ann="secret")), option)
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    shared.write(
        "routes.yaml",
        route("kept", rule(prefix("/"), to="kept", filters=[guarded]), hosts=["hit.test", "*.kept.test"]),
        route("wild", rule(prefix("/"), to="open"), hosts=["*.test"]),
        route("open", rule(prefix("/"), to="open")),
    )
    await shared.start()


async def _ask(shared: World, request: str) -> tuple[int, str]:
    async with connection(shared.port) as (reader, writer):
        writer.write(request.encode())
        got = await answer(reader)
    return got.status, got.backend


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("host", ["hit.test", "HIT.test", "x.kept.test", "X.KEPT.test"])
async def test_no_spelling_gets_around_the_guards_of_a_host(shared: World, host: str, spelling: str) -> None:
    spelled = spelling.format(host)
    assert await _ask(shared, f"GET / HTTP/1.1\r\nHost: {spelled}\r\n\r\n") == (401, "")
    if "@" not in spelled:
        status, backend = await _ask(shared, f"GET http://{spelled}/ HTTP/1.1\r\nHost: open.example\r\n\r\n")
        assert (status in {400, 401}, backend) == (True, "")


@pytest.mark.parametrize("more", MORE)
@pytest.mark.parametrize("host", ["hit.test", "x.kept.test"])
async def test_nor_does_anything_that_is_said_beside_it(shared: World, host: str, more: str) -> None:
    for method in ("GET", "OPTIONS", "TRACE"):
        status, backend = await _ask(shared, f"{method} / HTTP/1.1\r\nHost: {host}\r\n{more}\r\n\r\n")
        assert (status in {400, 401, 403, 405}, backend) == (True, ""), (method, more)


@pytest.mark.parametrize("host", ["hit.test", "x.kept.test"])
async def test_who_is_known_comes_in(shared: World, host: str) -> None:
    assert (await shared.ask(host=host, headers=basic("ann", "secret"))).backend == "kept"
    assert (await shared.ask(host="open.example")).backend == "open"
