"""Backends: what they are spoken to in, what happens without them, and grants across namespaces."""

import pytest
import pytest_asyncio

from support.clients.client import websocket
from support.objects.documents import backend, gateway, grant, listener, prefix, route, rule, service
from support.scenes.world import World
from support.servers.backend import call
from support.servers.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a", "b", "other/far", "third/far")
    await shared.echo("ws", app_protocol="kubernetes.io/ws")
    await shared.grpc("h2c", app_protocol="kubernetes.io/h2c")
    shared.write(
        "odd.yaml",
        service("empty"),
        service("refusing", free_port()),
        service("tls", free_port(), app_protocol="https"),
    )
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    shared.write(
        "route.yaml",
        route(
            "backends",
            rule(prefix("/a"), to="a"),
            rule(prefix("/ws"), to="ws"),
            rule(prefix("/plain/ws"), to="a", filters=[_strip()]),
            rule(prefix("/echo.Echo"), to="h2c"),
            rule(prefix("/empty"), to="empty"),
            rule(prefix("/refusing"), to="refusing"),
            rule(prefix("/tls"), to="tls"),
            rule(prefix("/missing"), to="missing"),
            rule(prefix("/far"), to=[backend("other/far")]),
            rule(prefix("/mixed"), to=["a", backend("other/far")]),
        ),
    )
    shared.write("grant.yaml", grant("other/let-in", "HTTPRoute", "default"))
    await shared.start(clean=False)


def _strip() -> dict:
    path = {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/ws"}
    return {"type": "URLRewrite", "urlRewrite": {"path": path}}


async def test_h2c_by_app_protocol(shared: World) -> None:
    """The backend is a gRPC server, which knows nothing but HTTP/2."""
    got = await call(shared.port, "/echo.Echo/Hello")
    assert (got["name"], got["method"], got["body"]) == ("h2c", "/echo.Echo/Hello", "hello")


async def test_http_1_where_nothing_is_said(shared: World) -> None:
    """The echo backend knows nothing but HTTP/1.1."""
    assert (await shared.ask("/a")).backend == "a"


@pytest.mark.parametrize("path", ["/ws", "/plain/ws"])
async def test_websocket(shared: World, path: str) -> None:
    handshake, echoed = await websocket(shared.port, path, "hello")
    assert (handshake.status, echoed) == (101, "hello")


async def test_no_endpoints_is_503(shared: World) -> None:
    assert (await shared.ask("/empty")).status == 503


async def test_a_backend_that_refuses_connections_is_503(shared: World) -> None:
    assert (await shared.ask("/refusing")).status == 503


async def test_a_missing_service_is_500_until_it_exists(shared: World) -> None:
    assert (await shared.ask("/missing")).status == 500
    problem = await shared.problem("Service default/missing does not exist")
    assert problem.field == "spec.rules[7].backendRefs[0]"
    shared.write("missing.yaml", service("missing", shared.backends["b"].port))
    await shared.answered_by("b", "/missing")
    await shared.solved(problem)
    (shared.folder / "missing.yaml").unlink()
    await shared.answers(500, "/missing")


async def test_tls_that_cannot_be_spoken_is_never_replaced_by_plain_text(shared: World) -> None:
    assert (await shared.ask("/tls")).status == 500
    assert "needs TLS" in str(await shared.problem("Service default/tls", "appProtocol"))


async def test_endpoints_come_and_go(shared: World) -> None:
    shared.write("more.yaml", service("more", shared.backends["a"].port))
    shared.write("more-route.yaml", route("more", rule(prefix("/more"), to="more")))
    await shared.answered_by("a", "/more")
    shared.write("more.yaml", service("more", shared.backends["b"].port))
    await shared.answered_by("b", "/more")
    shared.write("more.yaml", service("more"))
    await shared.answers(503, "/more")


async def test_a_grant_given_and_taken_away(shared: World) -> None:
    await shared.answered_by("far", "/far")
    (shared.folder / "grant.yaml").unlink()
    await shared.answers(500, "/far")
    assert {(await shared.ask("/mixed")).status for _ in range(40)} == {200, 500}
    assert shared.condition("HTTPRoute", "backends", "Accepted")[0] == "True"
    problem = await shared.problem("has not granted it", "spec.rules[8]")
    assert problem.code == "RefNotPermitted"
    assert "Write a ReferenceGrant in namespace other" in problem.mend
    # Neither a grant for other referrers nor one of another namespace helps.
    shared.write(
        "wrong.yaml",
        grant("other/g", "GRPCRoute", "default"),
        grant("third/g", "HTTPRoute", "default"),
        grant("other/h", "HTTPRoute", "third"),
        grant("default/i", "HTTPRoute", "other"),
    )
    shared.write("marker.yaml", route("marker", rule(prefix("/marker"), to="a")))
    await shared.answered_by("a", "/marker")
    assert (await shared.ask("/far")).status == 500
    shared.write("grant.yaml", grant("other/let-in", "HTTPRoute", "default"))
    await shared.answered_by("far", "/far")
    await shared.solved(problem)
