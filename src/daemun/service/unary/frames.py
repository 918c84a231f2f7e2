"""The frames of HTTP/2 (RFC 9113) that are sent: settings, answers, and the end of a connection."""

import struct
from urllib.parse import quote

DATA, HEADERS, PRIORITY, RESET, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITISED = 0x1, 0x1, 0x4, 0x8, 0x20
NO_ERROR, PROTOCOL, INTERNAL, FLOW, CLOSED, SIZE, REFUSED, COMPRESSION, CALM = 0, 1, 2, 3, 5, 6, 7, 9, 11
"""Codes of errors (section 7)."""
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD = struct.Struct(">HBBBI")
"""The head of a frame: its length in two parts, kind, flags, stream."""
LARGEST = 16_384
"""The bytes of a frame that everybody takes (SETTINGS_MAX_FRAME_SIZE), and that this server takes."""
HIGHEST = 2**31 - 1
"""The number of the last stream, and the size of the largest window."""
_ID = struct.Struct(">I").pack
# ":status: 200" by its index, and the content type with the name by its index, both of the static table.
_OK = b"\x88" + b"\x0f\x10\x10application/grpc"
_ANSWER = len(_OK).to_bytes(3, "big") + bytes((HEADERS, END_HEADERS))
_GRPC_STATUS, _GRPC_MESSAGE = b"\x00\x0bgrpc-status", b"\x00\x0cgrpc-message"
_FINE = _GRPC_STATUS + b"\x010"
_TRAILERS = len(_FINE).to_bytes(3, "big") + bytes((HEADERS, END_HEADERS | END_STREAM))
_LONGEST_TEXT = 100


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """One frame."""
    return b"".join((len(payload).to_bytes(3, "big"), bytes((kind, flags)), _ID(stream), payload))


def answer(stream: int, message: bytes) -> bytes:
    """A whole answer: headers, the message in one frame, and trailers that say that all is well."""
    name, size = _ID(stream), len(message)
    return b"".join(
        (
            _ANSWER,
            name,
            _OK,
            (size + 5).to_bytes(3, "big"),
            b"\0\0",
            name,
            b"\0",
            size.to_bytes(4, "big"),
            message,
            _TRAILERS,
            name,
            _FINE,
        )
    )


def head(stream: int) -> bytes:
    """The headers of an answer."""
    return b"".join((_ANSWER, _ID(stream), _OK))


def body(message: bytes) -> bytes:
    """The body of an answer, which is for frames of data."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def tail(stream: int) -> bytes:
    """The trailers of an answer, which say that all is well."""
    return b"".join((_TRAILERS, _ID(stream), _FINE))


def failure(stream: int, code: int, text: str) -> bytes:
    """An answer that is an error of gRPC's: trailers only."""
    said = quote(text[:_LONGEST_TEXT], safe=" ,:;()'/").encode()[:127]
    status = str(code).encode()
    block = (_OK, _GRPC_STATUS, bytes((len(status),)), status, _GRPC_MESSAGE, bytes((len(said),)), said)
    return frame(HEADERS, END_HEADERS | END_STREAM, stream, b"".join(block))


def settings(**values: int) -> bytes:
    """What this side asks of the other (section 6.5.2)."""
    numbers = {"streams": 3, "window": 4, "headers": 6}
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", numbers[name], value) for name, value in values.items()))


def window(stream: int, more: int) -> bytes:
    """Leave to send more."""
    return frame(WINDOW, 0, stream, _ID(more))


def reset(stream: int, code: int) -> bytes:
    """The end of one stream."""
    return frame(RESET, 0, stream, _ID(code))


def goaway(last: int, code: int) -> bytes:
    """The end of a connection: streams after `last` were not looked at."""
    return frame(GOAWAY, 0, 0, _ID(last) + _ID(code))
