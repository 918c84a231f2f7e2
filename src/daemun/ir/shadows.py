"""Matches that get no requests, since one before them takes all that they would take."""

from collections.abc import Iterator, Sequence

import re2

from daemun.ir.route import Match, ValueMatch

_COMPARED = 200
"""In longer lists a match is compared with those of its own path only, and not with the wide ones before it."""
_ALL_PATHS = (".*", "/.*", "^/.*$", "^.*$", "^/.*", "^.*")
_QUIET = re2.Options()
_QUIET.log_errors = False


def takers(matches: Sequence[Match]) -> Iterator[int | None]:
    """For each of them, in the order in which they are tried, which one before it takes all of its requests."""
    seen: dict[tuple[str, str, bool], list[int]] = {}
    wide: list[int] = []
    for number, match in enumerate(matches):
        path = (match.path_type, match.path, match.any_case)
        before = [*seen.get(path, ()), *(wide if len(matches) <= _COMPARED else wide[:8])]
        yield next((one for one in before if _takes_all(matches[one], match)), None)
        seen.setdefault(path, []).append(number)
        if match.path_type in ("Prefix", "Start", "Regex"):
            wide.append(number)


def _takes_all(first: Match, later: Match) -> bool:
    """Whether every request that fits the later match fits the first one too. In doubt not."""
    if first.method and first.method != later.method:
        return False
    values = (_within(first.headers, later.headers), _within(first.query, later.query))
    return all(values) and _path_within(first, later)


def _within(first: tuple[ValueMatch, ...], later: tuple[ValueMatch, ...]) -> bool:
    return all(one in later for one in first)


def _path_within(first: Match, later: Match) -> bool:
    if "Connect" in (first.path_type, later.path_type):
        return first.path_type == later.path_type
    if (first.path_type, first.path, first.any_case) == (later.path_type, later.path, later.any_case):
        return True
    if first.path_type == "Regex":
        one_path = later.path_type == "Exact" and not later.any_case
        return first.path in _ALL_PATHS or (one_path and _fits(first, later.path))
    if later.path_type == "Regex":
        return False
    path, wide = later.path, first.path
    if first.any_case:
        path, wide = path.lower(), wide.lower()
    elif later.any_case:
        return first.path == "/"
    if first.path_type == "Start":
        return path.startswith(wide)
    if first.path_type == "Prefix":
        bare = wide.rstrip("/")
        # What only begins with characters goes on where a path element does not end.
        return not bare or path.startswith(f"{bare}/") or (path.rstrip("/") == bare and later.path_type != "Start")
    return False


def _fits(match: Match, path: str) -> bool:
    """Whether a regular expression matches just this path."""
    try:
        return re2.fullmatch(match.path, path, _QUIET) is not None
    except (re2.error, UnicodeError, ValueError):
        return False
