"""From a template's text to its nodes."""

import json
import math
from typing import Any, NoReturn

from daemun.inja.errors import TemplateError
from daemun.inja.functions import FUNCTIONS, IMPOSSIBLE, OPERATORS
from daemun.inja.lexer import CLOSE, END, NAME, NUMBER, OPEN, SIGN, STRING, TEXT, Token, words
from daemun.inja.nodes import Block, Call, Expression, For, If, Literal, Output, Set, Statement, Text, Variable

MOST_CHARACTERS = 65536
_DEEPEST = 50
_CONSTANTS = ("true", "false", "null")
_NAMED_OPERATORS = ("and", "or", "in", "not")
_OPENS, _ENDS = ("[", "{"), ("]", "}")


def parse(text: str, pointer: bool = False) -> Block:
    """The nodes of a template. Raises `TemplateError`.

    `pointer`: names are JSON pointers (`time/start`), not parts with dots (`time.start`): Gloo's `advancedTemplates`.
    """
    if len(text) > MOST_CHARACTERS:
        raise TemplateError(f"the template has more than {MOST_CHARACTERS} characters", text, 0)
    if not text.isprintable() and any("\ud800" <= sign <= "\udfff" for sign in text):
        raise TemplateError("the template is no Unicode text", text, 0)
    return _Parser(text, pointer).template()


