"""Classes of characters, as sets of bytes."""

import string
from collections.abc import Iterable, Mapping
from types import MappingProxyType

ALL = frozenset(range(256))
ANY = ALL - {10, 13}
"""What `.` matches: all that ends no line."""


def _of(text: str) -> frozenset[int]:
    return frozenset(text.encode())


_DIGIT, _SPACE = _of(string.digits), _of(" \t\n\v\f\r")
_WORD = _of(string.ascii_letters + string.digits + "_")
ESCAPES: Mapping[str, frozenset[int]] = MappingProxyType(
    {"d": _DIGIT, "D": ALL - _DIGIT, "s": _SPACE, "S": ALL - _SPACE, "w": _WORD, "W": ALL - _WORD}
)
"""The classes with a backslash."""

POSIX: Mapping[str, frozenset[int]] = MappingProxyType(
    {
        "alnum": _of(string.ascii_letters + string.digits),
        "alpha": _of(string.ascii_letters),
        "blank": _of(" \t"),
        "cntrl": frozenset(range(32)) | {127},
        "d": _DIGIT,
        "digit": _DIGIT,
        "graph": frozenset(range(33, 127)),
        "lower": _of(string.ascii_lowercase),
        "print": frozenset(range(32, 127)),
        "punct": _of(string.punctuation),
        "s": _SPACE,
        "space": _SPACE,
        "upper": _of(string.ascii_uppercase),
        "w": _WORD,
        "xdigit": _of(string.hexdigits),
    }
)
"""The classes in brackets within brackets, of the C locale."""


def folded(found: Iterable[int]) -> frozenset[int]:
    """With each letter also the other case of it."""
    return frozenset(found) | {code ^ 32 for code in found if chr(code) in string.ascii_letters}


def ranges(found: Iterable[int]) -> list[int]:
    """The set as first, last, first, last and so on."""
    listed: list[int] = []
    for code in sorted(found):
        if listed and listed[-1] == code - 1:
            listed[-1] = code
        else:
            listed += [code, code]
    return listed
