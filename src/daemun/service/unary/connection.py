"""One connection of a client, without I/O: bytes in, calls out; answers in, bytes out."""

import struct
from collections.abc import Callable

import hpack

from daemun.service.unary import frames
from daemun.service.unary.frames import ACK, END_HEADERS, END_STREAM, PADDED, PRIORITISED

MOST_STREAMS = 2_048
"""Calls of one connection that wait for an answer."""
LARGEST_MESSAGE = 65_529
"""Bytes of one question: less than the window of a stream lets through, which is never widened."""
_WINDOW = 1 << 20
"""Bytes of all questions of a connection that are not whole yet."""
_INITIAL = 65_535
_LARGEST_BLOCK = 32_768
_MOST_BLOCKS = 256
UNIMPLEMENTED, EXHAUSTED, INVALID = 12, 8, 3
_PING = b"daemun:)"
_FOUR = struct.Struct(">I")
_SETTING = struct.Struct(">HI")


class ConnectionFault(Exception):  # noqa: N818 - not this program's error
    """The client has broken the protocol: the connection ends, with this code (RFC 9113, section 7)."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Call:
    """A call that waits for its answer."""

    __slots__ = ("_connection", "_stream")

    def __init__(self, connection: "Connection", stream: int) -> None:
        self._connection = connection
        self._stream = stream

    @property
    def gone(self) -> bool:
        """Whether the client waits for it no longer."""
        return not self._connection.waits(self._stream)

    def answer(self, message: bytes) -> None:
        """Give it. Nobody minds if the client has gone."""
        self._connection.answer(self._stream, message)

    def fail(self, code: int, text: str) -> None:
        """Give an error of gRPC's."""
        self._connection.fail(self._stream, code, text)


Serve = Callable[[bytes, Call], None]
"""Takes the message of a call, and answers sooner or later."""


class _Stream:
    __slots__ = ("data", "serve", "size", "window")

    def __init__(self, serve: Serve | None) -> None:
        self.serve = serve
        self.data: list[bytes] = []
        self.size = 0
        self.window = 0


