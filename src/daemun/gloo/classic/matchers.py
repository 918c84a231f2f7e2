"""Matchers: which requests a route takes, and what of it a RouteTable's routes may take that it is delegated to."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from daemun.api.gloo.matchers import Matcher
from daemun.ir.route import Match, PathType, ValueMatch


class Asked(NamedTuple):
    """A matcher, and the field that says it."""

    where: str
    matcher: Matcher


class Mismatch(Exception):  # noqa: N818 - it is no error: the route is left out, and a warning says why
    """Why a matcher can never fit what is delegated to it."""


def path_of(matcher: Matcher) -> tuple[PathType, str]:
    """The path of a matcher; without one it is every path."""
    if matcher.exact is not None:
        return "Exact", matcher.exact
    if matcher.regex is not None:
        return "Regex", matcher.regex
    if matcher.connect_matcher is not None:
        return "Connect", ""
    return "Start", "/" if matcher.prefix is None else matcher.prefix


def match_of(asked: Asked) -> Match:
    """The matcher as routing has it. Prefixes are of characters, not of path elements."""
    matcher = asked.matcher
    path_type, path = path_of(matcher)
    headers = [
        ValueMatch(_header(one.name), one.value, one.regex and bool(one.value), not one.value, one.invert_match)
        for one in matcher.headers
    ]
    query = [ValueMatch(one.name, one.value, one.regex, not one.value) for one in matcher.query_parameters]
    methods = tuple(dict.fromkeys(matcher.methods))
    if len(methods) > 1:
        headers.insert(0, ValueMatch(":method", "|".join(methods), regex=True))
    return Match(
        where=asked.where,
        path_type=path_type,
        path=path,
        headers=tuple(headers),
        query=tuple(query),
        method=methods[0] if len(methods) == 1 else "",
        any_case=matcher.case_sensitive is False and path_type in {"Exact", "Start"},
    )


def _header(name: str) -> str:
    """The name of a header; that of the host is the one of HTTP/1, whatever the protocol."""
    lower = name.lower()
    return "host" if lower == ":authority" else lower


class Inherited(msgspec.Struct, frozen=True, gc=False):
    """What the routes of a RouteTable have of the route that delegates to it.

    `paths`: they take its path, `conditions`: its headers, query parameters and methods are added to theirs.
    """

    matcher: Matcher
    paths: bool
    conditions: bool


def below(parent: Inherited, child: Matcher | None) -> Matcher:
    """The matcher of a route that is delegated to, None where it has none. Raises Mismatch when it can never fit."""
    above = parent.matcher
    if child is None:
        return above
    if parent.paths:
        child = msgspec.structs.replace(
            child,
            prefix=above.prefix,
            exact=above.exact,
            regex=above.regex,
            connect_matcher=above.connect_matcher,
            case_sensitive=above.case_sensitive,
        )
    else:
        _check_path(above, child)
    if parent.conditions:
        return msgspec.structs.replace(
            child,
            headers=(*above.headers, *child.headers),
            query_parameters=(*above.query_parameters, *child.query_parameters),
            methods=_methods(above.methods, child.methods or above.methods),
        )
    _check_within("header", above.headers, child.headers)
    _check_within("query parameter", above.query_parameters, child.query_parameters)
    if above.methods and not child.methods:
        raise Mismatch(f"it takes all methods, and the route that delegates to it only {' and '.join(above.methods)}")
    return msgspec.structs.replace(child, methods=_methods(above.methods, child.methods))


def _check_path(above: Matcher, child: Matcher) -> None:
    _, path = path_of(child)
    prefix = path_of(above)[1]
    if not path.startswith(prefix):
        raise Mismatch(f"path {path} does not begin with {prefix}, the prefix of the route that delegates to it")
    if (above.case_sensitive is False) != (child.case_sensitive is False):
        raise Mismatch("caseSensitive is another than that of the route that delegates to it")


def _check_within(what: str, wanted: Iterable[msgspec.Struct], given: tuple[msgspec.Struct, ...]) -> None:
    for one in wanted:
        if one not in given:
            name = getattr(one, "name", "")
            raise Mismatch(f"{what} {name} of the route that delegates to it is not among its own")


def _methods(above: tuple[str, ...], child: tuple[str, ...]) -> tuple[str, ...]:
    """Those that both allow."""
    both = tuple(one for one in child if not above or one in above)
    if child and not both:
        raise Mismatch(f"it takes {' and '.join(child)}, and the route that delegates to it {' and '.join(above)}")
    return both


def specificity(matchers: Iterable[Matcher]) -> int:
    """Sorts the route first whose paths are the most specific: exact before regex before prefix, then the longer."""
    ranks = {"Exact": 0, "Connect": 0, "Regex": 1, "Start": 2}
    paths = [path_of(one) for one in matchers]
    return min(((ranks[kind] << 32) - len(path) for kind, path in paths), default=(2 << 32) - 1)
