"""What the paths of all requests that a match fits begin with."""

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from daemun.envoy.elements import elements
from daemun.ir.route import Match, PathType


def _of(kind: PathType, path: str, **more: bool) -> tuple[str, ...]:
    return elements(Match("spec.rules[0].matches[0]", kind, path, **more))


@pytest.mark.parametrize(
    ("kind", "path", "expected"),
    [
        ("Exact", "/", ()),
        ("Exact", "/a/b", ("a", "b")),
        ("Exact", "/a/b/", ("a", "b")),
        ("Prefix", "/", ()),
        ("Prefix", "/a/b/", ("a", "b")),
        ("Start", "/a/b", ("a",)),
        ("Start", "/a/", ("a",)),
        ("Start", "/a", ()),
        ("Connect", "", ()),
        ("Regex", "/api/v1/users/[0-9]+", ("api", "v1", "users")),
        ("Regex", "^/api/v1\\.2/(a|b)", ()),
        ("Regex", "^/api/v1\\.2/(a)", ("api", "v1.2")),
        ("Regex", "/api/?", ()),
        ("Regex", "/api/*x/", ()),
        ("Regex", "/api/v1?/x", ("api",)),
        ("Regex", "/a/b{0}/c", ("a",)),
        ("Regex", "/a|/b", ()),
        ("Regex", "/a/\\Qb/\\E|c", ()),
        ("Regex", "(?i)/a/b", ()),
        ("Regex", ".*", ()),
        ("Exact", "/a:b/c%3Ad", ("a:b", "c%3Ad")),
        ("Exact", "/a/b|c/d", ("a",)),
    ],
)
def test_elements(kind: PathType, path: str, expected: tuple[str, ...]) -> None:
    assert _of(kind, path) == expected


def test_where_capital_letters_make_no_difference_there_are_none() -> None:
    assert _of("Prefix", "/a/b", any_case=True) == ()


pieces = st.sampled_from(
    [
        "/",
        "/a",
        "/b",
        "a",
        "-",
        "\\.",
        ".",
        "[a/]",
        "(a)",
        "(/b|a)",
        "*",
        "+",
        "?",
        "{0,2}",
        "|",
        "^",
        "$",
        "\\Q",
        "\\E",
        "\\/",
    ]
)
paths = st.lists(st.sampled_from(["/", "a", "b", "-", "."]), max_size=8).map(lambda some: f"/{''.join(some)}")


@given(st.lists(pieces, min_size=1, max_size=7).map("".join), st.lists(paths, min_size=5, max_size=20))
def test_no_path_that_a_regex_matches_begins_otherwise(regex: str, some: list[str]) -> None:
    try:
        compiled = re2.compile(regex)
    except re2.error:
        return
    told = _of("Regex", regex)
    begin = "".join(f"/{element}" for element in told)
    for path in some:
        if compiled.fullmatch(path):
            assert path == begin or path.startswith(f"{begin}/"), (regex, told)
