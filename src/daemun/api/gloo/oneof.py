"""Protobuf's oneofs: of some fields at most one may be set. Messages say which in `ONE_OF`, and here it is checked."""

import functools
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import msgspec

Broken = tuple[str, str]


def one_of_each(value: msgspec.Struct, where: str = "") -> Iterator[Broken]:
    """Where, in a value and all within it, several fields of a oneof are set, and which."""
    plan = _plan(type(value))
    for group in plan.groups:
        given = [plan.names[attribute] for attribute in group if getattr(value, attribute) is not None]
        if len(given) > 1:
            yield where, f"{' and '.join(given)} exclude each other: set one of {', '.join(given)}"
    for attribute in plan.within:
        name = plan.names[attribute]
        yield from _within(f"{where}.{name}" if where else name, getattr(value, attribute))


def _within(where: str, value: object) -> Iterator[Broken]:
    if isinstance(value, msgspec.Struct):
        yield from one_of_each(value, where)
    elif isinstance(value, tuple):
        for at, inner in enumerate(value):
            yield from _within(f"{where}[{at}]", inner)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _within(f"{where}.{key}", inner)


class _Plan(msgspec.Struct, frozen=True):
    """What is to be looked at in a message: its own groups, and the fields that hold messages."""

    groups: tuple[tuple[str, ...], ...]
    within: tuple[str, ...]
    names: Mapping[str, str]


@functools.cache
def _plan(message: type[msgspec.Struct]) -> _Plan:
    fields = msgspec.structs.fields(message)
    return _Plan(
        getattr(message, "ONE_OF", ()),
        tuple(field.name for field in fields if _holds_messages(field.type)),
        {field.name: field.encode_name for field in fields},
    )


def _holds_messages(annotation: Any) -> bool:
    if isinstance(annotation, type):
        return issubclass(annotation, msgspec.Struct)
    return any(_holds_messages(argument) for argument in get_args(annotation))
