"""Conditions on headers as expressions of Envoy's (CEL), for the header mutation that does what templates say.

User text is a literal there, with all but letters and digits as escapes, and names of headers are names of copies: of
the first value, as templates see it (CEL would join all of them), behind a sign so that there always is one.
"""

import re
from typing import Any

_READS = ("header", "request_header")
_SIGNS = {"equal": "==", "unequal": "!="}
_JOINS = {"and": "&&", "or": "||"}
_SIGN = "="
_SPECIAL = re.compile(r"[^A-Za-z0-9]")
_NAME = re.compile(r":?[A-Za-z0-9_-]+")
_BLANKS = " \t\r\n"
_TEXT = re.compile(r"[^\x00-\x1f\x7f]*")


class Choice(str):
    """One of several texts, as a format of Envoy's. `copies` are headers that it reads, by where they are copied to."""

    __slots__ = ("copies",)
    copies: dict[str, str]


def choice(program: list[Any], own: str, first: int) -> Choice | None:
    """A template's `if` between texts; None where it is more than that.

    `own`: by which name formats know the headers of the message. `first` is the number of its first copy.
    """
    of = _Expression(own, first)
    text = of.branches(program)
    if text is None:
        return None
    found = Choice(f"%CEL({text})%")
    found.copies = of.copies
    return found


class _Expression:
    def __init__(self, own: str, first: int) -> None:
        self._own = own
        self._headers = "request.headers" if own == "REQ" else "response.headers"
        self._first = first
        self.copies: dict[str, str] = {}

    def branches(self, program: list[Any]) -> str | None:
        _, asked, yes, no = program
        condition, then, otherwise = self._truth(asked), self._text(yes), self._text(no)
        if condition is None or then is None or otherwise is None:
            return None
        return f"({condition} ? {then} : {otherwise})"

    def _text(self, block: list[Any]) -> str | None:
        """A block that is one text, or another choice."""
        if len(block) == 1 and not isinstance(block[0], str) and block[0][0] == "if":
            return self.branches(block[0])
        text = "".join(one for one in block if isinstance(one, str))
        plain = all(isinstance(one, str) for one in block)
        # What would be cut at the ends of a header's value is for the script to cut.
        return _quoted(text) if plain and text == text.strip(_BLANKS) and _TEXT.fullmatch(text) else None

    def _truth(self, program: list[Any]) -> str | None:
        match program:
            case [sign, _, one, other] if sign in _SIGNS:
                left, right = self._value(one), self._value(other)
                return None if left is None or right is None else f"{left} {_SIGNS[sign]} {right}"
            case [join, _, one, other] if join in _JOINS:
                first, second = self._truth(one), self._truth(other)
                return None if first is None or second is None else f"({first} {_JOINS[join]} {second})"
            case ["not", _, one]:
                denied = self._truth(one)
                return None if denied is None else f"!({denied})"
        read = self._read(program)
        return None if read is None else f"{read} != {_quoted(_SIGN)}"

    def _value(self, program: list[Any]) -> str | None:
        match program:
            case ["literal", str(text)]:
                return _quoted(_SIGN + text)
        return self._read(program)

    def _read(self, program: list[Any]) -> str | None:
        match program:
            case [of, _, ["literal", str(name)]] if of in _READS and _NAME.fullmatch(name):
                source = f"{_SIGN}%{self._own if of == 'header' else 'REQ'}({name.lower()})%"
                if source not in self.copies.values():
                    self.copies[f"x-daemun-{self._first + len(self.copies)}"] = source
                held = next(copy for copy, made in self.copies.items() if made == source)
                return f"{self._headers}['{held}']"
        return None


def _quoted(text: str) -> str:
    return "'" + _SPECIAL.sub(lambda found: f"\\U{ord(found[0]):08x}", text) + "'"
