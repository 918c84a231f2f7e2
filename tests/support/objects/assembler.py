"""WebAssembly by hand: a proxy-wasm filter that adds one header to requests, without a compiler.

(WebAssembly core specification, 5. Binary Format; proxy-wasm ABI 0.2.1.)
"""

from collections.abc import Iterable

_I32 = 0x7F
_FUNCTION, _MEMORY = 0x00, 0x02
_HEAP = 65536
"""Where all memory is that the host asks for: it asks once at a time, and nothing is kept."""
_END = b"\x0b"


def filter_that_adds(name: str, value: str) -> bytes:
    """The module. It adds the header to whatever its configuration is."""
    key_size, value_size = len(name.encode()), len(value.encode())
    added = b"".join(map(_constant, (0, 0, key_size, key_size, value_size)))  # the request's headers, key, value
    return _module(added + b"\x10\x00\x1a" + _constant(0), (name + value).encode())  # call, drop, continue


def filter_that_traps() -> bytes:
    """A module that does what it must not, at every request."""
    return _module(b"\x00", b"-")  # unreachable


def _module(on_request: bytes, text: bytes) -> bytes:
    """A filter that does this with the headers of a request. Its memory begins with the text."""
    types = [_type(5, 1), _type(0, 0), _type(1, 1), _type(2, 0), _type(3, 1)]
    add_header = _text("env") + _text("proxy_add_header_map_value") + bytes([_FUNCTION, 0])
    bodies = {
        "proxy_abi_version_0_2_1": (1, b""),
        "malloc": (2, _constant(_HEAP)),
        "proxy_on_context_create": (3, b""),
        "proxy_on_request_headers": (4, on_request),
    }
    exports = [_text("memory") + bytes([_MEMORY, 0])]
    exports += [_text(one) + bytes([_FUNCTION, index]) for index, one in enumerate(bodies, 1)]
    code = [_sized(b"\x00" + body + _END) for _, body in bodies.values()]
    return b"\0asm\x01\0\0\0" + b"".join(
        (
            _section(1, types),
            _section(2, [add_header]),
            _section(3, [bytes([of]) for of, _ in bodies.values()]),
            _section(5, [b"\x00\x03"]),  # three pages of memory
            _section(7, exports),
            _section(10, code),
            _section(11, [b"\x00" + _constant(0) + _END + _sized(text)]),
        )
    )


def _type(parameters: int, results: int) -> bytes:
    return b"\x60" + _sized(bytes([_I32] * parameters)) + _sized(bytes([_I32] * results))


def _section(number: int, entries: Iterable[bytes]) -> bytes:
    found = list(entries)
    return bytes([number]) + _sized(_number(len(found)) + b"".join(found))


def _text(text: str) -> bytes:
    return _sized(text.encode())


def _sized(data: bytes) -> bytes:
    return _number(len(data)) + data


def _constant(value: int) -> bytes:
    return b"\x41" + _signed(value)


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _signed(value: int) -> bytes:
    """One that is not negative: of its last byte the highest bit of seven is the sign."""
    out = bytearray()
    while value > 0x3F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
