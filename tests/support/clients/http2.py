"""HTTP/2 by hand, as much as it takes to ask for a status: what is asked on one connection is up to the story."""

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from support.clients.client import connection

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY, _WINDOW = 0, 1, 3, 4, 6, 7, 8
_ALL = (1 << 31) - 1
_END_STREAM, _ACK, _END_HEADERS = 1, 1, 4
# Fields of the static table (RFC 7541, appendix A) that stand for a whole status.
_STATUSES = dict(enumerate((200, 204, 206, 304, 400, 404, 500), 8))
_DIGITS = {f"{digit:05b}": str(digit) for digit in range(3)} | {f"{0b011001 + at:06b}": str(3 + at) for at in range(7)}
"""The Huffman code of digits (RFC 7541, appendix B)."""


class ResetError(Exception):
    """The server ended the stream or the connection."""


class Http2:
    """A connection. `get` may be called again and again, with any authority."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._stream = -1
        # No dynamic table (SETTINGS_HEADER_TABLE_SIZE 0), so that no status is told by an index into it.
        writer.write(_PREFACE + _frame(_SETTINGS, 0, 0, struct.pack(">HI", 1, 0)))

    async def get(
        self, authority: str, path: str = "/", scheme: str = "https", *, post: bool = False, **headers: str
    ) -> int:
        """The status of a GET, or of a POST without a body. Names of headers have `_` in the place of `-`."""
        self._stream += 2
        # GET or POST, then scheme, path and authority: the first two by an index, the others with literal values.
        block = (
            (b"\x83" if post else b"\x82")
            + (b"\x87" if scheme == "https" else b"\x86")
            + _literal(4, path)
            + _literal(1, authority)
        )
        for name, value in headers.items():
            block += b"\x00" + _text(name.replace("_", "-")) + _text(value)
        self._writer.write(_frame(_HEADERS, _END_STREAM | _END_HEADERS, self._stream, block))
        await self._writer.drain()
        status = 0
        while True:
            kind, flags, stream, payload = await self._read()
            if kind == _SETTINGS and not flags & _ACK:
                self._writer.write(_frame(_SETTINGS, _ACK, 0, b""))
            elif kind == _GOAWAY or (kind == _RESET and stream == self._stream):
                raise ResetError
            elif kind == _HEADERS and stream == self._stream:
                status = status or _status(payload)
            if stream == self._stream and kind in (_HEADERS, _DATA) and flags & _END_STREAM:
                return status

    async def cancel_many(self, authority: str, count: int) -> None:
        """Open streams and cancel each at once, until the server has enough. Raises what it answers with."""
        block = b"\x82\x86" + _literal(4, "/") + _literal(1, authority)
        for _ in range(count):
            self._stream += 2
            self._writer.write(
                _frame(_HEADERS, _END_STREAM | _END_HEADERS, self._stream, block)
                + _frame(_RESET, 0, self._stream, (8).to_bytes(4, "big"))
            )
            if self._stream % 100 == 1:
                await self._writer.drain()
        while True:
            kind, _, _, _ = await self._read()
            if kind == _GOAWAY:
                raise ResetError

    async def flood(self, begin: bytes, *frames: bytes, seconds: float = 30.0) -> int:
        """Send these again and again, and read nothing, until the server ends the connection; how many bytes that took.

        It is an error if it takes them for so long.
        """
        once = b"".join(frames)
        many = once * max(1, 16_384 // len(once))
        self._writer.write(begin)
        loop, sent = asyncio.get_running_loop(), 0
        until = loop.time() + seconds
        while loop.time() < until:
            try:
                self._writer.write(many)
                await self._writer.drain()
                await asyncio.sleep(0)
            except OSError:
                return sent
            if self._writer.is_closing() or self._reader.at_eof():
                return sent
            sent += len(many)
        raise AssertionError(f"{sent} bytes, and the connection lives")

    async def _read(self) -> tuple[int, int, int, bytes]:
        head = await self._reader.readexactly(9)
        size = int.from_bytes(head[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", head[3:])
        return kind, flags, stream & 0x7FFFFFFF, await self._reader.readexactly(size)


@asynccontextmanager
async def http2(port: int, tls: ssl.SSLContext | None = None, sni: str | None = None) -> AsyncIterator[Http2]:
    """A new connection; `tls` must offer h2."""
    async with asyncio.timeout(30), connection(port, tls=tls, sni=sni) as (reader, writer):
        yield Http2(reader, writer)


def ping() -> bytes:
    """A frame that wants an answer."""
    return _frame(_PING, 0, 0, bytes(8))


def settings() -> bytes:
    """Another one."""
    return _frame(_SETTINGS, 0, 0, b"")


def headers(block: bytes, *, stream: int = 1, flags: int = 0) -> bytes:
    """The begin of a block of headers, which ends with END_HEADERS."""
    return _frame(_HEADERS, flags, stream, block)


def continuation(block: bytes, *, stream: int = 1) -> bytes:
    """More of a block that does not end."""
    return _frame(9, 0, stream, block)


def empty_data(stream: int = 1) -> bytes:
    """Nothing, of a request that does not end."""
    return _frame(_DATA, 0, stream, b"")


def call(authority: str, path: str, **headers: str) -> bytes:
    """A connection on which the other end may say what it likes, and the begin of a gRPC call there."""
    block = b"\x83\x86" + _literal(4, path) + _literal(1, authority)
    for name, value in ({"content_type": "application/grpc", "te": "trailers"} | headers).items():
        block += b"\x00" + _text(name.replace("_", "-")) + _text(value)
    window = _frame(_WINDOW, 0, 0, (_ALL - 65_535).to_bytes(4, "big"))
    return _PREFACE + _frame(_SETTINGS, 0, 0, struct.pack(">HI", 4, _ALL)) + window + _frame(_HEADERS, 4, 1, block)


def message(body: bytes) -> bytes:
    """One message of a gRPC call."""
    return _frame(_DATA, 0, 1, b"\x00" + len(body).to_bytes(4, "big") + body)


def half_close() -> bytes:
    """The end of what one has to say in a call."""
    return _frame(_DATA, _END_STREAM, 1, b"")


def answer(kind: int, flags: int, payload: bytes) -> bytes:
    """What is to be said at once to such a frame."""
    wanted = kind in {_SETTINGS, _PING} and not flags & _ACK
    return _frame(kind, _ACK, 0, payload if kind == _PING else b"") if wanted else b""


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + payload


def _literal(name: int, value: str) -> bytes:
    """A literal value, not indexed, for a name of the static table."""
    return bytes([name]) + _text(value)


def _text(value: str) -> bytes:
    data = value.encode()
    assert len(data) < 127
    return bytes([len(data)]) + data


def _status(block: bytes) -> int:
    """`:status`, which is the first field of a response."""
    while block[0] & 0xE0 == 0x20:  # a change of the table's size
        block = block[1:] if block[0] & 0x1F < 31 else block[next(at for at in range(1, 6) if block[at] < 128) + 1 :]
    if block[0] & 0x80:
        return _STATUSES.get(block[0] & 0x7F, -1)
    assert block[0] & 0x3F in range(8, 15), block
    huffman, size = block[1] & 0x80, block[1] & 0x7F
    value = block[2 : 2 + size]
    return int(_digits(value) if huffman else value)


def _digits(value: bytes) -> str:
    bits = "".join(f"{byte:08b}" for byte in value)
    found = ""
    while len(found) < 3:
        size = 5 if bits[:5] in _DIGITS else 6
        found, bits = found + _DIGITS[bits[:size]], bits[size:]
    return found
