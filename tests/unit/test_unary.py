"""The server for unary calls: real clients, windows that are small, and clients that break the protocol."""

import asyncio
import struct
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemun.service.unary import frames
from daemun.service.unary.connection import LARGEST_MESSAGE, MOST_STREAMS, Call, Connection, ConnectionFault
from daemun.service.unary.server import UnaryServer
from support.clients.limiting import Peer
from support.scenes.world import until

METHODS = ("/t.T/Echo", "/t.T/Late", "/t.T/Long")
POST = b"\x83\x86"
HEADERS = POST + b"\x04\x09/t.T/Echo" + b"\x0f\x10\x10application/grpc"
"""POST, http, the path and the content type: literals that leave the table as it is."""


class Methods:
    """Says what it is told, at once or when it is let; or something long."""

    def __init__(self) -> None:
        self.late: list[Call] = []

    def all(self) -> dict[str, object]:
        return {"/t.T/Echo": self.echo, "/t.T/Late": self.wait, "/t.T/Long": self.long}

    def echo(self, message: bytes, call: Call) -> None:
        call.answer(message)

    def wait(self, message: bytes, call: Call) -> None:
        self.late.append(call)

    def long(self, message: bytes, call: Call) -> None:
        call.answer(message * 40_000)


@pytest.fixture
def methods() -> Methods:
    return Methods()


@pytest.fixture
async def server(methods: Methods) -> AsyncIterator[tuple[UnaryServer, str]]:
    server = UnaryServer(methods.all())
    yield server, await server.start("127.0.0.1:0")
    await server.stop()


def channel(address: str) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)])


async def test_clients_of_grpc_are_answered(server: tuple[UnaryServer, str]) -> None:
    async with channel(server[1]) as client:
        echo, long = client.unary_unary("/t.T/Echo"), client.unary_unary("/t.T/Long")
        said = [bytes([at % 256]) * at for at in range(200)]
        assert await asyncio.gather(*(echo(one, metadata=(("x-a", str(len(one))),)) for one in said)) == said
        # More than a frame, and all together more than a window, which the client then widens.
        assert await asyncio.gather(*(long(b"ab") for _ in range(20))) == [b"ab" * 40_000] * 20
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.unary_unary("/t.T/None")(b"")
        assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
        largest = b"x" * LARGEST_MESSAGE
        assert await echo(largest) == largest
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await echo(b"x" * (LARGEST_MESSAGE + 1))
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        # Many that are as long as may be: what was read is given back to the client's window.
        assert [len(one) for one in await asyncio.gather(*(echo(largest) for _ in range(60)))] == [len(largest)] * 60


async def test_a_call_that_was_given_up_is_not_waited_for(server: tuple[UnaryServer, str], methods: Methods) -> None:
    async with channel(server[1]) as client:
        with pytest.raises(grpc.aio.AioRpcError):
            await client.unary_unary("/t.T/Late")(b"", timeout=0.2)
        await until(lambda: methods.late[0].gone)
        methods.late[0].answer(b"nobody hears")
        assert await client.unary_unary("/t.T/Echo")(b"on") == b"on"


async def test_a_server_that_ends_answers_what_it_was_asked(server: tuple[UnaryServer, str], methods: Methods) -> None:
    async with channel(server[1]) as client:
        call = asyncio.ensure_future(client.unary_unary("/t.T/Late")(b""))
        await until(lambda: methods.late)
        stopping = asyncio.ensure_future(server[0].stop(30))
        await until(lambda: all(one._connection.closing for one in server[0].connections))
        methods.late[0].answer(b"at last")
        assert await call == b"at last"
        await asyncio.wait_for(stopping, 30)
        assert not server[0].connections


