"""Defaults for the edge of a network: each is one line of Envoy's own list, seen from outside."""

import asyncio
import contextlib
import time
from pathlib import Path

import pytest
import pytest_asyncio

from daemun.envoy import listeners
from support.clients.client import answer, connection, exchange
from support.clients.http2 import ResetError, http2
from support.objects.documents import gateway, listener, prefix, route, rule
from support.scenes.world import World, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a", "secret")
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    shared.write("route.yaml", route("r", rule(prefix("/"), to="a"), rule(prefix("/admin"), to="secret")))
    patch = pytest.MonkeyPatch()
    patch.setattr(listeners, "_HEADERS_SECONDS", 1)
    await shared.start()
    patch.undo()


async def test_a_header_with_an_underscore_is_refused(shared: World) -> None:
    """`x_user` and `x-user` are one header to many backends."""
    reached = len(shared.backends["a"].requests)
    assert (await shared.ask(headers={"x_user": "admin"})).status == 400
    assert len(shared.backends["a"].requests) == reached


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/a/./b", "/a/b"),
        ("/a/../b", "/b"),
        ("/a//b", "/a/b"),
        ("//a", "/a"),
        ("/a/%2e%2e/b", "/b"),
        ("/a/b/..", "/a/"),
        ("/%61", "/a"),
        ("/a%20b", "/a%20b"),
        ("/a?x=/../b//c", "/a?x=/../b//c"),
    ],
)
async def test_paths_are_normal_before_anything_looks_at_them(shared: World, path: str, seen: str) -> None:
    assert (await shared.ask(path)).seen["path"] == seen


@pytest.mark.parametrize(
    "path", ["/x/../admin", "//admin", "/./admin", "/x/%2e%2e/admin", "/x/..//admin/y", "/%61dmin"]
)
async def test_no_spelling_of_a_path_gets_around_its_route(shared: World, path: str) -> None:
    assert (await shared.ask(path)).backend == "secret"


@pytest.mark.parametrize("path", ["/x%2fy", "/x%2Fy", "/x%5cy", "/x%5Cy", "/x/..%2fadmin", "/x%2f..%2fadmin"])
async def test_an_escaped_slash_is_told_its_plain_form(shared: World, path: str) -> None:
    """Redirected, so that client, gateway and backend mean the same path."""
    got = await shared.ask(path)
    assert (got.status, got.backend) == (307, "")
    assert "%" not in got.headers["location"]


@pytest.mark.parametrize("path", ["/../../etc/passwd", "/a/../../b"])
async def test_a_path_above_the_root_is_refused(shared: World, path: str) -> None:
    got = await shared.ask(path)
    assert got.status == 400 or not got.seen["path"].startswith("/..")


async def test_who_the_client_is_cannot_be_forged(shared: World) -> None:
    given = {
        "x-forwarded-for": "203.0.113.9",
        "x-forwarded-proto": "https",
        "x-envoy-internal": "true",
        "x-envoy-external-address": "203.0.113.9",
        "x-envoy-decorator-operation": "x",
    }
    got = await shared.ask(headers=given)
    assert got.sent("x-forwarded-proto") == ["http"]
    [chain] = got.sent("x-forwarded-for")
    assert chain.split(",")[-1].strip() != "203.0.113.9", "the real address is last"
    assert got.sent("x-envoy-external-address") != ["203.0.113.9"]
    assert got.sent("x-envoy-decorator-operation") == []


@pytest.mark.parametrize(
    "name",
    [
        "x-envoy-upstream-rq-timeout-ms",
        "x-envoy-upstream-rq-per-try-timeout-ms",
        "x-envoy-retry-on",
        "x-envoy-max-retries",
        "x-envoy-upstream-alt-stat-name",
        "x-envoy-original-path",
    ],
)
async def test_a_client_cannot_command_envoy(shared: World, name: str) -> None:
    assert (await shared.ask("/x", headers={name: "1"})).sent(name) == []


async def test_a_client_cannot_set_its_own_timeout_or_retries(shared: World) -> None:
    assert (await shared.ask("/?delay=0.5", headers={"x-envoy-upstream-rq-timeout-ms": "50"})).status == 200
    given = {"x-envoy-retry-on": "5xx", "x-envoy-max-retries": "3"}
    assert (await shared.ask("/retry/commanded/1/503", headers=given)).status == 503


