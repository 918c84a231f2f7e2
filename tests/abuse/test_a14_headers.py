"""A14: no header makes the gateway and the backend see different requests."""

import pytest
import pytest_asyncio

from support.clients.client import answer, connection
from support.objects.documents import gateway, listener, prefix, route, rule, values
from support.scenes.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("guest", "admin", "other")
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    admin = prefix("/", headers=values(**{"x-role": "admin"}))
    shared.write(
        "route.yaml", route("r", rule(prefix("/"), to="guest"), rule(admin, to="admin"), hosts=["test.example"])
    )
    shared.write("other.yaml", route("o", rule(prefix("/"), to="other"), hosts=["other.example"]))
    await shared.start()


async def _raw(shared: World, *lines: str | bytes) -> tuple[int, str]:
    """Status and backend of a request that is sent just so."""
    data = b"\r\n".join(line if isinstance(line, bytes) else line.encode() for line in lines)
    async with connection(shared.port) as (reader, writer):
        writer.write(data + b"\r\n\r\n")
        got = await answer(reader)
    return got.status, got.backend


@pytest.mark.parametrize(
    "header",
    [b"x_role: admin", b"x-role: ad\0min", b"x-role\0: admin", b"x-role : admin", b" x-role: admin"],
    ids=["underscore", "NUL in value", "NUL in name", "space before colon", "folded first"],
)
async def test_what_servers_read_differently_is_refused(shared: World, header: bytes) -> None:
    reached = len(shared.backends["guest"].requests)
    assert await _raw(shared, "GET / HTTP/1.1", "Host: test.example", header) == (400, "")
    assert len(shared.backends["guest"].requests) == reached


async def test_a_folded_header_is_one_line_for_everybody(shared: World) -> None:
    """RFC 9112, 5.2: whoever takes it puts spaces in the place of the fold."""
    lines = b"GET / HTTP/1.1\r\nHost: test.example\r\nx-role: guest\r\n x-user: admin\r\n\r\n"
    async with connection(shared.port) as (reader, writer):
        writer.write(lines)
        got = await answer(reader)
    assert got.sent("x-user") == []
    [role] = got.sent("x-role")
    assert role.split() == ["guest", "x-user:", "admin"]


@pytest.mark.parametrize("given", ["admin,guest", "guest, admin", "admin, admin", "", "admin;"])
async def test_a_header_is_matched_as_a_whole(shared: World, given: str) -> None:
    assert await _raw(shared, "GET / HTTP/1.1", "Host: test.example", f"x-role: {given}") == (200, "guest")


@pytest.mark.parametrize("given", [("guest", "admin"), ("admin", "guest")])
async def test_of_a_header_that_comes_twice_every_value_is_seen(shared: World, given: tuple[str, str]) -> None:
    """Nobody hides one value behind another (Envoy CVE-2026-26308)."""
    lines = [f"x-role: {one}" for one in given]
    assert await _raw(shared, "GET / HTTP/1.1", "Host: test.example", *lines) == (200, "admin")


async def test_the_same_header_once_fits(shared: World) -> None:
    assert await _raw(shared, "GET / HTTP/1.1", "Host: test.example", "X-ROLE:  admin ") == (200, "admin")


async def test_a_request_has_one_host(shared: World) -> None:
    two = await _raw(shared, "GET / HTTP/1.1", "Host: test.example", "Host: other.example")
    assert two in {(400, ""), (404, "")}
    assert await _raw(shared, "GET / HTTP/1.1") == (400, "")


async def test_the_host_of_an_absolute_target_is_the_one_that_backends_see(shared: World) -> None:
    """RFC 9112, 3.2.2: it takes the place of the header."""
    async with connection(shared.port) as (reader, writer):
        writer.write(b"GET http://other.example/x HTTP/1.1\r\nHost: test.example\r\n\r\n")
        got = await answer(reader)
    assert (got.backend, got.sent("host"), got.seen["path"]) == ("other", ["other.example"], "/x")


@pytest.mark.parametrize(
    "host", ["test.example@other.example", "test.example/", "test.example other.example", "a,b", ""]
)
async def test_a_host_that_is_none_reaches_nobody(shared: World, host: str) -> None:
    status, backend = await _raw(shared, "GET / HTTP/1.1", f"Host: {host}")
    assert (status, backend) in {(400, ""), (404, "")}


async def test_headers_of_our_own_are_nobody_elses(shared: World) -> None:
    given = {"x-daemun-scope": f"port-{shared.port}/other.example"}
    got = await shared.ask(headers=given)
    assert got.backend == "guest"
    assert [name for name, _ in got.seen["headers"] if name.startswith("x-daemun")] == []


async def test_hop_by_hop_headers_cannot_take_others_away(shared: World) -> None:
    """`Connection: x-role` would have a backend not see what the route was chosen by."""
    got = await shared.ask(headers=[("connection", "x-forwarded-for, x-role"), ("x-role", "admin")])
    assert (got.status, got.backend) == (400, "")
