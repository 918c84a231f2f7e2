"""ASN.1's basic encoding (X.690), with definite lengths, as LDAP uses it (RFC 4511, 5.1)."""

from collections.abc import Iterator

BOOLEAN, INTEGER, OCTETS, ENUMERATED, SEQUENCE, SET = 0x01, 0x02, 0x04, 0x0A, 0x30, 0x31


class BerError(Exception):
    """These bytes are none."""


def element(tag: int, *contents: bytes) -> bytes:
    """A tag, the length of the contents joined, and they."""
    body = b"".join(contents)
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


def integer(value: int, tag: int = INTEGER) -> bytes:
    """A number that is not negative."""
    return element(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def text(value: str | bytes, tag: int = OCTETS) -> bytes:
    """A string."""
    return element(tag, value if isinstance(value, bytes) else value.encode())


def elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The tags and contents of what is joined in the data. Raises BerError."""
    at = 0
    while at < len(data):
        tag = data[at]
        size, at = _length(data, at + 1)
        if tag & 0x1F == 0x1F or at + size > len(data):
            raise BerError
        yield tag, data[at : at + size]
        at += size


def number(data: bytes) -> int:
    """The value of an integer."""
    return int.from_bytes(data, "big", signed=True)


def _length(data: bytes, at: int) -> tuple[int, int]:
    if at >= len(data):
        raise BerError
    first = data[at]
    if first < 0x80:
        return first, at + 1
    count = first & 0x7F
    if not 0 < count <= 4 or at + 1 + count > len(data):
        raise BerError
    return int.from_bytes(data[at + 1 : at + 1 + count], "big"), at + 1 + count