async def test_nothing_tells_that_this_is_envoy(shared: World) -> None:
    for path in ("/x", "/none"):
        got = await shared.ask(path)
        assert not [name for name in got.headers if name.startswith("x-envoy")]
        assert "envoy" not in got.headers.get("server", "")


async def test_slow_headers_are_cut_off(shared: World) -> None:
    """Ten seconds by default; one here."""
    async with connection(shared.port) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n")
        began = time.monotonic()
        got = await asyncio.wait_for(answer(reader), 30)
        assert got.status == 408
        assert time.monotonic() - began > 0.5


@pytest.mark.parametrize(
    "raw",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-A: \x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nX-A: 1\r\n\r\n",
        b"GET /\r\n\r\n",
    ],
    ids=["both lengths", "two lengths", "signed length", "odd coding", "blank", "nul", "no host", "http 0.9"],
)
async def test_requests_that_two_readers_would_read_differently_are_refused(shared: World, raw: bytes) -> None:
    reached = len(shared.backends["a"].requests)
    async with connection(shared.port) as (reader, writer):
        writer.write(raw)
        try:
            got = await asyncio.wait_for(answer(reader), 30)
        except (ConnectionError, asyncio.IncompleteReadError):
            got = None
        assert got is None or got.status in (400, 411, 426, 501)
    assert len(shared.backends["a"].requests) == reached


async def test_a_folded_header_is_one_header_to_everybody(shared: World) -> None:
    async with connection(shared.port) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n X-B: 2\r\nConnection: close\r\n\r\n")
        got = await asyncio.wait_for(answer(reader), 30)
    assert (got.sent("x-a"), got.sent("x-b")) == (["1 X-B: 2"], [])


async def test_large_headers_are_refused(shared: World) -> None:
    assert (await shared.ask(headers={"x-large": "x" * 70_000})).status == 431
    many = {f"x-{number}": "1" for number in range(150)}
    assert (await shared.ask(headers=many)).status == 431


async def test_at_most_a_hundred_streams_on_one_connection(shared: World) -> None:
    async with http2(shared.port) as two:
        assert await two.get("test.example", scheme="http") == 200
    async with connection(shared.port) as (reader, writer):
        writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
        settings: dict[int, int] = {}
        while not settings:
            head = await asyncio.wait_for(reader.readexactly(9), 30)
            payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
            if head[3] == 4:
                pairs = (payload[at : at + 6] for at in range(0, len(payload), 6))
                settings = {int.from_bytes(one[:2], "big"): int.from_bytes(one[2:], "big") for one in pairs}
    assert settings[3] == 100, "SETTINGS_MAX_CONCURRENT_STREAMS"
    assert settings[4] == 64 * 1024, "SETTINGS_INITIAL_WINDOW_SIZE"


async def test_rapid_resets_cost_the_connection(shared: World) -> None:
    """CVE-2023-44487: a client that opens and cancels streams for ever is cut off; others are served."""
    async with http2(shared.port) as two:
        assert await two.get("test.example", scheme="http") == 200
        with pytest.raises((ResetError, OSError, asyncio.IncompleteReadError)):
            await two.cancel_many("test.example", 20_000)
    assert (await shared.ask()).status == 200


async def test_the_admin_interface_is_on_no_port(shared: World) -> None:
    """Of all ports that this Envoy listens on, only the Gateway's is TCP."""
    assert shared.app is not None
    [running] = shared.app.proxies.running()
    assert _listening(running.pid) == {shared.port}
    socket = shared.app.proxies.admin("default/gw")
    assert socket.stat().st_mode & 0o077 == 0


async def test_a_backend_can_be_kept_waiting_but_connections_live_on(shared: World) -> None:
    async with connection(shared.port) as (reader, writer):
        for _ in range(3):
            assert (await exchange(reader, writer)).status == 200


def _listening(pid: int) -> set[int]:
    """The TCP ports that a process listens on."""
    owned = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a connection that has just ended
            target = str(link.readlink())
            if target.startswith("socket:["):
                owned.add(target[8:-1])
    ports = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in owned:
                ports.add(int(fields[1].rpartition(":")[2], 16))
    return ports


async def test_the_ports_are_closed_when_it_ends(world: World) -> None:
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    await world.start()
    assert (await world.ask()).status == 404
    await world.end()

    async def refused() -> bool:
        try:
            await world.ask()
        except OSError:
            return True
        return False

    await until(refused)
