"""Boolean expressions over the steps of a chain: names, `!`, `&&`, `||` and brackets, `&&` binding tighter than `||`.

What is read is put into a form in which only names are negated, for a reason: a step that cannot tell whether it holds
(its server is down) is then simply one that does not, negated or not, and nothing that leans on it lets anybody in.
"""

from collections.abc import Callable, Iterable, Iterator

import msgspec
import re2

LONGEST = 10_000
"""Characters in an expression."""
DEEPEST = 100
"""Brackets and negations within each other."""
_TOKEN = re2.compile(r"&&|\|\||!|\(|\)|[A-Za-z0-9_.\-/:]+")
_SPACE = " \t\r\n"


class Literal(msgspec.Struct, frozen=True, gc=False):
    """The step of this name must hold, or must not."""

    name: str
    negated: bool = False


class And(msgspec.Struct, frozen=True, gc=False):
    """All must hold, in this order."""

    terms: "tuple[Expression, ...]"


class Or(msgspec.Struct, frozen=True, gc=False):
    """One must hold; they are asked in this order."""

    terms: "tuple[Expression, ...]"


Expression = Literal | And | Or


class ExpressionError(Exception):
    """What is wrong with an expression, and where: the number of a character, from 1."""

    def __init__(self, text: str, position: int) -> None:
        super().__init__(f"{text} at character {position}")
        self.position = position


_Rule = Callable[[bool], Expression]


def parse(text: str, names: Iterable[str]) -> Expression:
    """The expression. Raises ExpressionError for anything else, and for names that there are not."""
    return _Parser(text, frozenset(names)).whole()


def all_of(names: Iterable[str]) -> Expression:
    """What stands for no expression: all must hold, in their order."""
    return And(tuple(Literal(name) for name in names))


class _Parser:
    def __init__(self, text: str, names: frozenset[str]) -> None:
        if len(text) > LONGEST:
            raise ExpressionError(f"there are more than {LONGEST} characters", LONGEST + 1)
        self._names = names
        self._tokens = list(_tokens(text))
        self._at = 0
        self._end = len(text) + 1
        self._depth = 0

    def whole(self) -> Expression:
        found = self._either(negated=False)
        word, position = self._next()
        if word:
            raise ExpressionError(f"{word} is one too many" if word == ")" else f"{word} follows on nothing", position)
        return found

    def _next(self) -> tuple[str, int]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("", self._end)

    def _joined(self, operator: str, negated: bool) -> Iterator[Expression]:
        """The terms between such operators."""
        term = self._both if operator == "||" else self._single
        yield term(negated)
        while self._next()[0] == operator:
            self._at += 1
            yield term(negated)

    def _either(self, negated: bool) -> Expression:
        terms = tuple(self._joined("||", negated))
        return terms[0] if len(terms) == 1 else And(terms) if negated else Or(terms)

    def _both(self, negated: bool) -> Expression:
        terms = tuple(self._joined("&&", negated))
        return terms[0] if len(terms) == 1 else Or(terms) if negated else And(terms)

    def _single(self, negated: bool) -> Expression:
        word, position = self._next()
        self._at += 1
        if word == "!":
            return self._deeper(position, not negated, self._single)
        if word == "(":
            found = self._deeper(position, negated, self._either)
            closing, at = self._next()
            if closing != ")":
                raise ExpressionError("a ) is missing", at)
            self._at += 1
            return found
        if not word or not (word[0].isalnum() or word[0] in "_.-/:"):
            raise ExpressionError("a name is missing", position)
        if word not in self._names:
            raise ExpressionError(f"there is no {word}", position)
        return Literal(word, negated)

    def _deeper(self, position: int, negated: bool, inner: _Rule) -> Expression:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ExpressionError(f"there are more than {DEEPEST} brackets within each other", position)
        found = inner(negated)
        self._depth -= 1
        return found


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    at = 0
    while at < len(text):
        if text[at] in _SPACE:
            at += 1
            continue
        token = _TOKEN.match(text, at)
        if token is None:
            raise ExpressionError(f"{text[at]!r} is no part of an expression", at + 1)
        yield token.group(), at + 1
        at = token.end()
