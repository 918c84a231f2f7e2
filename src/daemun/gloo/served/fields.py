"""Which fields of Gloo's messages are served, and why the others are not.

Whoever serves a field says so in a `Fields`, next to the code that serves it. Statuses (a field that is set but not
served is a warning, never silence) and the tables in the docs are both made from that.
"""

import functools
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec
from msgspec import NODEFAULT, UNSET

from daemun.gatewayapi.findings import Finding

NOT_SERVED = "NotServed"
"""The reason of a finding about a field that is set but not served."""


class Fields(msgspec.Struct, frozen=True):
    """Fields of a message by their names in the API: those that are served, and why each other is not.

    What is `moot` is about something that Daemun does not have: it does nothing, and setting it is no mistake. Several
    may speak of one message, a family of fields in each.
    """

    message: type[msgspec.Struct]
    served: tuple[str, ...] = ()
    unserved: Mapping[str, str] = MappingProxyType({})
    moot: tuple[str, ...] = ()


class Row(NamedTuple):
    """A field as the docs list it. `why_not` is empty for one that is served, or moot."""

    message: type[msgspec.Struct]
    field: str
    why_not: str
    moot: bool = False


class Served:
    """What is served of some messages, put together of what each family of fields says.

    A message that nobody speaks of is served as a whole wherever a field that is served has it.
    """

    def __init__(self, tables: Iterable[Fields]) -> None:
        self._reasons: dict[type[msgspec.Struct], dict[str, str]] = {}
        self._moot: set[tuple[type[msgspec.Struct], str]] = set()
        for table in tables:
            reasons = self._reasons.setdefault(table.message, {})
            reasons.update(dict.fromkeys((*table.served, *table.moot), ""))
            reasons.update(table.unserved)
            self._moot.update((table.message, name) for name in table.moot)

    def unserved(self, value: object, where: str) -> Iterator[Finding]:
        """A finding for each field that is set below `where` but not served."""
        if isinstance(value, tuple):
            for index, one in enumerate(value):
                yield from self.unserved(one, f"{where}[{index}]")
        elif isinstance(value, dict):
            for key, one in value.items():
                yield from self.unserved(one, f"{where}.{key}")
        elif isinstance(value, msgspec.Struct):
            yield from self._fields(value, where)

    def _fields(self, value: msgspec.Struct, where: str) -> Iterator[Finding]:
        reasons = self._reasons.get(type(value))
        for attribute, name, unset in _plan(type(value)):
            held = getattr(value, attribute)
            if held is None or held is UNSET or held == unset:
                continue
            here = f"{where}.{name}" if where else name
            reason = "" if reasons is None else reasons.get(name, "nobody has come to it yet")
            if reason:
                yield Finding(NOT_SERVED, here, f"is not served: {reason}", "It has no effect; remove it.")
            else:
                yield from self.unserved(held, here)

    def rows(self) -> Iterator[Row]:
        """Every field of the messages that somebody speaks of, in the order of the API."""
        for message, reasons in self._reasons.items():
            for field in msgspec.structs.fields(message):
                name = field.encode_name
                why_not = reasons.get(name, "nobody has come to it yet")
                yield Row(message, name, why_not, (message, name) in self._moot)

    def undecided(self) -> Iterator[str]:
        """Fields that are said to be there and are not, or are there and nobody has said anything about them."""
        for message, reasons in self._reasons.items():
            there = {field.encode_name for field in msgspec.structs.fields(message)}
            for name in sorted(there ^ reasons.keys()):
                yield f"{message.__name__}.{name}"


@functools.cache
def _plan(message: type[msgspec.Struct]) -> tuple[tuple[str, str, object], ...]:
    """The fields of a message: the attribute, the name in the API, and what it is where nobody wrote it."""
    found = []
    for field in msgspec.structs.fields(message):
        made = None if field.default_factory is NODEFAULT else field.default_factory()
        unset = made if field.default is NODEFAULT else field.default
        found.append((field.name, field.encode_name, unset))
    return tuple(found)


def table(served: Served, message: type[msgspec.Struct], title: str) -> str:
    """The fields of a message as the docs have them, in Markdown: those that are served, and why each other is not."""
    rows = [one for one in served.rows() if one.message is message]
    good = ", ".join(f"`{one.field}`" for one in rows if not one.why_not and not one.moot)
    moot = ", ".join(f"`{one.field}`" for one in rows if one.moot)
    lines = ["|  | fields |", "|---|---|"]
    lines += [f"| {what} | {fields} |" for what, fields in (("served", good), ("of no use here", moot)) if fields]
    reasons: dict[str, list[str]] = {}
    for one in rows:
        if one.why_not:
            reasons.setdefault(one.why_not, []).append(f"`{one.field}`")
    lines += [f"| not served: {why} | {', '.join(fields)} |" for why, fields in reasons.items()]
    return f"### {title}\n\n" + "\n".join(lines) + "\n"
