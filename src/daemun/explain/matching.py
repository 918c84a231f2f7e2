"""Whether a request fits a match, and if not, what is missing: Envoy's matching, told from our side."""

import functools
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Literal

import re2

from daemun.explain.normalise import Seen
from daemun.explain.result import Miss
from daemun.ir.route import Match, PathType, ValueMatch

_QUIET = re2.Options()
_QUIET.log_errors = False
_PATH_READS: Mapping[PathType, str] = MappingProxyType(
    {
        "Exact": "path is",
        "Prefix": "path starts with",
        "Regex": "path matches",
        "Start": "path begins with the characters",
        "Connect": "method CONNECT",
    }
)


@functools.lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:
    return re2.compile(pattern, _QUIET)


def full_match(pattern: str, value: str) -> bool:
    """Whether the RE2 expression matches the whole value."""
    return _compiled(pattern).fullmatch(value) is not None


def misses(match: Match, seen: Seen) -> Iterator[Miss]:
    """What the match asks for and the request has not."""
    if match.path_type == "Connect":
        if seen.method != "CONNECT":
            yield Miss("method", "", "CONNECT", seen.method, f"the method is {seen.method}, not CONNECT")
    elif not path_fits(match, seen.path):
        yield _path_miss(match, seen.path)
    if match.method and match.method != seen.method:
        why = f"the method is {seen.method}, not {match.method}"
        yield Miss("method", "", match.method, seen.method, why)
    for header in match.headers:
        values = (seen.method,) if header.name == ":method" else seen.values(header.name)
        if not _values_fit(header, values):
            yield _value_miss("header", header, ", ".join(values) if values else None)
    params = first_params(seen.query) if match.query else {}
    for param in match.query:
        got = params.get(param.name)
        if got is None or not (param.present or _value_fits(param, got)):
            yield _value_miss("query parameter", param, got)


def path_fits(match: Match, path: str) -> bool:
    """Whether the path, without its query, fits."""
    wanted = match.path
    if match.path_type == "Regex":
        return full_match(wanted, path)
    if match.any_case:
        wanted, path = wanted.lower(), path.lower()
    if match.path_type == "Exact":
        return path == wanted
    if match.path_type == "Start":
        return path.startswith(wanted)
    prefix = wanted.rstrip("/")
    return path == prefix or path.startswith(f"{prefix}/")


def reads(match: Match) -> str:
    """The match in one line."""
    parts = [f"{_PATH_READS[match.path_type]} {match.path}".strip() + (" in any case" if match.any_case else "")]
    if match.method:
        parts.append(f"method {match.method}")
    parts.extend(f"header {_wanted(header)}" for header in match.headers)
    parts.extend(f"query parameter {_wanted(param)}" for param in match.query)
    return ", ".join(parts)


def first_params(query: str | None) -> dict[str, str]:
    """The query parameters as Envoy matches them: the first value of each name, and nothing is decoded."""
    found: dict[str, str] = {}
    for pair in (query or "").split("&"):
        name, _, value = pair.partition("=")
        found.setdefault(name, value)
    return found


def _values_fit(wanted: ValueMatch, values: tuple[str, ...]) -> bool:
    """Whether a header fits. One that is not there fits only where just its absence is asked for."""
    if wanted.present:
        return bool(values) != wanted.invert
    return bool(values) and any(_value_fits(wanted, value) for value in values) != wanted.invert


def _value_fits(wanted: ValueMatch, value: str) -> bool:
    return full_match(wanted.value, value) if wanted.regex else value == wanted.value


def _wanted(value: ValueMatch) -> str:
    if value.present:
        return f"{value.name} is {'not ' if value.invert else ''}there"
    if value.invert:
        return f"{value.name} {'does not match' if value.regex else 'is not'} {value.value}"
    return f"{value.name} {'matches' if value.regex else 'is'} {value.value}"


def _value_miss(part: Literal["header", "query parameter"], wanted: ValueMatch, got: str | None) -> Miss:
    told = f"there is no {part} {wanted.name}" if got is None else f"{part} {wanted.name} is {got!r}"
    must = "must not" if wanted.invert else "must"
    what = "be there" if wanted.present else f"{'match' if wanted.regex else 'be'} {wanted.value!r}"
    return Miss(part, wanted.name, wanted.value, got, f"{told}; it {must} {what}")


def _path_miss(match: Match, path: str) -> Miss:
    told = {
        "Exact": f"path {path} is not {match.path}",
        "Regex": f"path {path} as a whole does not match {match.path}",
    }.get(match.path_type, f"path {path} does not start with {match.path}")
    if match.path_type == "Prefix" and path.startswith(match.path.rstrip("/")):
        told += " as whole path elements"
    elif match.path_type != "Regex" and path.lower().startswith(match.path.lower()):
        told += " (upper and lower case differ)"
    elif match.path_type == "Exact" and path.rstrip("/") == match.path.rstrip("/"):
        told += " (one ends with a slash)"
    return Miss("path", "", match.path, path, told)
