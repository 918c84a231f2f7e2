"""Whether a request fits a match, and if not, what is missing: Envoy's matching, told from our side."""

import functools
from collections.abc import Iterator
from typing import Any, Literal

import re2

from daemun.explain.normalise import Seen
from daemun.explain.result import Miss
from daemun.ir.route import Match, ValueMatch

_QUIET = re2.Options()
_QUIET.log_errors = False


@functools.lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:
    return re2.compile(pattern, _QUIET)


def full_match(pattern: str, value: str) -> bool:
    """Whether the RE2 expression matches the whole value."""
    return _compiled(pattern).fullmatch(value) is not None


def misses(match: Match, seen: Seen) -> Iterator[Miss]:
    """What the match asks for and the request has not."""
    if not path_fits(match, seen.path):
        yield _path_miss(match, seen.path)
    if match.method and match.method != seen.method:
        why = f"the method is {seen.method}, not {match.method}"
        yield Miss("method", "", match.method, seen.method, why)
    for header in match.headers:
        values = seen.values(header.name)
        if not any(_value_fits(header, value) for value in values):
            yield _value_miss("header", header, ", ".join(values) if values else None)
    params = first_params(seen.query) if match.query else {}
    for param in match.query:
        got = params.get(param.name)
        if got is None or not _value_fits(param, got):
            yield _value_miss("query parameter", param, got)


def path_fits(match: Match, path: str) -> bool:
    """Whether the path, without its query, fits."""
    if match.path_type == "Exact":
        return path == match.path
    if match.path_type == "Regex":
        return full_match(match.path, path)
    prefix = match.path.rstrip("/")
    return path == prefix or path.startswith(f"{prefix}/")


def reads(match: Match) -> str:
    """The match in one line."""
    how = {"Exact": "path is", "Prefix": "path starts with", "Regex": "path matches"}[match.path_type]
    parts = [f"{how} {match.path}"]
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


def _value_fits(wanted: ValueMatch, value: str) -> bool:
    return full_match(wanted.value, value) if wanted.regex else value == wanted.value


def _wanted(value: ValueMatch) -> str:
    return f"{value.name} {'matches' if value.regex else 'is'} {value.value}"


def _value_miss(part: Literal["header", "query parameter"], wanted: ValueMatch, got: str | None) -> Miss:
    told = f"there is no {part} {wanted.name}" if got is None else f"{part} {wanted.name} is {got!r}"
    verb = "match" if wanted.regex else "be"
    return Miss(part, wanted.name, wanted.value, got, f"{told}; it must {verb} {wanted.value!r}")


def _path_miss(match: Match, path: str) -> Miss:
    told = {
        "Exact": f"path {path} is not {match.path}",
        "Regex": f"path {path} as a whole does not match {match.path}",
        "Prefix": f"path {path} does not start with {match.path}",
    }[match.path_type]
    if match.path_type == "Prefix" and path.startswith(match.path.rstrip("/")):
        told += " as whole path elements"
    elif match.path_type != "Regex" and path.lower().startswith(match.path.lower()):
        told += " (upper and lower case differ)"
    elif match.path_type == "Exact" and path.rstrip("/") == match.path.rstrip("/"):
        told += " (one ends with a slash)"
    return Miss("path", "", match.path, path, told)
