"""Matchers as the matches of an HTTPRoute, as far as there are any that mean the same."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple, get_args

import msgspec

from daemun.api.gloo.matchers import Matcher
from daemun.api.routes import HTTPPathMatch, HTTPRouteMatch
from daemun.api.rules import path_rules
from daemun.gloo.classic.matchers import Asked, match_of, path_of
from daemun.ir.route import Match, PathType, ValueMatch

PRESENT = ".*"
"""Any value: that a header or a query parameter is there."""
_METHODS = frozenset(
    one for part in get_args(HTTPRouteMatch.__annotations__["method"]) for one in get_args(part) if one
)
_TYPES = {"Exact": "Exact", "Prefix": "PathPrefix", "Regex": "RegularExpression"}
_LONGEST_PATH = 1024
_MOST_CONDITIONS = 16


class Lost(Exception):  # noqa: N818 - a matcher that cannot be carried over is an outcome, and told
    """Why a matcher cannot be carried over: a code, what is wrong, and what to do."""

    def __init__(self, code: str, text: str, mend: str) -> None:
        super().__init__(text)
        self.code, self.text, self.mend = code, text, mend


class Carried(NamedTuple):
    """What a matcher comes to: one match for each of its methods. `loose`: a prefix that was one of characters."""

    matches: tuple[Match, ...]
    loose: str = ""


def carried(asked: Asked, *, characters: bool) -> Carried:
    """The matches of a matcher. Raises Lost."""
    matcher = asked.matcher
    unknown = [one for one in matcher.methods if one not in _METHODS]
    if unknown:
        text = f"method {unknown[0]} is none that an HTTPRoute can ask for"
        raise Lost("MethodLost", text, "Take it by a route without a method.")
    path_type, path, loose = _path(matcher, characters=characters)
    if len(path) > _LONGEST_PATH:
        raise Lost("PathLost", f"its path has more than {_LONGEST_PATH} characters", "Shorten it.")
    whole = match_of(Asked(asked.where, msgspec.structs.replace(matcher, methods=())))
    headers = _conditions("header", whole.headers)
    query = _conditions("query parameter", whole.query)
    methods = tuple(dict.fromkeys(matcher.methods)) or ("",)
    matches = tuple(Match(asked.where, path_type, path, headers, query, method) for method in methods)
    return Carried(matches, loose)


def _path(matcher: Matcher, *, characters: bool) -> tuple[PathType, str, str]:
    kind, path = path_of(matcher)
    if kind == "Connect":
        raise Lost("ConnectMatcherLost", "a connectMatcher has no like in an HTTPRoute", "Keep it in classic mode.")
    if kind == "Regex":
        return "Regex", path, ""
    rest = ".*" if kind == "Start" else ""
    if matcher.case_sensitive is False and path.upper() != path.lower():
        return "Regex", f"(?i){re.escape(path)}{rest}", ""
    if kind == "Start" and path in {"", "/"}:
        return "Prefix", "/", ""
    if kind == "Exact":
        return ("Exact", path, "") if _allowed(path) else ("Regex", re.escape(path), "")
    stem = path.removesuffix("/")
    if characters or not _allowed(stem):
        return "Regex", f"{re.escape(path)}{rest}", ""
    return "Prefix", stem, path


def _allowed(path: str) -> bool:
    return not any(path_rules("", HTTPPathMatch(value=path)))


def _conditions(what: str, wanted: tuple[ValueMatch, ...]) -> tuple[ValueMatch, ...]:
    """The conditions, each name once."""
    found: dict[str, ValueMatch] = {}
    for one in wanted:
        if one.invert:
            mend = "Put a route for the requests that have it before, in its own rule."
            raise Lost("InvertMatchLost", f"{what} {one.name} must not match, which an HTTPRoute cannot ask for", mend)
        plain = ValueMatch(one.name, PRESENT, regex=True) if one.present or not one.value else one
        both = _both(found.get(plain.name), plain)
        if both is None:
            text = f"it has two conditions on {what} {plain.name}, and an HTTPRoute takes one"
            raise Lost("ConditionLost", text, "Say both in one regular expression.")
        found[plain.name] = both
    if len(found) > _MOST_CONDITIONS:
        text = f"it has {len(found)} conditions on {what}s, and an HTTPRoute takes {_MOST_CONDITIONS}"
        raise Lost("ConditionLost", text, "Use fewer.")
    return tuple(found.values())


def _both(one: ValueMatch | None, other: ValueMatch) -> ValueMatch | None:
    if one is None or one == other or one.value == PRESENT:
        return other
    return one if other.value == PRESENT else None


def document(match: Match) -> dict[str, Any]:
    """A match as it is written in an HTTPRoute."""
    found: dict[str, Any] = {"path": {"type": _TYPES[match.path_type], "value": match.path}}
    for field, values in (("headers", match.headers), ("queryParams", match.query)):
        if values:
            found[field] = list(_values(values))
    if match.method:
        found["method"] = match.method
    return found


def _values(values: tuple[ValueMatch, ...]) -> Iterator[dict[str, str]]:
    for one in values:
        yield {"type": "RegularExpression" if one.regex else "Exact", "name": one.name, "value": one.value}
