"""Hosts with a scope beside wildcards and the catch-all: each request meets its routes and their filters."""

import pytest
import pytest_asyncio

from support.clients.client import websocket
from support.objects.documents import exact, gateway, listener, prefix, route, rule
from support.scenes.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")
ORIGIN = "http://page.example"


def _cors(to: str, path: str = "/cors") -> dict:
    cors = {"type": "CORS", "cors": {"allowOrigins": [ORIGIN]}}
    return rule(prefix(path), to=to, filters=[cors])


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a", "b", "c")
    shared.write(
        "all.yaml",
        gateway("gw", listener(shared.port)),
        route("exact", rule(exact("/only"), to="a"), _cors("a"), hosts=["one.example.com"]),
        route("wild", rule(prefix("/"), to="b"), _cors("b"), hosts=["*.example.com"]),
        route("rest", rule(prefix("/"), to="c"), _cors("c")),
    )
    await shared.start()


@pytest.mark.parametrize(
    ("host", "backend"),
    [
        ("one.example.com", "a"),
        ("ONE.Example.com", "a"),
        ("one.example.com.", "a"),
        ("one.example.com:8080", "a"),
        ("two.example.com", "b"),
        ("Deep.down.EXAMPLE.com:80", "b"),
        ("*.example.com", "b"),
        ("example.com", "c"),
        ("other.org", "c"),
        ("*", "c"),
        ("[::1]:80", "c"),
    ],
)
async def test_a_host_meets_its_routes(shared: World, host: str, backend: str) -> None:
    got = await shared.ask("/only", host=host)
    assert (got.status, got.backend) == (200, backend)
    assert not [name for name, _ in got.seen["headers"] if name.startswith("x-daemun")], "nobody sees how it was found"
    crossed = await shared.ask("/cors", host=host, headers={"origin": ORIGIN})
    assert (crossed.backend, crossed.headers["access-control-allow-origin"]) == (backend, ORIGIN)


@pytest.mark.parametrize("host", ["one.example.com", "ONE.example.com"])
async def test_what_an_exact_host_has_no_route_for_is_not_for_the_wildcard(shared: World, host: str) -> None:
    got = await shared.ask("/elsewhere", host=host)
    assert (got.status, got.backend) == (404, "")


@pytest.mark.parametrize("host", ["one.example.com", "two.example.com", "other.org"])
async def test_a_client_does_not_choose_its_scope(shared: World, host: str) -> None:
    plain = await shared.ask("/only", host=host)
    forged = await shared.ask("/only", host=host, headers={"x-daemun-scope": f"port-{shared.port}/*"})
    again = await shared.ask("/only", host=host, headers={"x-daemun-scope": f"port-{shared.port}/one.example.com"})
    assert plain.backend == forged.backend == again.backend


@pytest.mark.parametrize(("host", "backend"), [("one.example.com", "a"), ("two.example.com", "b"), ("other.org", "c")])
async def test_only_websockets_are_upgraded(shared: World, host: str, backend: str) -> None:
    """A protocol that is not spoken here is not heard, rather than passed on to a backend that might speak it."""
    for protocol in ("foo", "h2c", "foo, h2c"):
        got = await shared.ask("/only", host=host, headers={"connection": "upgrade", "upgrade": protocol})
        assert (got.status, got.backend) == (200, backend)
        assert "upgrade" not in dict(got.seen["headers"])
    got, _ = await websocket(shared.port, "/ws", "hello", host=host)
    assert got.status == (404 if backend == "a" else 101)
