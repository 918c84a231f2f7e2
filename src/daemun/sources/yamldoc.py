"""YAML and JSON text to plain values, within bounds.

The file may come from anybody. So values are built here from the parser's events, one by one, and the moment a bound
is passed the rest is not looked at: no tag is ever constructed, a key given twice is refused, nesting is bounded, and
what aliases would expand to is counted before anything downstream can expand it (a "billion laughs" file is refused
after a few kilobytes). Aliases share one value, so that even the permitted expansion costs nothing here.
"""

import math
import sys
from typing import Any, NamedTuple

import msgspec
import yaml
from yaml import events
from yaml._yaml import CParser

from daemun.sources import scalars

MAX_DEPTH = 64
MAX_NODES = 1_000_000
MAX_ALIASES = 5_000
ALIAS_BYTES = 4 << 20
"""What the aliases of one document may expand to."""
_NODE_BYTES = 16

_CORE = "tag:yaml.org,2002:"
_STRING_TAGS = ("!", _CORE + "str")
_SCALAR_TAGS = {_CORE + "int": int, _CORE + "float": float | int, _CORE + "bool": bool, _CORE + "null": type(None)}
_COLLECTION_TAGS = (None, "!", _CORE + "map", _CORE + "seq")


class Refused(Exception):  # noqa: N818 - it says what happens to the document
    """The text cannot be used: the line (from 0), what is wrong, and what to do."""

    def __init__(self, line: int, text: str, mend: str = "") -> None:
        super().__init__(text)
        self.line, self.text, self.mend = line, text, mend


class Tree(NamedTuple):
    """One document: its value, the line it starts in (from 0) and what its aliases expand to, in bytes."""

    value: object
    line: int
    aliased: int


class _Missing:
    """Stands for a key that has not been read yet."""


_MISSING: Any = _Missing()


class _Frame:
    """A collection that is being read."""

    __slots__ = ("anchor", "key", "merges", "path", "value", "weight")

    def __init__(self, value: Any, anchor: str | None, weight: int, path: str) -> None:
        self.value, self.anchor, self.weight, self.path = value, anchor, weight, path
        self.key: Any = _MISSING
        self.merges: list[dict[str, object]] | None = None


class _MergeKey:
    """The key `<<`."""


_MERGE: Any = _MergeKey()