async def test_whoever_says_nothing_or_something_else_is_cut_off(
    server: tuple[UnaryServer, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemun.service.unary.server.FIRST_SECONDS", 0.1)
    host, port = server[1].split(":")
    for said in (b"", b"GET / HTTP/1.1\r\n\r\n"):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(said)
        await asyncio.wait_for(reader.read(), 30)
        writer.close()
    assert not server[0].connections


def begun(methods: Methods | None = None) -> Peer:
    peer = Peer((methods or Methods()).all())
    peer.connection.receive(frames.PREFACE + frames.frame(frames.SETTINGS, 0, 0, b""))
    peer.take()
    return peer


def asked(stream: int, message: bytes = b"hello", headers: bytes = HEADERS) -> bytes:
    body = b"\0" + len(message).to_bytes(4, "big") + message
    return frames.frame(frames.HEADERS, frames.END_HEADERS, stream, headers) + frames.frame(
        frames.DATA, frames.END_STREAM, stream, body
    )


def test_how_bytes_are_cut_makes_no_difference() -> None:
    padded = frames.frame(frames.HEADERS, 0x4 | 0x8 | 0x20, 5, b"\x02" + b"\0" * 5 + HEADERS + b"\0\0")
    padded += frames.frame(frames.DATA, 0x8, 5, b"\x01" + b"\0\0\0\0\x02hi"[:7] + b"\0")
    padded += frames.frame(frames.DATA, frames.END_STREAM, 5, b"")
    pieces = frames.frame(frames.HEADERS, 0, 7, HEADERS[:5]) + frames.frame(frames.CONTINUATION, 0x4, 7, HEADERS[5:])
    pieces += frames.frame(frames.DATA, 1, 7, b"\0\0\0\0\x01!")
    said = frames.PREFACE + frames.frame(frames.SETTINGS, 0, 0, b"") + asked(1) + asked(3, b"x") + padded + pieces
    said += frames.frame(frames.PING, 0, 0, b"12345678") + frames.frame(77, 3, 9, b"of the future")
    whole = Peer(Methods().all())
    whole.connection.receive(said)
    wanted = whole.take()
    assert [wanted.count(one) for one in (b"hello", b"hi", b"!", b"12345678")] == [1, 1, 1, 1]
    for size in (1, 2, 3, 7, 10, 50):
        peer = Peer(Methods().all())
        for at in range(0, len(said), size):
            peer.connection.receive(said[at : at + size])
        assert peer.take() == wanted


def test_no_more_is_sent_than_the_client_takes() -> None:
    peer = begun()
    peer.connection.receive(frames.frame(frames.SETTINGS, 0, 0, struct.pack(">HI", 4, 8)))
    peer.take()
    peer.connection.receive(asked(1))  # an answer of ten bytes
    assert peer.take() == frames.head(1) + frames.frame(frames.DATA, 0, 1, b"\0\0\0\0\x05hel")
    peer.connection.receive(frames.window(1, 1))
    assert peer.take() == frames.frame(frames.DATA, 0, 1, b"l")
    peer.connection.receive(frames.window(1, 1))
    assert peer.take() == frames.frame(frames.DATA, 0, 1, b"o") + frames.tail(1)
    peer.connection.receive(asked(3))
    assert peer.take().endswith(b"hel")
    peer.connection.receive(frames.frame(frames.RESET, 0, 3, b"\0\0\0\x08"))
    peer.connection.receive(frames.frame(frames.SETTINGS, 0, 0, struct.pack(">HI", 4, 10)))
    peer.take()
    peer.connection.receive(asked(5))
    assert peer.take().count(b"hello") == 1
    # The connection's own window, which no setting widens.
    for stream in range(7, 14_007, 2):
        peer.connection.receive(asked(stream))
    data = 10 + 8 + 10  # of those before
    assert peer.take().count(b"hello") == (65_535 - data) // 10
    peer.connection.receive(frames.window(0, 103))
    assert peer.take().count(b"hello") == 10


def test_more_calls_at_once_than_are_allowed_are_refused() -> None:
    late = HEADERS.replace(b"Echo", b"Late")
    methods = Methods()
    peer = begun(methods)
    for stream in range(1, 2 * MOST_STREAMS + 3, 2):
        peer.connection.receive(asked(stream, headers=late))
    assert len(methods.late) == MOST_STREAMS
    assert peer.take() == frames.reset(2 * MOST_STREAMS + 1, frames.REFUSED)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (asked(2), frames.PROTOCOL),
        (asked(3) + asked(1), frames.PROTOCOL),
        (frames.frame(frames.DATA, 1, 1, b""), frames.PROTOCOL),
        (frames.frame(frames.HEADERS, 4, 1, b"\xff\xff\xff\xff\xff\xff"), frames.COMPRESSION),
        (frames.frame(frames.HEADERS, 0, 1, HEADERS) + asked(3), frames.PROTOCOL),
        (frames.frame(frames.CONTINUATION, 4, 1, HEADERS), frames.PROTOCOL),
        (frames.frame(frames.HEADERS, 0, 1, b"") + frames.frame(frames.CONTINUATION, 0, 1, b"") * 64, frames.CALM),
        (frames.frame(frames.HEADERS, 0x8 | 4, 1, b"\xff"), frames.PROTOCOL),
        (frames.frame(frames.HEADERS, 0x8 | 4, 1, b""), frames.SIZE),
        (frames.frame(frames.PING, 0, 0, b"short"), frames.SIZE),
        (frames.frame(frames.PING, 0, 1, b"12345678"), frames.PROTOCOL),
        (frames.frame(frames.SETTINGS, 0, 0, b"odd"), frames.SIZE),
        (frames.frame(frames.SETTINGS, 0, 1, b""), frames.PROTOCOL),
        (frames.frame(frames.SETTINGS, 0, 0, struct.pack(">HI", 4, 2**31)), frames.FLOW),
        (frames.window(0, 0), frames.PROTOCOL),
        (frames.window(0, 2**31 - 1), frames.FLOW),
        (frames.frame(frames.WINDOW, 0, 0, b""), frames.SIZE),
        (frames.frame(frames.RESET, 0, 1, b"\0\0\0\0"), frames.PROTOCOL),
        (frames.frame(frames.RESET, 0, 1, b""), frames.SIZE),
        (frames.frame(frames.PUSH, 0, 1, b""), frames.PROTOCOL),
        (b"\xff\xff\xff\0\0\0\0\0\1", frames.SIZE),
    ],
)
def test_who_breaks_the_protocol_is_told_so_and_ends(said: bytes, code: int) -> None:
    peer = begun()
    with pytest.raises(ConnectionFault) as caught:
        peer.connection.receive(said)
    assert caught.value.code == code
    assert peer.take()[-4:] == code.to_bytes(4, "big")


