"""The rules that Envoy's own messages bear (protoc-gen-validate): what they say of a message, without asking an Envoy.

Envoy refuses a whole resource for one number that is out of bounds. Whoever turns user's numbers into its messages can
tell beforehand which it is. What the rules cannot say, such as whether a regex compiles, is not known here.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from google.protobuf import any_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from validate import validate_pb2

from daemun.features.times import LONGEST

_SCALARS = ("float", "double", "int32", "int64", "uint32", "uint64", "string", "bytes", "enum")
_BOUNDS: tuple[tuple[str, str, Callable[[Any, Any], bool]], ...] = (
    ("gt", "must be more than", lambda value, bound: value > bound),
    ("gte", "must be at least", lambda value, bound: value >= bound),
    ("lt", "must be less than", lambda value, bound: value < bound),
    ("lte", "must be at most", lambda value, bound: value <= bound),
)
_LENGTHS: tuple[tuple[str, str, Callable[[int, int], bool]], ...] = (
    ("min_len", "characters at least", lambda length, bound: length >= bound),
    ("min_bytes", "bytes at least", lambda length, bound: length >= bound),
    ("max_len", "characters at most", lambda length, bound: length <= bound),
    ("max_bytes", "bytes at most", lambda length, bound: length <= bound),
)
_WRAPPERS = "google.protobuf."
_MOST_SECONDS = LONGEST // 10**9
_LINE_BREAKS = frozenset("\0\r\n")

Broken = tuple[str, str]
"""The path of a field by its names in JSON, and what is wrong there."""


def broken(message: Message, path: str = "") -> Iterator[Broken]:
    """Every rule that the message, or one within it, breaks."""
    if isinstance(message, any_pb2.Any):
        inner = _unpacked(message)
        if inner is not None:
            yield from broken(inner, path)
        return
    plan = _plan(message.DESCRIPTOR)
    for oneof, text in plan.oneofs:
        if not message.WhichOneof(oneof):
            yield path, text
    for field in plan.always:
        yield from _field(message, field, f"{path}.{field.json_name}" if path else field.json_name)
    for field, _ in message.ListFields():
        if field.name in plan.if_set:
            yield from _field(message, field, f"{path}.{field.json_name}" if path else field.json_name)


class _Plan(msgspec.Struct, frozen=True):
    """What has to be looked at in a message of a kind: oneofs that must be chosen, fields in any case, and if set."""

    oneofs: tuple[tuple[str, str], ...]
    always: tuple[Any, ...]
    if_set: frozenset[str]


@functools.cache
def _plan(descriptor: Any) -> _Plan:
    oneofs = tuple(
        (oneof.name, "one of " + ", ".join(field.json_name for field in oneof.fields) + " must be given")
        for oneof in descriptor.oneofs
        if oneof.GetOptions().Extensions[validate_pb2.required]
    )
    always, if_set = [], set()
    for field in descriptor.fields:
        ruled = field.GetOptions().HasExtension(validate_pb2.rules)
        # A scalar outside a oneof is always there, and of one in a oneof the rules hold if it is the one chosen.
        scalar = field.message_type is None and not field.is_repeated and field.containing_oneof is None
        if ruled and (scalar or _must_be(field)):
            always.append(field)
        elif ruled or field.message_type is not None:
            if_set.add(field.name)
    return _Plan(oneofs, tuple(always), frozenset(if_set))


@functools.cache
def _rules(field: Any) -> Any:
    return field.GetOptions().Extensions[validate_pb2.rules]


def _must_be(field: Any) -> bool:
    """Whether there must be one; of a message of a oneof that is said of the oneof."""
    rules = _rules(field)
    required = rules.message.required or rules.duration.required or rules.any.required
    return bool(rules.repeated.min_items or (required and field.containing_oneof is None))


def _unpacked(packed: any_pb2.Any) -> Message | None:
    """What is in an Any, if its type is one that is known here."""
    try:
        kind = descriptor_pool.Default().FindMessageTypeByName(packed.type_url.rpartition("/")[2])
        found = message_factory.GetMessageClass(kind)()
        packed.Unpack(found)
    except (KeyError, DecodeError):
        return None
    return found


def _field(message: Message, field: Any, path: str) -> Iterator[Broken]:
    rules = _rules(field)
    value = getattr(message, field.name)
    if field.is_repeated:
        yield from _many(field, rules, value, path)
    elif field.type != FieldDescriptor.TYPE_MESSAGE:
        yield from _scalar(rules, value, path)
    elif message.HasField(field.name):
        yield from _one(rules, value, path)
    else:
        yield path, "must be given"


def _one(rules: Any, value: Any, path: str) -> Iterator[Broken]:
    """A message that is there: a number that may be absent, a duration, or one with rules of its own."""
    name = value.DESCRIPTOR.full_name
    if name == f"{_WRAPPERS}Duration":
        if abs(value.seconds) > _MOST_SECONDS:
            yield path, f"must be at most {_MOST_SECONDS}s (it is {_seconds(value)})"
        yield from _bounds(rules.duration, value, path, lambda one: one.seconds * 10**9 + one.nanos, _seconds)
    elif name.startswith(_WRAPPERS) and name.endswith("Value"):
        yield from _scalar(rules, value.value, path)
    elif not name.startswith(_WRAPPERS) or isinstance(value, any_pb2.Any):
        yield from () if rules.message.skip else broken(value, path)


def _many(field: Any, rules: Any, values: Any, path: str) -> Iterator[Broken]:
    least, most = rules.repeated.min_items, rules.repeated.max_items
    if len(values) < least:
        yield path, f"must have {least} at least"
    if most and len(values) > most:
        yield path, f"must have {most} at most"
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        if field.message_type.fields_by_name["value"].message_type is not None:
            for key, value in values.items():
                yield from _one(rules.map.values, value, f"{path}.{key}")
        return
    for index, value in enumerate(values):
        here = f"{path}[{index}]"
        inner = rules.repeated.items
        yield from _one(inner, value, here) if isinstance(value, Message) else _scalar(inner, value, here)


def _scalar(rules: Any, value: Any, path: str) -> Iterator[Broken]:
    kind = rules.WhichOneof("type")
    if kind not in _SCALARS:
        return
    found = getattr(rules, kind)
    if kind in {"string", "bytes"}:
        yield from _text(found, value, path)
    elif kind == "enum":
        if value in found.not_in:
            yield path, "is a value that cannot be used here"
    else:
        yield from _bounds(found, value, path, lambda one: one, _number)


def _bounds(
    rules: Any, value: Any, path: str, size: Callable[[Any], Any], shown: Callable[[Any], str]
) -> Iterator[Broken]:
    for name, text, holds in _BOUNDS:
        if rules.HasField(name) and not holds(size(value), size(getattr(rules, name))):
            yield path, f"{text} {shown(getattr(rules, name))} (it is {shown(value)})"


def _text(rules: Any, value: Any, path: str) -> Iterator[Broken]:
    if not value and rules.ignore_empty:
        return
    for name, text, holds in _LENGTHS:
        bound = getattr(rules, name, 0)
        length = len(value.encode()) if "bytes" in name and isinstance(value, str) else len(value)
        if bound and not holds(length, bound):
            yield path, f"must have {bound} {text}"
    known = getattr(rules, "in")
    if known and value not in known:
        yield path, f"{value!r} is none of {', '.join(map(str, known))}"
    if isinstance(value, str) and rules.WhichOneof("well_known") == "well_known_regex" and _LINE_BREAKS & set(value):
        yield path, "must not have line breaks in it"


def _number(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _seconds(value: Any) -> str:
    return f"{(value.seconds * 10**9 + value.nanos) / 10**9:g}s"
