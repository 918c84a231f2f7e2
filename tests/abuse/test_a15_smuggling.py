"""A15: the gateway and its backends agree on where each request ends: no backend sees one that was not sent."""

import asyncio
import contextlib

import pytest
import pytest_asyncio

from support.clients.client import answer, connection
from support.objects.documents import gateway, listener, prefix, route, rule
from support.scenes.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

_HIDDEN = "GET /hidden HTTP/1.1\r\nHost: test.example\r\n\r\n"
_UPGRADE_TO_HTTP2 = (
    "GET /first HTTP/1.1\r\nHost: test.example\r\nConnection: Upgrade, HTTP2-Settings\r\n"
    "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n"
)
_LAST = b"GET /last HTTP/1.1\r\nHost: test.example\r\nConnection: close\r\n\r\n"
_CHUNKED = "Transfer-Encoding: chunked"


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a")
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    shared.write("route.yaml", route("r", rule(prefix("/"), to="a")))
    await shared.start()


def _post(*headers: str, body: str) -> bytes:
    return "\r\n".join(["POST /first HTTP/1.1", "Host: test.example", *headers, "", body]).encode("latin-1")


_REFUSED = {
    "length and chunks": _post(f"Content-Length: {len(_HIDDEN) + 5}", _CHUNKED, body=f"0\r\n\r\n{_HIDDEN}"),
    "chunks and length": _post(_CHUNKED, "Content-Length: 4", body=f"5c\r\n{_HIDDEN}\r\n0\r\n\r\n"),
    "two lengths": _post("Content-Length: 0", f"Content-Length: {len(_HIDDEN)}", body=_HIDDEN),
    "the same length twice": _post("Content-Length: 0", "Content-Length: 0", body=_HIDDEN),
    "a list of lengths": _post(f"Content-Length: 0, {len(_HIDDEN)}", body=_HIDDEN),
    "a length with a sign": _post("Content-Length: +0", body=_HIDDEN),
    "a negative length": _post("Content-Length: -1", body=_HIDDEN),
    "a length in hex": _post("Content-Length: 0x10", body=_HIDDEN),
    "a length of 2^64": _post("Content-Length: 18446744073709551616", body=_HIDDEN),
    "an unknown coding": _post("Transfer-Encoding: xchunked", body=_HIDDEN),
    "chunked, then another": _post("Transfer-Encoding: chunked, identity", body=f"0\r\n\r\n{_HIDDEN}"),
    "twice chunked": _post("Transfer-Encoding: chunked, chunked", body=f"0\r\n\r\n{_HIDDEN}"),
    "a coding in two lines": _post(_CHUNKED, "Transfer-Encoding: identity", body=f"0\r\n\r\n{_HIDDEN}"),
    "a coding after a tab": _post("Transfer-Encoding:\x0bchunked", body=f"0\r\n\r\n{_HIDDEN}"),
    "a coding of HTTP/1.0": b"POST /first HTTP/1.0\r\nHost: test.example\r\n"
    + f"{_CHUNKED}\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{_HIDDEN}".encode(),
    "a chunk's size with a sign": _post(_CHUNKED, body=f"-1\r\n{_HIDDEN}"),
    "a chunk's size that is none": _post(_CHUNKED, body=f"zz\r\n{_HIDDEN}"),
    "a chunk's size of 2^64": _post(_CHUNKED, body=f"10000000000000000\r\n{_HIDDEN}"),
    "a space in a name": _post("Content-Length : 0", body=_HIDDEN),
}


@pytest.mark.parametrize("name", _REFUSED)
async def test_what_ends_in_two_places_is_refused(shared: World, name: str) -> None:
    before = len(shared.backends["a"].requests)
    statuses = await _statuses(shared, _REFUSED[name])
    assert statuses in ([], [400], [501]), name
    assert "/hidden" not in shared.backends["a"].paths()[before:]


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        (_post("Content-Length: 3", body="abc" + _HIDDEN), ["/first", "/hidden"]),
        (_post(_CHUNKED, body=f"3\r\nabc\r\n0\r\n\r\n{_HIDDEN}"), ["/first", "/hidden"]),
        (_post(_CHUNKED, body="3;x=y\r\nabc\r\n0\r\n\r\n"), ["/first"]),
        (_post(f"Content-Length: {len(_HIDDEN)}", body=_HIDDEN), ["/first"]),
    ],
    ids=["pipelined after a length", "pipelined after chunks", "a chunk's extension", "a body"],
)
async def test_a_backend_sees_the_requests_that_were_sent(shared: World, sent: bytes, seen: list[str]) -> None:
    before = len(shared.backends["a"].requests)
    statuses = await _statuses(shared, sent + _LAST)
    found = shared.backends["a"].paths()[before:]
    assert (statuses, found) == ([200] * (len(seen) + 1), [*seen, "/last"])


async def test_a_bare_cr_ends_no_header(shared: World) -> None:
    """RFC 9112, 2.2: it is refused or replaced; a backend that takes it for the end of a line never sees it."""
    before = len(shared.backends["a"].requests)
    await _statuses(shared, _post("X: a\rTransfer-Encoding: chunked", "Content-Length: 0", body="") + _LAST)
    for request in shared.backends["a"].requests[before:]:
        assert not any("\r" in value for _, value in request["headers"])
        assert "transfer-encoding" not in dict(request["headers"])


@pytest.mark.parametrize(
    "head",
    [
        "GET /first HTTP/1.1\r\nHost: test.example\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
        "CONNECT test.example:80 HTTP/1.1\r\nHost: test.example:80\r\n\r\n",
        _UPGRADE_TO_HTTP2,
    ],
    ids=["upgrade", "CONNECT", "h2c"],
)
async def test_nothing_rides_in_behind_an_upgrade_that_was_not_made(shared: World, head: str) -> None:
    """Early data is another request, or none: it is never handed on unread (Envoy CVE-2025-64763)."""
    before = len(shared.backends["a"].requests)
    statuses = await _statuses(shared, (head + _HIDDEN).encode() + _LAST)
    assert 101 not in statuses
    found = shared.backends["a"].requests[before:]
    assert [one["path"] for one in found] in ([], ["/first"], ["/first", "/hidden", "/last"])
    assert not any("/hidden" in str(one.get("body", "")) for one in found)


async def _statuses(shared: World, data: bytes) -> list[int]:
    """Of all answers on a connection with these bytes, until it is closed or nothing is left to answer."""
    found = []
    async with asyncio.timeout(30), connection(shared.port) as (reader, writer):
        writer.write(data)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                found.append((await answer(reader)).status)
    return found
