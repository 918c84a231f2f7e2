"""A16: what is too large is refused while it is read, and costs no memory."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from support.clients.client import answer, connection
from support.objects.documents import gateway, listener, prefix, route, rule
from support.scenes.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

_PIECE = b"a" * 65_536
_HUNDRED_MIB = (100 << 20) // len(_PIECE)
_FLAT = 48 << 20
"""Bytes that Envoy's memory may differ by: pools and thread caches, far less than what was sent."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a")
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    shared.write("route.yaml", route("r", rule(prefix("/"), to="a")))
    await shared.start()


def _in_pieces(head: bytes, piece: bytes, count: int, tail: bytes) -> Iterator[bytes]:
    yield head
    for _ in range(count):
        yield piece
    yield tail


_ENDLESS = {
    "a URL": (b"GET /", _PIECE, b" HTTP/1.1\r\nHost: test.example\r\n\r\n"),
    "a header": (b"GET / HTTP/1.1\r\nHost: test.example\r\nx: ", _PIECE, b"\r\n\r\n"),
    "a header's name": (b"GET / HTTP/1.1\r\nHost: test.example\r\n", _PIECE, b": 1\r\n\r\n"),
    "headers": (b"GET / HTTP/1.1\r\nHost: test.example\r\n", b"x: 1\r\n" * 10_000, b"\r\n"),
    "a method": (b"", _PIECE, b" / HTTP/1.1\r\nHost: test.example\r\n\r\n"),
    "trailers": (
        b"POST / HTTP/1.1\r\nHost: test.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        b"x: 1\r\n" * 10_000,
        b"\r\n",
    ),
}


@pytest.mark.parametrize("name", _ENDLESS)
async def test_what_has_no_end_is_cut_short(shared: World, name: str) -> None:
    """100 MiB of it: the connection is closed long before, with a 4xx if there was anybody to answer."""
    assert (await shared.ask("/")).status == 200
    before = _memory(shared)
    head, piece, tail = _ENDLESS[name]
    status, taken = await _send(shared, _in_pieces(head, piece, _HUNDRED_MIB, tail))
    assert status in (0, 400, 413, 414, 431), status
    assert taken < _HUNDRED_MIB, "it was not read to its end"
    assert (await shared.ask("/")).status == 200
    assert _memory(shared) - before < _FLAT


async def test_a_chunk_may_have_an_endless_extension_but_nobody_keeps_it(shared: World) -> None:
    """It counts as body, which has no bound; Envoy drops it while it reads."""
    before = _memory(shared)
    head = b"POST / HTTP/1.1\r\nHost: test.example\r\nTransfer-Encoding: chunked\r\n\r\n1;"
    await _send(shared, _in_pieces(head, _PIECE, _HUNDRED_MIB, b"\r\na\r\n0\r\n\r\n"))
    assert _memory(shared) - before < _FLAT
    assert all(len(one["body"]) < 2 for one in shared.backends["a"].requests)


@pytest.mark.parametrize(
    ("headers", "status"),
    [(90, 200), (101, 431), (10_000, 431)],
)
async def test_as_many_headers_as_anybody_needs(shared: World, headers: int, status: int) -> None:
    async with connection(shared.port) as (reader, writer):
        lines = "".join(f"x-{at}: 1\r\n" for at in range(headers))
        writer.write(f"GET / HTTP/1.1\r\nHost: test.example\r\n{lines}\r\n".encode())
        assert (await answer(reader)).status == status


@pytest.mark.parametrize(("size", "status"), [(50_000, 200), (70_000, 431)])
async def test_a_header_may_be_long_but_not_endless(shared: World, size: int, status: int) -> None:
    assert (await shared.ask("/", headers={"x-long": "a" * size})).status == status


async def _send(shared: World, pieces: Iterator[bytes]) -> tuple[int, int]:
    """The status of the answer (0 for none), and how many pieces were taken before the connection was closed."""
    taken = 0
    async with asyncio.timeout(60), connection(shared.port) as (reader, writer):
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                taken += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            return (await answer(reader)).status, taken
    return 0, taken


def _memory(shared: World) -> int:
    """The resident memory of the Envoy, in bytes."""
    assert shared.app is not None
    [proxy] = shared.app.proxies.running()
    pages = int(Path(f"/proc/{proxy.pid}/statm").read_text().split()[1])
    return pages * 4096
