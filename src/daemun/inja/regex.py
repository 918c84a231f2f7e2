"""Regular expressions, for the runtime's own matcher: Lua has none, and Gloo's extractors have C++'s (ECMAScript).

Read here into a program of literals, byte sets, alternatives and repetitions. The matcher tries them in ECMAScript's
order, byte by byte as `std::regex` does, within a number of steps that grows with the input and not faster. What is
not read is refused; nothing is matched approximately.
"""

from typing import Any, NoReturn

from daemun.inja.classes import ALL, ANY, ESCAPES, POSIX, folded, ranges
from daemun.inja.errors import TemplateError

Program = list[Any]

_MOST_CHARACTERS = 4096
_MOST_TIMES = 1000
_DEEPEST = 30
_CONTROLS = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13, "0": 0}
_DIGITS = "0123456789"


def regex_program(pattern: str) -> tuple[Program, int]:
    """The program of a regular expression, and how many groups it has. Raises `TemplateError`."""
    if len(pattern) > _MOST_CHARACTERS:
        raise TemplateError(f"the expression has more than {_MOST_CHARACTERS} characters", pattern, 0)
    parser = _Parser(pattern)
    found = parser.alternatives()
    if parser.place < len(pattern):
        parser.fail("unmatched ')'")
    for group, place in parser.references:
        if group > parser.groups:
            raise TemplateError(f"there is no group {group}", pattern, place)
    return found, parser.groups


