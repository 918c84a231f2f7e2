"""From nodes to a program: plain lists of strings, numbers and lists, which the runtime in Envoy builds its work from.

A program holds no code. The first string of a list names one of the runtime's operations; all else are its operands.
"""

from collections.abc import Iterable
from typing import Any

from daemun.inja.errors import TemplateError, location
from daemun.inja.nodes import Block, Call, Expression, For, If, Literal, Output, Set, Statement, Text, Variable

Program = list[Any]
"""Lists, strings, numbers, booleans and null, as in JSON."""


def template_program(block: Block, text: str, env: Iterable[str] = ()) -> Program:
    """The program of a template. `env`: the proxy's environment variables that templates may read.

    Raises `TemplateError` for a variable that they may not.
    """
    return _Writer(text, tuple(sorted(env))).block(block)


class _Writer:
    def __init__(self, text: str, env: tuple[str, ...]) -> None:
        self.text = text
        self.env = env

    def place(self, position: int) -> str:
        line, column = location(self.text, position)
        return f"{line}:{column}"

    def block(self, block: Block) -> Program:
        return [self.statement(one) for one in block]

    def statement(self, one: Statement) -> str | Program:
        match one:
            case Text(text):
                return text
            case Output(expression):
                return ["out", self.expression(expression)]
            case If(condition, then, otherwise):
                return ["if", self.expression(condition), self.block(then), self.block(otherwise)]
            case For(key, value, items, body, position):
                return ["for", self.place(position), key, value, self.expression(items), self.block(body)]
            case Set(path, expression):
                return ["set", list(path), self.expression(expression)]

    def expression(self, one: Expression) -> Program:
        match one:
            case Literal(value):
                return ["literal", value]
            case Variable(name, path, position):
                return ["variable", self.place(position), name, list(path)]
            case Call("member", (container, Variable(name)), position):
                return ["member", self.place(position), self.expression(container), name]
            case Call("env", (name,), position):
                if isinstance(name, Literal) and name.value not in self.env:
                    raise TemplateError(f"env(): templates may not read {name.value!r}", self.text, position)
                return ["env", self.place(position), self.expression(name), list(self.env)]
            case Call(operation, arguments, position):
                return [operation, self.place(position), *(self.expression(argument) for argument in arguments)]
