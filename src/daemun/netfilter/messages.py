"""Messages of netlink for nftables, as bytes (Linux, uapi/linux/netfilter/nf_tables.h). Pure."""

import struct
from collections.abc import Iterable, Iterator

NLMSG_ERROR = 2
_REQUEST, _ACK, _CREATE, _APPEND = 1, 4, 0x400, 0x800
_BEGIN, _END, _NFTABLES = 0x10, 0x11, 10
_NEW_TABLE, _DELETE_TABLE, _NEW_CHAIN, _NEW_RULE = 0, 2, 3, 6
_IPV4 = 2
_NESTED = 0x8000
_OUTPUT, _DSTNAT = 3, -100
_REGISTER, _VERDICT = 1, 0
_EQUAL = 0
_KEY_SKUID, _KEY_L4PROTO = 10, 16
_NETWORK_HEADER, _DESTINATION = 1, 16
_LOOPBACK_BYTE, _TCP = 127, 6
_ACCEPT = 1
_TO_PORT = 2  # NF_NAT_RANGE_PROTO_SPECIFIED
_CHAIN = "output"


def replaced(table: str, port: int, user: int) -> bytes:
    """One transaction: a table of this name with rules that redirect to the port, in the place of any before.

    All TCP connections over IPv4 that begin here and are not for the loopback; but those of a user, the proxy's.
    """
    rules = (
        [_meta(_KEY_SKUID), _compare(struct.pack("=I", user)), _accept()],
        [_payload(_NETWORK_HEADER, _DESTINATION, 1), _compare(bytes([_LOOPBACK_BYTE])), _accept()],
        [_meta(_KEY_L4PROTO), _compare(bytes([_TCP])), _immediate(struct.pack(">H", port)), _redirect()],
    )
    chain = b"".join(
        [
            _text(1, table),
            _text(3, _CHAIN),
            _nested(4, _number(1, _OUTPUT) + _number(2, _DSTNAT)),
            _text(7, "nat"),
        ]
    )
    return _transaction(
        [
            *_anew(table),
            (_NEW_CHAIN, _CREATE, chain),
            *(
                (_NEW_RULE, _CREATE | _APPEND, _text(1, table) + _text(2, _CHAIN) + _nested(4, b"".join(rule)))
                for rule in rules
            ),
        ]
    )


def removed(table: str) -> bytes:
    """One transaction: no table of this name, whether there was one or not."""
    return _transaction([*_anew(table), (_DELETE_TABLE, 0, _text(1, table))])


def acknowledged(transaction: bytes) -> int:
    """How many messages of a transaction the kernel answers."""
    return sum(1 for _, flags in _headers(transaction) if flags & _ACK)


def faults(data: bytes) -> Iterator[int]:
    """The error numbers in what the kernel answers; zero for what was done."""
    at = 0
    while at + 20 <= len(data):
        length, kind = struct.unpack_from("=IH", data, at)
        if kind == NLMSG_ERROR:
            yield -struct.unpack_from("=i", data, at + 16)[0]
        at += max((length + 3) & ~3, 16)


def _headers(data: bytes) -> Iterator[tuple[int, int]]:
    at = 0
    while at < len(data):
        length, kind, flags = struct.unpack_from("=IHH", data, at)
        yield kind, flags
        at += length


def _anew(table: str) -> list[tuple[int, int, bytes]]:
    """A table that was not there a moment ago; only one that is there can be deleted."""
    name = _text(1, table)
    return [(_NEW_TABLE, _CREATE, name), (_DELETE_TABLE, 0, name), (_NEW_TABLE, _CREATE, name)]


def _transaction(messages: Iterable[tuple[int, int, bytes]]) -> bytes:
    made = [(_NFTABLES << 8 | kind, flags | _ACK, _IPV4, body) for kind, flags, body in messages]
    made = [(_BEGIN, 0, 0, b""), *made, (_END, 0, 0, b"")]
    return b"".join(_message(sequence, *one) for sequence, one in enumerate(made))


def _message(sequence: int, kind: int, flags: int, family: int, body: bytes) -> bytes:
    resource = _NFTABLES if kind in {_BEGIN, _END} else 0
    body = struct.pack(">BBH", family, 0, resource) + body
    return struct.pack("=IHHII", 16 + len(body), kind, _REQUEST | flags, sequence, 0) + body


def _attribute(kind: int, value: bytes) -> bytes:
    length = 4 + len(value)
    return struct.pack("=HH", length, kind) + value + bytes(-length % 4)


def _nested(kind: int, value: bytes) -> bytes:
    return _attribute(kind | _NESTED, value)


def _text(kind: int, value: str) -> bytes:
    return _attribute(kind, value.encode() + b"\0")


def _number(kind: int, value: int) -> bytes:
    return _attribute(kind, struct.pack(">i", value))


def _expression(name: str, value: bytes) -> bytes:
    return _nested(1, _text(1, name) + _nested(2, value))


def _meta(key: int) -> bytes:
    return _expression("meta", _number(1, _REGISTER) + _number(2, key))


def _payload(base: int, offset: int, length: int) -> bytes:
    return _expression("payload", _number(1, _REGISTER) + _number(2, base) + _number(3, offset) + _number(4, length))


def _compare(value: bytes) -> bytes:
    data = _nested(3, _attribute(1, value))
    return _expression("cmp", _number(1, _REGISTER) + _number(2, _EQUAL) + data)


def _accept() -> bytes:
    verdict = _nested(2, _nested(2, _number(1, _ACCEPT)))
    return _expression("immediate", _number(1, _VERDICT) + verdict)


def _immediate(value: bytes) -> bytes:
    return _expression("immediate", _number(1, _REGISTER) + _nested(2, _attribute(1, value)))


def _redirect() -> bytes:
    return _expression("redir", _number(1, _REGISTER) + _number(2, _REGISTER) + _number(3, _TO_PORT))