class _Parser:
    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.fold = pattern.startswith("(?i)")
        self.place = 4 if self.fold else 0
        self.groups = 0
        self.depth = 0
        self.references: list[tuple[int, int]] = []

    def fail(self, message: str) -> NoReturn:
        raise TemplateError(message, self.pattern, self.place)

    def at(self, text: str) -> bool:
        return self.pattern.startswith(text, self.place)

    def take(self, text: str) -> bool:
        found = self.at(text)
        self.place += len(text) * found
        return found

    def step(self) -> str:
        if self.place >= len(self.pattern):
            self.fail("the expression ends too early")
        self.place += 1
        return self.pattern[self.place - 1]

    def alternatives(self) -> Program:
        self.depth += 1
        if self.depth > _DEEPEST:
            self.fail(f"nested more than {_DEEPEST} deep")
        found = [self.sequence()]
        while self.take("|"):
            found.append(self.sequence())
        self.depth -= 1
        if len(found) == 1:
            return found[0]
        sets = [one for one in map(_set, found) if one is not None]
        # Alternatives of one byte each are a set: no need to try them one after the other.
        return ["set", *ranges(set().union(*sets))] if len(sets) == len(found) else ["any", *found]

    def sequence(self) -> Program:
        found: list[Program] = []
        while self.place < len(self.pattern) and not (self.at("|") or self.at(")")):
            first = self.groups
            one = self.atom()
            one = self.repeated(one, first)
            if one[0] == "text" and found and found[-1][0] == "text":
                found[-1] = ["text", found[-1][1] + one[1]]
            else:
                found.append(one)
        return found[0] if len(found) == 1 else ["all", *found]

    def repeated(self, one: Program, first: int) -> Program:
        start = self.place
        times = self.times()
        if times is None:
            return one
        if one[0] in {"start", "end", "boundary", "look"}:
            self.place = start
            self.fail("nothing to repeat")
        greedy = not self.take("?")
        if self.times() is not None:
            self.fail("a repetition of a repetition")
        # Each time anew, what its groups had held is forgotten (ECMAScript).
        return ["repeat", one, times[0], times[1], greedy, first + 1, self.groups]

    def times(self) -> tuple[int, int] | None:
        for sign, found in (("*", (0, -1)), ("+", (1, -1)), ("?", (0, 1))):
            if self.take(sign):
                return found
        if not self.take("{"):
            return None
        least = most = self.number()
        if self.take(","):
            most = -1 if self.at("}") else self.number()
        if not self.take("}"):
            self.fail("expected '}'")
        if max(least, most) > _MOST_TIMES:
            self.fail(f"more than {_MOST_TIMES} times")
        if -1 < most < least:
            self.fail("at most fewer times than at least")
        return least, most

    def number(self) -> int:
        digits = ""
        while self.place < len(self.pattern) and self.pattern[self.place] in _DIGITS:
            digits += self.step()
        if not digits:
            self.fail("expected a number")
        return int(digits[:6])

    def atom(self) -> Program:
        start = self.place
        sign = self.step()
        if sign == "(":
            return self.group()
        if sign == "[":
            return ["set", *ranges(self.bytes_in_brackets())]
        if sign == "\\":
            return self.escape()
        if sign in "^$":
            return ["start" if sign == "^" else "end"]
        if sign == ".":
            return ["set", *ranges(ANY)]
        if sign in "*+?{":
            self.place = start
            self.fail(f"nothing to repeat with {sign!r}")
        return self.literal(sign)

    def literal(self, sign: str) -> Program:
        if self.fold and sign.isascii() and sign.isalpha():
            return ["set", *ranges(folded(frozenset({ord(sign)})))]
        if self.fold and not sign.isascii():
            self.fail("(?i) with a character that is not ASCII")
        return ["text", sign]

    def group(self) -> Program:
        if self.take("?:"):
            found = self.alternatives()
        elif self.at("?=") or self.at("?!"):
            negative = self.pattern[self.place + 1] == "!"
            self.place += 2
            before = self.groups
            found = ["look", negative, self.alternatives()]
            if self.groups > before:
                self.fail("a group within (?=…) or (?!…)")
        elif self.at("?"):
            self.fail("groups with '?' are (?:…), (?=…) and (?!…) only")
        else:
            self.groups += 1
            number = self.groups
            found = ["group", number, self.alternatives()]
        if not self.take(")"):
            self.fail("unmatched '('")
        return found

    def escape(self) -> Program:
        start = self.place
        sign = self.step()
        if sign in ESCAPES:
            return ["set", *ranges(ESCAPES[sign])]
        if sign in "bB":
            return ["boundary", sign == "B"]
        if sign in "123456789":
            self.place = start
            number = self.number()
            self.references.append((number, start))
            if self.fold:
                self.fail("(?i) with a reference to a group")
            return ["reference", number]
        self.place = start
        return self.literal(chr(self.escaped()))

    def escaped(self) -> int:
        """The character behind a backslash."""
        sign = self.step()
        if sign in _CONTROLS:
            return _CONTROLS[sign]
        if sign in "xu":
            digits = self.pattern[self.place : self.place + (2 if sign == "x" else 4)]
            try:
                code = int(digits, 16) if digits.isalnum() else -1
            except ValueError:
                code = -1
            if len(digits) < (2 if sign == "x" else 4) or not 0 <= code < 128:
                self.fail(f"\\{sign} is followed by the hexadecimal number of an ASCII character")
            self.place += len(digits)
            return code
        if sign.isalnum() or not sign.isascii():
            self.fail(f"\\{sign} has no meaning")
        return ord(sign)

    def bytes_in_brackets(self) -> frozenset[int]:
        negative = self.take("^")
        found: set[int] = set()
        while not self.take("]"):
            low = self.member()
            # A minus that is the last stands for itself.
            if self.at("-") and not self.at("-]"):
                self.place += 1
                high = self.member()
                if len(low) != 1 or len(high) != 1 or min(low) > min(high):
                    self.fail("a range goes from one character to a later one")
                found.update(range(min(low), min(high) + 1))
            else:
                found.update(low)
        chosen = folded(found) if self.fold else frozenset(found)
        return ALL - chosen if negative else chosen

    def member(self) -> frozenset[int]:
        if self.take("[:"):
            end = self.pattern.find(":]", self.place)
            name = self.pattern[self.place : end]
            if end < 0 or name not in POSIX:
                self.fail("no such class of characters")
            self.place = end + 2
            return POSIX[name]
        sign = self.step()
        if sign == "\\":
            if self.place < len(self.pattern) and self.pattern[self.place] in ESCAPES:
                return ESCAPES[self.step()]
            if self.take("b"):
                return frozenset({8})
            return frozenset({self.escaped()})
        if not sign.isascii():
            self.fail("in brackets only ASCII characters")
        return frozenset({ord(sign)})


def _set(one: Program) -> set[int] | None:
    """The bytes of a program that matches just one of them."""
    if one[0] == "text" and len(one[1].encode()) == 1:
        return {ord(one[1])}
    if one[0] == "set":
        return {code for low, high in zip(one[1::2], one[2::2], strict=True) for code in range(low, high + 1)}
    return None
