"""Whose name a directory's entry has (RFC 4514).

A directory takes many spellings for one user: `ANN`, `Ann` and `ａｎｎ` are `ann` to it, and `a  b` is `a b`. Whoever
counts or refuses requests by users must be told one of them alone.
"""

import unicodedata
from typing import NamedTuple

_MARK = "\ue000"
"""Where the user is in a template, as a character that no name has."""


class Template:
    """The name of an entry with `%s` in the place of the user's. Raises ValueError if that is not there just once."""

    def __init__(self, text: str) -> None:
        self.before, mark, self.after = text.partition("%s")
        if not mark or "%s" in self.after:
            raise ValueError("the template has not exactly one place for a name")
        self._parts = _split(f"{self.before}{_MARK}{self.after}") or []
        self._at = next((at for at, one in enumerate(self._parts) if _MARK in one.value), -1)

    def user(self, entry: str) -> str:
        """The user in an entry's name, as the directory writes it; empty if that is not of the template."""
        found = _split(entry)
        if found is None or self._at < 0 or len(found) != len(self._parts):
            return ""
        wanted, there = self._parts[self._at], found[self._at]
        first, last = wanted.value.split(_MARK)
        value = there.value
        if there.attribute != wanted.attribute or len(value) <= len(first) + len(last):
            return ""
        if one_form(value[: len(first)]) != one_form(first) or one_form(value[len(value) - len(last) :]) != one_form(
            last
        ):
            return ""
        return value[len(first) : len(value) - len(last)]


def one_form(name: str) -> str:
    """The same for all spellings that a directory takes for one user."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).split())


def comparable(entry: str) -> tuple[tuple[str, str], ...]:
    """The same for all spellings of an entry's name, as `cn=a\\, b` and `CN = a\\2C  b`, and not for another's."""
    parts = _split(entry)
    # What has several attributes in one part, or is none, is compared as text.
    return (("", one_form(entry)),) if parts is None else tuple((one.attribute, one_form(one.value)) for one in parts)


class _Part(NamedTuple):
    attribute: str
    value: str


def _split(name: str) -> list[_Part] | None:
    """The parts of a distinguished name, with escapes undone; None if it is none, or has one with two attributes."""
    found: list[_Part] = []
    attribute, value, at = "", bytearray(), 0
    in_value = False
    while at <= len(name):
        one = name[at : at + 1]
        if in_value and one == "\\":
            pair = name[at + 1 : at + 3]
            if len(pair) == 2 and all(digit in "0123456789abcdefABCDEF" for digit in pair):
                value += bytes.fromhex(pair)
                at += 3
            elif pair:
                value += pair[0].encode()
                at += 2
            else:
                return None
            continue
        if one in ("", ","):
            if not in_value:
                return None
            found.append(_Part(attribute.strip().lower(), value.decode(errors="replace")))
            attribute, value, in_value = "", bytearray(), False
        elif in_value and one in '+"<>;':
            return None
        elif in_value:
            value += one.encode()
        elif one == "=":
            in_value = True
        else:
            attribute += one
        at += 1
    return found