class Connection:
    """`dirty` is called when there is something to send, which is then in `out`."""

    def __init__(self, methods: dict[str, Serve], dirty: Callable[[], None]) -> None:
        self._methods = methods
        self._dirty = dirty
        self.out: list[bytes] = [
            frames.settings(streams=MOST_STREAMS, headers=_LARGEST_BLOCK),
            frames.window(0, _WINDOW - _INITIAL),
        ]
        self.closing = False
        self._streams: dict[int, _Stream] = {}
        self._last = 0
        self._rest = b""
        self._begun = False
        self._decoder = hpack.Decoder(max_header_list_size=_LARGEST_BLOCK)
        self._blocks: dict[bytes, Serve | None] = {}
        self._open_block: tuple[int, int, list[bytes]] | None = None
        self._owed = 0
        self._room = _INITIAL
        self._initial = _INITIAL
        self._parked: dict[int, bytes] = {}
        """What is left of answers that have begun."""
        self._drained = False

    def waits(self, stream: int) -> bool:
        """Whether the client waits for an answer."""
        return stream in self._streams

    def lose(self) -> None:
        """The client has gone."""
        self._streams.clear()
        self._parked.clear()

    @property
    def drained(self) -> bool:
        """Whether the client has heard that this connection ends, and nothing more will come on it."""
        return self._drained and not self._streams

    @property
    def begun(self) -> bool:
        """Whether the client has said that it speaks HTTP/2."""
        return self._begun

    def end(self) -> None:
        """Let the client make no more calls on this connection: it says so, and waits until that is heard."""
        if not self.closing:
            self.closing = True
            # A ping that comes back has come after all calls that were made before the client heard of it.
            self._send(frames.goaway(frames.HIGHEST, frames.NO_ERROR) + frames.frame(frames.PING, 0, 0, _PING))

    def receive(self, data: bytes) -> None:
        """What has come. Raises ConnectionFault; `out` holds the farewell then."""
        try:
            self._receive(data)
        except ConnectionFault as fault:
            self._send(frames.goaway(self._last, fault.code))
            raise
        if self._owed >= _WINDOW // 2:
            self._send(frames.window(0, self._owed))
            self._owed = 0

    def answer(self, stream: int, message: bytes) -> None:
        """Send an answer, as soon as the client takes that much."""
        found = self._streams.get(stream)
        if found is None:  # the client has given up
            return
        size = len(message) + 5
        if size <= frames.LARGEST and size <= self._room and size <= self._initial + found.window:
            del self._streams[stream]
            self._room -= size
            self._send(frames.answer(stream, message))
        else:
            self._send(frames.head(stream))
            self._parked[stream] = frames.body(message)
            self._unpark()

    def fail(self, stream: int, code: int, text: str) -> None:
        """Send an error of gRPC's."""
        if self._streams.pop(stream, None) is not None:
            self._send(frames.failure(stream, code, text))

    def _send(self, encoded: bytes) -> None:
        if not self.out:
            self._dirty()
        self.out.append(encoded)

    def _receive(self, data: bytes) -> None:
        if self._rest:
            data, self._rest = self._rest + data, b""
        at, end = 0, len(data)
        if not self._begun:
            if not data.startswith(frames.PREFACE[:end]):
                raise ConnectionFault(frames.PROTOCOL)
            if end < len(frames.PREFACE):
                self._rest = data
                return
            self._begun, at = True, len(frames.PREFACE)
        head = frames.HEAD.unpack_from
        while end - at >= 9:
            high, low, kind, flags, stream = head(data, at)
            size = high << 8 | low
            if size > frames.LARGEST:
                raise ConnectionFault(frames.SIZE)
            after = at + 9 + size
            if after > end:
                break
            self._frame(kind, flags, stream & frames.HIGHEST, data[at + 9 : after])
            at = after
        if at < end:
            self._rest = data[at:]

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if self._open_block is not None and kind != frames.CONTINUATION:
            raise ConnectionFault(frames.PROTOCOL)
        if kind == frames.DATA:
            self._data(stream, flags, payload)
        elif kind == frames.HEADERS:
            if flags & (PADDED | PRIORITISED):
                payload = _unpadded(payload, flags, 5 if flags & PRIORITISED else 0)
            self._headers(stream, flags, payload)
        elif kind == frames.CONTINUATION:
            self._continuation(stream, flags, payload)
        elif kind == frames.WINDOW:
            self._window(stream, payload)
        elif kind == frames.SETTINGS:
            self._settings(stream, flags, payload)
        elif kind == frames.PING:
            self._ping(stream, flags, payload)
        elif kind == frames.RESET:
            self._reset(stream, payload)
        elif kind == frames.PUSH:
            raise ConnectionFault(frames.PROTOCOL)

    # Calls

    def _headers(self, stream: int, flags: int, block: bytes) -> None:
        if not flags & END_HEADERS:
            self._open_block = (stream, flags, [block])
            return
        serve = self._serve_of(block)
        found = self._streams.get(stream)
        if found is not None and flags & END_STREAM:  # trailers
            self._whole(stream, found)
            return
        if not stream & 1 or stream <= self._last:
            raise ConnectionFault(frames.PROTOCOL)
        self._last = stream
        if len(self._streams) >= MOST_STREAMS:
            self._send(frames.reset(stream, frames.REFUSED))
            return
        self._streams[stream] = opened = _Stream(serve)
        if flags & END_STREAM:
            self._whole(stream, opened)

    def _continuation(self, stream: int, flags: int, payload: bytes) -> None:
        if self._open_block is None or self._open_block[0] != stream:
            raise ConnectionFault(frames.PROTOCOL)
        _, first, blocks = self._open_block
        blocks.append(payload)
        if sum(map(len, blocks)) > _LARGEST_BLOCK or len(blocks) > _LARGEST_BLOCK // 1024:
            raise ConnectionFault(frames.CALM)
        if flags & END_HEADERS:
            self._open_block = None
            self._headers(stream, first | END_HEADERS, b"".join(blocks))

    def _serve_of(self, block: bytes) -> Serve | None:
        """What serves a call with these headers. A block means the same until the table of the client's changes."""
        try:
            return self._blocks[block]
        except KeyError:
            pass
        table = self._decoder.header_table
        before = table.dynamic_entries[0] if table.dynamic_entries else None
        size = table.maxsize
        try:
            headers = self._decoder.decode(block, raw=True)
        except hpack.HPACKError:
            raise ConnectionFault(frames.COMPRESSION) from None
        found = dict(headers)
        serve = self._methods.get(found.get(b":path", b"").decode("latin-1"))
        if found.get(b":method") != b"POST" or not found.get(b"content-type", b"").startswith(b"application/grpc"):
            serve = None
        now = table.dynamic_entries[0] if table.dynamic_entries else None
        if now is not before or table.maxsize != size or len(self._blocks) >= _MOST_BLOCKS:
            self._blocks.clear()
        if now is before and table.maxsize == size:
            self._blocks[block] = serve
        return serve

    def _data(self, stream: int, flags: int, payload: bytes) -> None:
        self._owed += len(payload)
        found = self._streams.get(stream)
        if found is None:
            if stream > self._last or not stream & 1:
                raise ConnectionFault(frames.PROTOCOL)
            return  # of a call that was refused or given up
        if flags & PADDED:
            payload = _unpadded(payload, flags, 0)
        found.size += len(payload)
        if found.size > LARGEST_MESSAGE + 5:
            Call(self, stream).fail(EXHAUSTED, "the question is too long")
            return
        found.data.append(payload)
        if flags & END_STREAM:
            self._whole(stream, found)

    def _whole(self, stream: int, found: _Stream) -> None:
        call = Call(self, stream)
        if found.serve is None:
            call.fail(UNIMPLEMENTED, "there is no such method")
            return
        body = found.data[0] if len(found.data) == 1 else b"".join(found.data)
        found.data = []
        if len(body) < 5 or body[0] or _FOUR.unpack_from(body, 1)[0] != len(body) - 5:
            call.fail(INVALID, "this is not one message without compression")
            return
        found.serve(body[5:], call)

    def _reset(self, stream: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise ConnectionFault(frames.SIZE)
        if not stream or stream > self._last:
            raise ConnectionFault(frames.PROTOCOL)
        self._streams.pop(stream, None)
        self._parked.pop(stream, None)

    # The connection

    def _window(self, stream: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise ConnectionFault(frames.SIZE)
        more = _FOUR.unpack(payload)[0] & frames.HIGHEST
        if not more:
            raise ConnectionFault(frames.PROTOCOL)
        if not stream:
            self._room += more
            if self._room > frames.HIGHEST:
                raise ConnectionFault(frames.FLOW)
        elif (found := self._streams.get(stream)) is not None:
            found.window += more
            if found.window > frames.HIGHEST:
                raise ConnectionFault(frames.FLOW)
        self._unpark()

    def _unpark(self) -> None:
        """Send of the answers that wait what the client takes by now."""
        for stream, rest in list(self._parked.items()):
            found, at = self._streams[stream], 0
            while size := max(min(len(rest) - at, self._room, self._initial + found.window, frames.LARGEST), 0):
                self._send(frames.frame(frames.DATA, 0, stream, rest[at : at + size]))
                self._room -= size
                found.window -= size
                at += size
            self._parked[stream] = rest[at:]
            if at == len(rest):
                del self._parked[stream], self._streams[stream]
                self._send(frames.tail(stream))

    def _settings(self, stream: int, flags: int, payload: bytes) -> None:
        if stream:
            raise ConnectionFault(frames.PROTOCOL)
        if flags & ACK:
            return
        if len(payload) % 6:
            raise ConnectionFault(frames.SIZE)
        for name, value in _SETTING.iter_unpack(payload):
            if name == 4:
                if value > frames.HIGHEST:
                    raise ConnectionFault(frames.FLOW)
                self._initial = value
        self._send(frames.frame(frames.SETTINGS, ACK, 0, b""))
        self._unpark()

    def _ping(self, stream: int, flags: int, payload: bytes) -> None:
        if stream:
            raise ConnectionFault(frames.PROTOCOL)
        if len(payload) != 8:
            raise ConnectionFault(frames.SIZE)
        if not flags & ACK:
            self._send(frames.frame(frames.PING, ACK, 0, payload))
        elif self.closing and payload == _PING:
            self._drained = True


def _unpadded(payload: bytes, flags: int, skip: int) -> bytes:
    padding = 0
    if flags & PADDED:
        if not payload:
            raise ConnectionFault(frames.SIZE)
        padding, payload = payload[0], payload[1:]
    if padding + skip > len(payload):
        raise ConnectionFault(frames.PROTOCOL)
    return payload[skip : len(payload) - padding]
