"""The written order, kept under Gateway API's precedence.

Classic routes are tried as they are written; of an HTTPRoute's matches the more specific one wins. Where a match would
overtake one that stands before it and fits some of the same requests, that one gets a further match, for just those
requests: it is at least as specific as the overtaker, and of equals the first wins.
"""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec
import re2

from daemun.gloo.migrate.matches import PRESENT
from daemun.ir.route import Match, ValueMatch, precedence

MOST = 2_000
"""Matches of one VirtualService: more than that further matches are not made."""
_ANY_CASE = "(?i)"
_QUIET = re2.Options()
_QUIET.log_errors = False
_LITERAL = re.compile(r"((?:[A-Za-z0-9/_~%&=@:;,!'-]|\\[^A-Za-z0-9]))([*?{]?)")
_START = re.compile(rf"(?:{_LITERAL.pattern})*")
"""Characters that stand for themselves, at the start of a regular expression."""


class Step(NamedTuple):
    """A match, and whose `turn` it is when they are tried as they are written. `origin` is the match that it was made
    of: itself, if it was written.
    """

    match: Match
    origin: Match
    turn: int


class Clash(NamedTuple):
    """Two steps whose order could not be kept: `late` is written after `early`, but would be tried before it."""

    early: Step
    late: Step


class Ordered(NamedTuple):
    """The steps, in written order; those that are never reached, with what takes their requests; and the clashes."""

    steps: tuple[Step, ...]
    dead: tuple[Clash, ...]
    clashes: tuple[Clash, ...]


class Unknown(Exception):  # noqa: N818 - whether two matches overlap cannot always be told, and is no error
    """Whether two matches have requests in common cannot be told."""


def ordered(written: Iterable[Step], same: Callable[[int, int], bool]) -> Ordered:
    """The steps with all that it takes to keep their order. `same`: whether two turns do the same with a request."""
    kept: list[Step] = []
    dead: list[Clash] = []
    clashes: dict[Clash, None] = {}
    for step in written:
        cover = next((one for one in kept if covers(one.match, step.match)), None)
        if cover is not None:
            dead.append(Clash(cover, step))
            continue
        kept.append(step)
        fresh = [step]
        while fresh:
            late = fresh.pop()
            for early in [one for one in kept if one.turn < late.turn]:
                if same(early.turn, late.turn) or precedence(early.match) <= precedence(late.match):
                    continue
                try:
                    both = _both(early.match, late.match)
                except Unknown:
                    clashes[Clash(early, late)] = None
                    continue
                if both is None or any(_alike(one.match, both) for one in kept if one.turn <= early.turn):
                    continue
                if len(kept) >= MOST:
                    clashes[Clash(early, late)] = None
                    continue
                further = Step(both, early.origin, early.turn)
                kept.append(further)
                fresh.append(further)
    steps = sorted(kept, key=lambda one: one.turn)
    open_ones = [clash for clash in clashes if not any(_settles(one, clash) for one in kept)]
    return Ordered(tuple(steps), tuple(dead), tuple(open_ones))


def _settles(step: Step, clash: Clash) -> bool:
    """Whether a step takes all that two have in common, in good time, so that they do not clash."""
    early, late = clash
    if step.turn > early.turn or precedence(step.match) > precedence(late.match):
        return False
    try:
        both = _both(msgspec.structs.replace(early.match, path_type="Prefix", path="/"), late.match)
    except Unknown:
        return False
    return both is not None and covers(step.match, both)


def tied(one: Step, other: Step) -> bool:
    """Whether only their places decide who takes a request that fits both, if there may be one."""
    if precedence(one.match) != precedence(other.match):
        return False
    try:
        return _both(one.match, other.match) is not None
    except Unknown:
        return True


def _alike(one: Match, other: Match) -> bool:
    return msgspec.structs.replace(one, where="") == msgspec.structs.replace(other, where="")


def covers(wide: Match, narrow: Match) -> bool:
    """Whether all requests that fit the narrow one surely fit the wide one."""
    try:
        both = _both(wide, narrow)
    except Unknown:
        return False
    return both is not None and _alike(both, narrow)


def _both(one: Match, other: Match) -> Match | None:
    """The match of the requests that fit both, None if there are none. Raises Unknown."""
    if one.method and other.method and one.method != other.method:
        return None
    path = _path(one, other)
    if path is None:
        return None
    headers, query = _united(other.headers, one.headers), _united(other.query, one.query)
    if headers is None or query is None:
        return None
    return Match(one.where, path.path_type, path.path, headers, query, one.method or other.method)


def _path(one: Match, other: Match) -> Match | None:
    """The match with the narrower path."""
    wide, narrow = (one, other) if _rank(one) >= _rank(other) else (other, one)
    if (wide.path_type, wide.path) == (narrow.path_type, narrow.path) or (wide.path_type, wide.path) == ("Prefix", "/"):
        return narrow
    if wide.path_type == "Prefix" and narrow.path_type in {"Exact", "Prefix"}:
        below = narrow.path == wide.path or narrow.path.startswith(f"{wide.path}/")
        return narrow if below else None
    if narrow.path_type == "Exact":
        return narrow if wide.path_type == "Regex" and _fits(wide.path, narrow.path) else None
    return _regex(one, other)


def _regex(one: Match, other: Match) -> Match | None:
    """The narrower of two matches of which at least one has a regular expression: by what all its paths begin with."""
    shorter, longer = sorted((_head(each).lower() for each in (one, other)), key=len)
    if not longer.startswith(shorter):
        return None
    regex, prefix = (one, other) if other.path_type == "Prefix" else (other, one)
    sure = prefix.path_type == "Prefix" and not regex.path.startswith(_ANY_CASE)
    if sure and _head(regex).startswith(f"{prefix.path}/"):
        return regex
    raise Unknown


def _head(match: Match) -> str:
    """What every path that fits begins with, as far as that can be seen, and but for capital letters."""
    if match.path_type != "Regex":
        return match.path
    text = match.path.removeprefix(_ANY_CASE).removeprefix("^")
    if "|" in text:
        return ""
    head = ""
    for literal, repeated in _LITERAL.findall(_START.match(text)[0]):  # type: ignore[index]  # it may be empty
        if repeated:
            break
        head += literal.removeprefix("\\")
    return head


def _rank(match: Match) -> tuple[int, int]:
    return precedence(match)[:2]


def _united(ones: tuple[ValueMatch, ...], others: tuple[ValueMatch, ...]) -> tuple[ValueMatch, ...] | None:
    found = {one.name: one for one in ones}
    for other in others:
        held = found.get(other.name)
        if held is None or held == other or held.value == PRESENT:
            found[other.name] = other
        elif other.value != PRESENT:
            exact, regex = (held, other) if other.regex else (other, held)
            if exact.regex:
                raise Unknown
            if not regex.regex or not _fits(regex.value, exact.value):
                return None
            found[other.name] = exact
    return tuple(found.values())


def _fits(pattern: str, text: str) -> bool:
    try:
        return re2.compile(pattern, _QUIET).fullmatch(text) is not None
    except (re2.error, UnicodeError, ValueError):
        return False  # no request fits it: Envoy would not take it
