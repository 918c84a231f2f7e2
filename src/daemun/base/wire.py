"""The protobuf wire format, as much of it as is needed to join cached bytes.

Protobuf messages concatenate: the bytes of a message with one more repeated field are the old bytes followed by
that field (https://protobuf.dev/programming-guides/encoding/). So a RouteConfiguration is its head and its cached
virtual hosts joined, and nothing is parsed or built again when one of them changes.
"""

import functools
from typing import Any

_LENGTH_DELIMITED = 2


@functools.lru_cache(maxsize=4096)
def varint(value: int) -> bytes:
    """`value` (>= 0) as a base-128 varint."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def tag(field: int) -> bytes:
    """The tag of a length-delimited field (message, string or bytes) with this number."""
    return varint(field << 3 | _LENGTH_DELIMITED)


def delimited(field_tag: bytes, body: bytes) -> bytes:
    """One length-delimited field: its tag, the length of its body, the body."""
    return b"".join((field_tag, varint(len(body)), body))


def encoded(message: Any) -> bytes:
    """A protobuf message as bytes. Maps have no order of their own; equal messages have equal bytes."""
    found: bytes = message.SerializeToString(deterministic=True)
    return found
