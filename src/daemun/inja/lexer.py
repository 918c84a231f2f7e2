"""The words of a template."""

from collections.abc import Callable, Iterator

import msgspec

from daemun.inja.errors import TemplateError

TEXT, OPEN, CLOSE, END = "text", "open", "close", "end"
STRING, NUMBER, NAME, SIGN = "string", "number", "name", "sign"

_EXPRESSION, _STATEMENT, _LINE = "{{", "{%", "##"
_CLOSES = {_EXPRESSION: "}}", _STATEMENT: "%}", _LINE: "\n"}
_BLANK = " \t\n\r"
_TWO = ("==", "!=", ">=", "<=")
_ONE = "+-*/^%.,:()[]{}><="
_SPACES = " \t"


class Token(msgspec.Struct, frozen=True):
    """A word. The `text` of OPEN and of CLOSE is the sign that opens, so that it is known what must be closed."""

    kind: str
    text: str
    position: int

    @property
    def shown(self) -> str:
        """The word for a message."""
        return "the end" if self.kind == END else _CLOSES[self.text] if self.kind == CLOSE else self.text


def words(text: str, pointer: bool) -> Iterator[Token]:
    """The words of a template, the last of kind END. `pointer`: names may be JSON pointers, with escapes by `~`."""
    return _Lexer(text, pointer).words()


class _Lexer:
    def __init__(self, text: str, pointer: bool) -> None:
        self.text = text
        self.place = 1 if text.startswith("\ufeff") else 0
        self.inside_name = "./_-~" if pointer else "./_-"

    def words(self) -> Iterator[Token]:
        while self.place < len(self.text):
            yield from self._plain()
            if self.place >= len(self.text):
                break
            if self.text.startswith("{#", self.place):
                self._comment()
                continue
            opened = self.text[self.place : self.place + 2]
            yield Token(OPEN, opened, self.place)
            self.place += 2
            # `{%+` and `{{-` say what becomes of the space before them; that is done by now.
            if opened != _LINE and (self._at("-") or (opened == _STATEMENT and self._at("+"))):
                self.place += 1
            yield from self._body(opened)
        yield Token(END, "", self.place)

    def _at(self, sign: str) -> bool:
        return self.text.startswith(sign, self.place)

    def _plain(self) -> Iterator[Token]:
        start = end = self.place
        while end < len(self.text):
            two = self.text[end : end + 2]
            if two in {_EXPRESSION, _STATEMENT, "{#"} or (two == _LINE and (end == 0 or self.text[end - 1] == "\n")):
                break
            end += 1
        self.place = end
        found = self.text[start:end]
        if self.text[end + 2 : end + 3] == "-" and not self._at(_LINE):
            bare = found.rstrip(_SPACES)
            # Only a line that has nothing else is stripped (Inja 3.4).
            found = bare if not bare or bare[-1] in "\r\n" else found
        if found:
            yield Token(TEXT, found, start)

    def _comment(self) -> None:
        end = self.text.find("#}", self.place)
        if end < 0:
            raise TemplateError("the comment is not closed with #}", self.text, self.place)
        strip = self.text[end - 1] == "-"
        self.place = end + 2
        if strip:
            self._skip(_SPACES)
            if self._at("\r"):
                self.place += 1
            if self._at("\n"):
                self.place += 1

    def _skip(self, signs: str) -> None:
        while self.place < len(self.text) and self.text[self.place] in signs:
            self.place += 1

    def _body(self, opened: str) -> Iterator[Token]:
        close = _CLOSES[opened]
        # Whether a minus that comes next begins a number, or takes one from what was before.
        number = True
        while True:
            self._skip(_SPACES + "\r" if close == "\n" else _BLANK)
            start = self.place
            if start >= len(self.text):
                return
            if opened != _LINE and self._at("-" + close):
                self.place += 1 + len(close)
                yield Token(CLOSE, opened, start)
                self._skip(_BLANK)
                return
            if self._at(close):
                self.place += len(close)
                yield Token(CLOSE, opened, start)
                return
            token = self._word(number)
            number = token.kind == STRING or (token.kind == SIGN and token.text not in {")", "]", "}"})
            self.place = start + len(token.text)
            yield token

    def _word(self, number: bool) -> Token:
        start, first = self.place, self.text[self.place]
        if (first.isascii() and first.isalpha()) or first in "~_@$":
            return Token(NAME, self._run(start + 1, self._in_name), start)
        if first == '"':
            return Token(STRING, self._string(start), start)
        if first.isdigit() or (first == "-" and number):
            return Token(NUMBER, self._run(start + 1, self._in_number), start)
        two = self.text[start : start + 2]
        if two in _TWO:
            return Token(SIGN, two, start)
        if first in _ONE:
            return Token(SIGN, first, start)
        raise TemplateError(f"unexpected {first!r}", self.text, start)

    def _run(self, end: int, more: Callable[[int], bool]) -> str:
        while end < len(self.text) and more(end):
            end += 1
        return self.text[self.place : end]

    def _in_name(self, at: int) -> bool:
        sign = self.text[at]
        return (sign.isascii() and sign.isalnum()) or sign in self.inside_name

    def _in_number(self, at: int) -> bool:
        sign = self.text[at]
        return sign in "0123456789.eE" or (sign in "+-" and self.text[at - 1] in "eE")

    def _string(self, start: int) -> str:
        end, escaped = start + 1, False
        while end < len(self.text):
            sign = self.text[end]
            end += 1
            if sign == "\\":
                escaped = not escaped
            elif sign == '"' and not escaped:
                return self.text[start:end]
            else:
                escaped = False
        raise TemplateError("the string is not closed", self.text, start)