class _Builder:
    """Builds the value of one document from its events."""

    def __init__(self, budget: int, lines: dict[str, int] | None) -> None:
        self.budget, self.lines = budget, lines
        self.stack: list[_Frame] = []
        self.anchors: dict[str, tuple[object, int]] = {}
        self.value: Any = None
        self.line = 0
        self.weight = self.aliased = self.aliases = self.nodes = 0

    def scalar(self, event: Any) -> None:
        text, tag = event.value, event.tag
        self.weight += _NODE_BYTES + len(text)
        top = self.stack[-1] if self.stack else None
        if tag is not None:
            value = _tagged(tag, text, event)
        elif event.implicit[0]:
            if text == "<<" and top is not None and top.key is _MISSING and isinstance(top.value, dict):
                self.name(top, _MERGE, event)
                return
            value = scalars.plain(text)
            if type(value) is str:
                value = sys.intern(value)  # thousands of objects name the same few namespaces, kinds and parents
            if not _writable(value):
                raise Refused(event.start_mark.line, f"{text} cannot be written as JSON", "Use a number or quote it.")
        else:
            value = text
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, _NODE_BYTES + len(text))
        self.add(value, event)

    def open(self, event: Any, value: Any) -> None:
        if event.tag not in _COLLECTION_TAGS:
            raise _foreign_tag(event)
        if len(self.stack) >= MAX_DEPTH:
            raise Refused(event.start_mark.line, f"is nested more than {MAX_DEPTH} deep", "Flatten it.")
        if not self.stack:
            self.line = event.start_mark.line
        if event.anchor is not None:
            self.anchors.pop(event.anchor, None)
        self.weight += _NODE_BYTES
        self.stack.append(_Frame(value, event.anchor, self.weight, self.here(event)))

    def close(self, event: Any) -> None:
        frame = self.stack.pop()
        value = frame.value
        for merged in frame.merges or ():
            for key, inner in merged.items():
                value.setdefault(key, inner)
        if frame.anchor is not None:
            self.anchors[frame.anchor] = (value, self.weight - frame.weight + _NODE_BYTES)
        self.add(value, event, known=True)

    def alias(self, event: Any) -> None:
        line = event.start_mark.line
        if event.anchor not in self.anchors:
            inside = any(frame.anchor == event.anchor for frame in self.stack)
            raise Refused(line, f"*{event.anchor} {'contains itself' if inside else 'refers to nothing'}")
        value, weight = self.anchors[event.anchor]
        self.aliases += 1
        self.aliased += weight
        self.weight += weight
        if self.aliased > self.budget or self.aliases > MAX_ALIASES:
            raise Refused(line, "its aliases expand to more than is allowed", "Write the values out.")
        self.add(value, event)

    def add(self, value: Any, event: Any, known: bool = False) -> None:
        """Puts a finished value where it belongs."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise Refused(event.start_mark.line, f"has more than {MAX_NODES:,} values", "Split it with ---.")
        if not self.stack:
            self.value = value
            return
        top = self.stack[-1]
        if not known and self.lines is not None and not (top.key is _MISSING and isinstance(top.value, dict)):
            self.here(event)
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.key is _MISSING:
            self.name(top, value, event)
        elif top.key is _MERGE:
            self.merge(top, value, event)
        else:
            top.value[top.key] = value
            top.key = _MISSING

    def name(self, top: _Frame, value: Any, event: Any) -> None:
        """Takes a key of the mapping on top."""
        line = event.start_mark.line
        if value is _MERGE:
            if top.merges is not None:
                raise Refused(line, "the key '<<' is given twice", "Merge a list: <<: [*a, *b].")
            top.key = _MERGE
            return
        key = scalars.key(value)
        if key is None:
            raise Refused(line, "a key must be text", "Quote it.")
        if key in top.value:
            raise Refused(line, f"the key {key[:80]!r} is given twice", "Remove one of them.")
        top.key = key
        top.value[key] = None
        if self.lines is not None:
            self.lines[f"{top.path}.{key}" if top.path else key] = line

    def merge(self, top: _Frame, value: Any, event: Any) -> None:
        merged = value if isinstance(value, list) else [value]
        if not all(isinstance(each, dict) for each in merged):
            raise Refused(event.start_mark.line, "'<<' must be given a mapping or a list of mappings")
        top.merges, top.key = merged, _MISSING

    def here(self, event: Any) -> str:
        """The path of the value that starts at this event. Known only when lines are asked for."""
        if self.lines is None or not self.stack:
            return ""
        top = self.stack[-1]
        if isinstance(top.value, list):
            path = f"{top.path}[{len(top.value)}]"
            self.lines[path] = event.start_mark.line
            return path
        if not isinstance(top.key, str):
            return top.path
        return f"{top.path}.{top.key}" if top.path else top.key


def _tagged(tag: str, text: str, event: Any) -> object:
    if tag in _STRING_TAGS:
        return text
    value = scalars.plain(text)
    if tag in _SCALAR_TAGS and isinstance(value, _SCALAR_TAGS[tag]) and _writable(value):
        return value
    raise _foreign_tag(event)


def _writable(value: object) -> bool:
    """Whether the value exists in JSON: infinity and NaN do not."""
    return not isinstance(value, float) or math.isfinite(value)


def _foreign_tag(event: Any) -> Refused:
    return Refused(event.start_mark.line, f"the tag {event.tag[:80]!r} is not allowed here", "Remove the tag.")


def trees(text: bytes, budget: int = ALIAS_BYTES, lines: dict[str, int] | None = None) -> list[Tree]:
    """The documents in a YAML text. `lines`, when given, is filled with the line of every field of the last one.

    Raises Refused for what is no YAML, or is not allowed.
    """
    found: list[Tree] = []
    try:
        parser = CParser(text)
        builder = _Builder(budget, lines)
        while (event := parser.get_event()) is not None:
            kind = type(event)
            if kind is events.ScalarEvent:
                builder.scalar(event)
            elif kind is events.MappingStartEvent:
                builder.open(event, {})
            elif kind is events.SequenceStartEvent:
                builder.open(event, [])
            elif kind in (events.MappingEndEvent, events.SequenceEndEvent):
                builder.close(event)
            elif kind is events.AliasEvent:
                builder.alias(event)
            elif kind is events.DocumentStartEvent:
                builder = _Builder(budget, lines)
                if lines is not None:
                    lines.clear()
            elif kind is events.DocumentEndEvent:
                found.append(Tree(builder.value, builder.line, builder.aliased))
                budget -= builder.aliased
    except yaml.MarkedYAMLError as error:
        mark: Any = error.problem_mark or error.context_mark
        tabs = "Indent with spaces, not tabs." if "cannot start any token" in str(error.problem) else ""
        line = mark.line if mark is not None else 0
        raise Refused(line, f"is not YAML: {error.problem or error.context}", tabs) from None
    except (yaml.YAMLError, ValueError) as error:
        raise Refused(0, f"is not YAML: {str(error).splitlines()[0]}") from None
    return found


def value(text: str) -> object:
    """The value of a YAML text that is one document, or none at all. Raises ValueError for any other."""
    try:
        found = trees(text.encode())
    except Refused as refused:
        raise ValueError(refused.text) from None
    if len(found) > 1:
        raise ValueError("is more than one YAML document")
    return found[0].value if found else None


def json_value(text: bytes) -> object:
    """The value of a JSON text. Raises Refused for what is none, or nested too deep."""
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        at = str(error).rpartition("(byte ")[2].rstrip(")")
        line = text.count(b"\n", 0, int(at)) if at.isdigit() else 0
        raise Refused(line, f"is not JSON: {error}") from None
    except RecursionError:
        raise Refused(0, f"is nested more than {MAX_DEPTH} deep", "Flatten it.") from None
    level, depth = [value], 0
    while level:
        depth += 1
        inner = [each for each in level if isinstance(each, dict | list)]
        level = [item for each in inner for item in (each.values() if isinstance(each, dict) else each)]
    if depth > MAX_DEPTH + 1:
        raise Refused(0, f"is nested more than {MAX_DEPTH} deep", "Flatten it.")
    return value


def lines_of(text: bytes) -> dict[str, int]:
    """The line (from 0) of every field in the last document of the text, by its path."""
    lines: dict[str, int] = {}
    try:
        trees(text, lines=lines)
    except Refused:  # JSON that is not YAML, or more aliases than one document may have
        return {}
    return lines


def nearest(lines: dict[str, int], where: str, otherwise: int) -> int:
    """The line of the field, or of the nearest thing around it."""
    while where:
        if where in lines:
            return lines[where]
        where = where[: max(where.rfind("."), where.rfind("["), 0)]
    return otherwise
