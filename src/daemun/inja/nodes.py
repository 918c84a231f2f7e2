"""The nodes of a template. Positions are those of its text, and count characters from 0."""

from typing import Any, TypeAlias

import msgspec


class Literal(msgspec.Struct, frozen=True):
    """A value that is written in the template, in JSON."""

    value: Any


class Variable(msgspec.Struct, frozen=True):
    """A value that is looked for: what the template has set itself, then the body's JSON, then a function's result."""

    name: str
    path: tuple[str, ...]
    position: int


class Call(msgspec.Struct, frozen=True):
    """A function or an operator, by the name of its operation in the runtime."""

    operation: str
    arguments: "tuple[Expression, ...]"
    position: int


Expression: TypeAlias = Literal | Variable | Call


class Text(msgspec.Struct, frozen=True):
    """Text that stays as it is."""

    text: str


class Output(msgspec.Struct, frozen=True):
    """An expression whose value is written."""

    expression: Expression


class If(msgspec.Struct, frozen=True):
    """One of two blocks."""

    condition: Expression
    then: "Block"
    otherwise: "Block"


class For(msgspec.Struct, frozen=True):
    """A block for each element of an array, or with a `key` for each member of an object."""

    key: str
    value: str
    items: Expression
    body: "Block"
    position: int


class Set(msgspec.Struct, frozen=True):
    """A variable of the template itself."""

    path: tuple[str, ...]
    expression: Expression


Statement: TypeAlias = Text | Output | If | For | Set
Block: TypeAlias = tuple[Statement, ...]
