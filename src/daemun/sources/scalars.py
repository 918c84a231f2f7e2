"""What a plain YAML scalar means, as Kubernetes reads it.

Kubernetes turns YAML into JSON with a YAML 1.1 reader whose corner cases differ from PyYAML's: `y` and `n` are
booleans, `1:30` and dates are strings, `0o17` and `017` are octal, `1_000` is a thousand and 1e3 is the integer 1000.
A manifest must mean the same in a folder as in a cluster, so those rules are written out here.
"""

import math
import re

_WORDS: dict[str, object] = {"": None, "~": None}
for _word, _value in (
    ("null", None), ("y", True), ("yes", True), ("true", True), ("on", True),
    ("n", False), ("no", False), ("false", False), ("off", False),
    (".nan", math.nan), (".inf", math.inf), ("+.inf", math.inf), ("-.inf", -math.inf),
):  # fmt: skip
    _WORDS |= {_word: _value, _word.upper(): _value, _word.capitalize(): _value}
_WORDS |= {".NaN": math.nan, ".Inf": math.inf, "+.Inf": math.inf, "-.Inf": -math.inf}

_HINTS = frozenset("+-.0123456789~yYnNtTfFoO")
"""No plain scalar that starts with another character is anything but a string."""
_INTEGER = re.compile(
    r"(?P<sign>[+-]?)(?:0[xX](?P<hex>[0-9a-fA-F]{1,16})|0[bB](?P<bin>[01]{1,64})|0[oO]?(?P<oct>[0-7]{1,22})"
    r"|(?P<dec>0|[1-9][0-9]{0,19}))"
)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_BASES = {"hex": 16, "bin": 2, "oct": 8, "dec": 10}
_LOWEST, _HIGHEST = -(1 << 63), 1 << 64
_EXACT = 1e15
"""Below this a float without a fraction is an integer when written as JSON."""


def plain(text: str) -> object:
    """The value of an unquoted scalar."""
    if text and text[0] not in _HINTS:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if text[0].isalpha() or text[0] == "~":
        return text
    return _number(text)


def _number(text: str) -> object:
    digits = text.replace("_", "")
    whole = _INTEGER.fullmatch(digits)
    if whole is not None and whole.lastgroup is not None:
        value = int(whole[whole.lastgroup], _BASES[whole.lastgroup])
        value = -value if whole["sign"] == "-" else value
        if _LOWEST <= value < _HIGHEST:
            return value
    if _FLOAT.fullmatch(digits) is None:
        return text
    number = float(digits)
    if math.isinf(number):
        return text
    return int(number) if number.is_integer() and abs(number) < _EXACT else number


def key(value: object) -> str | None:
    """A scalar as the key of a JSON object. None when it cannot be one."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else None