def test_what_is_no_message_is_refused_and_the_connection_goes_on() -> None:
    peer = begun()
    bodies = (b"", b"\0\0\0\0\x05abc", b"\x01\0\0\0\x01a", b"\0\0\0\0\x01ab")
    for at, body in enumerate(bodies):
        stream = 2 * at + 1
        peer.connection.receive(
            frames.frame(frames.HEADERS, 4, stream, HEADERS) + frames.frame(frames.DATA, 1, stream, body)
        )
    for at, headers in enumerate((POST, HEADERS.replace(b"\x83", b"\x82"), HEADERS.replace(b"grpc", b"json"))):
        peer.connection.receive(asked(101 + 2 * at, headers=headers))
    assert peer.take().count(b"grpc-message") == len(bodies) + 3
    peer.connection.receive(asked(201))
    assert b"hello" in peer.take()


def test_the_same_bytes_mean_something_else_when_the_table_has_changed() -> None:
    peer = begun()
    named = b"\x44\x09/t.T/Echo", b"\x44\x09/t.T/None"  # into the client's table
    rest = b"\x0f\x10\x10application/grpc"
    peer.connection.receive(asked(1, headers=POST + named[0] + rest))
    for stream in (3, 5):
        peer.connection.receive(asked(stream, headers=POST + b"\xbe" + rest))  # the newest of the table
    assert peer.take().count(b"hello") == 3
    peer.connection.receive(asked(7, headers=POST + named[1] + rest))
    peer.connection.receive(asked(9, headers=POST + b"\xbe" + rest))
    assert b"hello" not in peer.take()
    peer.connection.receive(asked(11, headers=POST + b"\xbf" + rest))
    assert peer.take().count(b"hello") == 1


FRAMES = st.builds(
    frames.frame,
    st.integers(0, 10),
    st.integers(0, 255),
    st.integers(0, 9),
    st.one_of(st.binary(max_size=40), st.sampled_from((HEADERS, b"\0\0\0\0\x01a", b"\0\0\x10\0"))),
)


@given(st.lists(st.one_of(FRAMES, st.binary(max_size=30), st.integers(0, 4).map(lambda at: asked(2 * at + 1)))))
def test_whatever_is_sent_it_is_answered_or_ends(said: list[bytes]) -> None:
    connection = Connection(Methods().all(), lambda: None)
    connection.receive(frames.PREFACE)
    try:
        for one in said:
            connection.receive(one)
    except ConnectionFault:
        assert connection.out
    assert len(connection._streams) <= 10
