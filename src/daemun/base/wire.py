"""The protobuf wire format, as much of it as is needed to join cached bytes.

Protobuf messages concatenate: the bytes of a message with one more repeated field are the old bytes followed by
that field (https://protobuf.dev/programming-guides/encoding/). So a RouteConfiguration is its head and its cached
virtual hosts joined, and nothing is parsed or built again when one of them changes.
"""

import functools
from collections.abc import Iterator
from typing import Any

_VARINT, _LENGTH_DELIMITED = 0, 2
_FIXED = {1: 8, 5: 4}
"""How many bytes values of a fixed length have, by wire type."""

Around = tuple[tuple[bytes, bytes], ...]
"""What stands before and after something within each of the fields that it is nested in, the outermost first."""


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


def nested(tags: tuple[bytes, ...], around: Around, body: bytes) -> bytes:
    """Length-delimited fields, each within the one before it, and the body in the last; `around` is for all or none."""
    begins, ends, length = [], [], len(body)
    for tag_, (before, after) in zip(reversed(tags), reversed(around or ((b"", b""),) * len(tags)), strict=True):
        length += len(before) + len(after)
        begins.append(tag_ + varint(length) + before)
        length += len(begins[-1]) - len(before)
        ends.append(after)
    return b"".join((*reversed(begins), body, *ends))


def surroundings(message: bytes, tags: tuple[bytes, ...], mark: bytes) -> Around:
    """What is around the mark within a message and within fields of these tags, each in the one before it.

    With it `nested` makes the message with something else in the mark's place.
    """
    around = []
    for tag_ in tags:
        before, inner, after = next(cut for cut in _cuts(message, tag_) if mark in cut[1])
        around.append((before, after))
        message = inner
    before, after = message.split(mark)
    return (*around, (before, after))


def _cuts(message: bytes, field_tag: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """What is before, in and after each length-delimited field of the message with this tag."""
    at = 0
    while at < len(message):
        begin = at
        key, at = _varint_at(message, at)
        kind = key & 7
        if kind == _VARINT:
            _, at = _varint_at(message, at)
        elif kind in _FIXED:
            at += _FIXED[kind]
        else:
            length, at = _varint_at(message, at)
            if varint(key) == field_tag:
                yield message[:begin], message[at : at + length], message[at + length :]
            at += length


def _varint_at(message: bytes, at: int) -> tuple[int, int]:
    """The varint that begins there, and where it ends."""
    value = shift = 0
    while message[at] > 0x7F:
        value |= (message[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
    return value | message[at] << shift, at + 1