class _Parser:
    def __init__(self, text: str, pointer: bool) -> None:
        self.text = text
        self.pointer = pointer
        self.tokens = list(words(text, pointer))
        self.next = 0
        self.depth = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.next]

    def step(self) -> Token:
        found = self.token
        self.next = min(self.next + 1, len(self.tokens) - 1)
        return found

    def fail(self, message: str, token: Token | None = None) -> NoReturn:
        raise TemplateError(message, self.text, (token or self.token).position)

    def named(self, name: str) -> bool:
        return self.token.kind == NAME and self.token.text == name

    def sign(self, text: str) -> bool:
        return self.token.kind == SIGN and self.token.text == text

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            self.fail(f"nested more than {_DEEPEST} deep")

    # Statements

    def template(self) -> Block:
        found = self.block(())
        if self.token.kind != END:
            self.fail(f"{self.token.text!r} without what it ends")
        return found

    def block(self, ends: tuple[str, ...]) -> Block:
        """Statements up to one that begins with a word of `ends`, which is left to be read."""
        found: list[Statement] = []
        self.deeper()
        while self.token.kind != END:
            token = self.step()
            if token.kind == TEXT:
                found.append(Text(token.text))
            elif token.kind == OPEN and token.text == "{{":
                found.append(Output(self.expression()))
                self.close(token)
            elif self.token.kind == NAME and self.token.text in ends:
                break
            else:
                found.extend(self.statement(token))
        self.depth -= 1
        return tuple(found)

    def close(self, opened: Token) -> None:
        if self.token.kind == END and opened.text == "##":
            return
        if self.token.kind != CLOSE or self.token.text != opened.text:
            self.fail(f"expected the end of {opened.text}, got {self.token.shown!r}")
        self.step()

    def end(self, opened: Token, word: str) -> None:
        if not self.named(word):
            self.fail(f"{opened.text} without its {word}", opened)
        statement = self.tokens[self.next - 1]
        self.step()
        self.close(statement)

    def statement(self, opened: Token) -> list[Statement]:
        word = self.step()
        if word.kind != NAME:
            self.fail(f"expected a statement, got {word.shown!r}", word)
        if word.text == "if":
            return [self.choice(word, opened)]
        if word.text == "for":
            return [self.loop(word, opened)]
        if word.text == "set":
            return [self.assignment(opened)]
        if word.text == "block":
            if self.step().kind != NAME:
                self.fail("expected the block's name", word)
            self.close(opened)
            body = self.block(("endblock",))
            self.end(word, "endblock")
            return list(body)
        why = ": there are no other templates" if word.text in {"include", "extends"} else " is no statement here"
        return self.fail(word.text + why, word)

    def choice(self, word: Token, opened: Token) -> If:
        condition = self.expression()
        self.close(opened)
        then = self.block(("else", "endif"))
        otherwise: Block = ()
        if self.named("else"):
            statement = self.tokens[self.next - 1]
            self.step()
            if self.named("if"):
                self.deeper()
                nested = self.step()
                otherwise = (self.choice(nested, statement),)
                self.depth -= 1
                return If(condition, then, otherwise)
            self.close(statement)
            otherwise = self.block(("endif",))
        self.end(word, "endif")
        return If(condition, then, otherwise)

    def loop(self, word: Token, opened: Token) -> For:
        key, value = "", self.step()
        if value.kind == NAME and self.sign(","):
            self.step()
            key, value = value.text, self.step()
        if value.kind != NAME:
            self.fail(f"expected a name, got {value.shown!r}", value)
        if not self.named("in"):
            self.fail(f"expected 'in', got {self.token.shown!r}")
        self.step()
        items = self.expression()
        self.close(opened)
        body = self.block(("endfor",))
        self.end(word, "endfor")
        return For(key, value.text, items, body, word.position)

    def assignment(self, opened: Token) -> Set:
        name = self.step()
        if name.kind != NAME:
            self.fail(f"expected a name, got {name.shown!r}", name)
        if not self.sign("="):
            self.fail(f"expected '=', got {self.token.shown!r}")
        self.step()
        value = self.expression()
        self.close(opened)
        return Set(tuple(name.text.replace(".", "/").split("/")), value)

    # Expressions

    def expression(self) -> Expression:
        found = self.optional()
        if found is None:
            self.fail("expected an expression")
        return found

    def optional(self) -> Expression | None:
        """An expression; None where there is none."""
        self.deeper()
        values: list[Expression] = []
        waiting: list[Token] = []
        while (token := self.token).kind not in {CLOSE, END}:
            if self.operator(token):
                self.reduce(values, waiting, token)
                waiting.append(token)
                self.step()
            elif token.kind == SIGN and token.text not in {"(", *_OPENS}:
                break
            else:
                values.append(self.operand())
        self.reduce(values, waiting, None)
        self.depth -= 1
        if len(values) > 1:
            self.fail("expected an operator or the end of the expression", token)
        return values[0] if values else None

    def operator(self, token: Token) -> bool:
        return token.text in OPERATORS and (
            token.kind == SIGN or (token.kind == NAME and token.text in _NAMED_OPERATORS)
        )

    def reduce(self, values: list[Expression], waiting: list[Token], until: Token | None) -> None:
        """Apply the operators that bind more tightly than the one that comes."""
        least = OPERATORS[until.text][1] if until else 0
        while waiting:
            last = waiting[-1]
            operation, binds = OPERATORS[last.text]
            if binds < least or (binds == least and until and until.text == "^"):
                return
            count = 1 if last.text == "not" else 2
            if len(values) < count:
                self.fail(f"{last.text!r} has too few arguments", last)
            arguments = tuple(values[-count:])
            if operation == "member" and not isinstance(arguments[1], Variable):
                self.fail("expected a name after '.'", last)
            values[-count:] = [Call(operation, arguments, last.position)]
            waiting.pop()

    def operand(self) -> Expression:
        token = self.step()
        if token.kind in {STRING, NUMBER}:
            return Literal(self.json(token, token.position + len(token.text)))
        if token.kind == SIGN and token.text in _OPENS:
            return Literal(self.json(token, self.matching(token)))
        if token.kind == SIGN:
            found = self.expression()
            if not self.sign(")"):
                self.fail(f"expected ')', got {self.token.shown!r}")
            self.step()
            return found
        if token.kind != NAME:
            self.fail(f"unexpected {token.text!r}", token)
        if token.text in _CONSTANTS:
            return Literal(json.loads(token.text))
        return self.call(token) if self.sign("(") else self.variable(token)

    def matching(self, opened: Token) -> int:
        level = 1
        while level:
            token = self.step()
            if token.kind in {CLOSE, END}:
                self.fail(f"{opened.text!r} is not closed", opened)
            if token.kind == SIGN:
                level += (token.text in _OPENS) - (token.text in _ENDS)
        return token.position + 1

    def json(self, first: Token, end: int) -> Any:
        written = self.text[first.position : end]
        try:
            found = json.loads(written, parse_constant=_refuse, parse_float=_finite)
            json.dumps(found, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            self.fail(f"{written!r} is no JSON", first)
        return found

    def variable(self, token: Token) -> Variable:
        path = token.text.lstrip("/") if self.pointer else token.text
        parts = path.split("/") if self.pointer else path.replace(".", "/").split("/")
        if any("~" in part.replace("~0", "").replace("~1", "") for part in parts):
            self.fail("in a JSON pointer '~' is followed by 0 or 1", token)
        plain = tuple(part.replace("~1", "/").replace("~0", "~") for part in parts)
        return Variable(token.text, plain, token.position)

    def call(self, name: Token) -> Call:
        arguments: list[Expression] = []
        while True:
            self.step()
            found = self.optional()
            if found is None:
                break
            arguments.append(found)
            if not self.sign(","):
                break
        if not self.sign(")"):
            self.fail(f"expected ')', got {self.token.shown!r}")
        self.step()
        if name.text in IMPOSSIBLE:
            self.fail(f"{name.text}() is not possible: {IMPOSSIBLE[name.text]}", name)
        counts = FUNCTIONS.get(name.text)
        if counts is None:
            self.fail(f"there is no function {name.text}()", name)
        if len(arguments) not in counts:
            needed = " or ".join(str(count) for count in counts)
            self.fail(f"{name.text}() takes {needed} argument{'s' * (counts != (1,))}, not {len(arguments)}", name)
        return Call(name.text, tuple(arguments), name.position)


def _refuse(text: str) -> NoReturn:
    raise ValueError(text)


def _finite(text: str) -> float:
    found = float(text)
    return found if math.isfinite(found) else _refuse(text)
