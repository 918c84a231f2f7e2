"""A match is told as Envoy's form of it reads: the two ways in which `explain` looks at it say the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemun.envoy.matches import route_match
from daemun.explain import request_from
from daemun.explain.further import fits
from daemun.explain.matching import misses, reads
from daemun.explain.normalise import Seen, normalise
from daemun.ir.route import Match, ValueMatch

_PATHS = ("/", "/x", "/X", "/x/", "/x/y", "/xy")
_names = st.sampled_from(["a", "b"])
_values = st.one_of(
    st.builds(ValueMatch, _names, st.sampled_from(["1", "2"]), invert=st.booleans()),
    st.builds(ValueMatch, _names, st.sampled_from(["[0-9]", ".*"]), st.just(True), invert=st.booleans()),
    st.builds(ValueMatch, _names, st.just(""), present=st.just(True), invert=st.booleans()),
)
_params = st.one_of(
    st.builds(ValueMatch, _names, st.sampled_from(["1", ""])),
    st.builds(ValueMatch, _names, st.just(""), present=st.just(True)),
)
_matches = st.builds(
    Match,
    st.just("m"),
    st.sampled_from(["Exact", "Prefix", "Start", "Regex", "Connect"]),
    st.sampled_from(_PATHS),
    st.lists(_values, max_size=2).map(tuple),
    st.lists(_params, max_size=1).map(tuple),
    any_case=st.booleans(),
)
_headers = st.lists(st.tuples(_names, st.sampled_from(["1", "2", "x"])), max_size=2, unique_by=lambda one: one[0])


def seen(method: str, path: str, headers: list[tuple[str, str]], query: str = "") -> Seen:
    one, _, answer = normalise(request_from(method, f"http://h.test{path}{query}", headers))
    assert answer is None
    return one


@given(_matches, st.sampled_from(_PATHS), _headers, st.sampled_from(["", "?a=1", "?b", "?a=2&b=1"]))
def test_nothing_is_missing_just_when_envoys_form_fits(
    match: Match, path: str, headers: list[tuple[str, str]], query: str
) -> None:
    request = seen("GET", path, headers, query)
    assert fits(route_match(match), request) == (not tuple(misses(match, request)))


@pytest.mark.parametrize(
    ("match", "told"),
    [
        (Match("m", "Start", "/x"), "path begins with the characters /x"),
        (Match("m", "Exact", "/x", any_case=True), "path is /x in any case"),
        (
            Match("m", headers=(ValueMatch("a", "", present=True, invert=True),)),
            "path starts with /, header a is not there",
        ),
        (Match("m", headers=(ValueMatch("a", "1", invert=True),)), "path starts with /, header a is not 1"),
        (Match("m", query=(ValueMatch("a", "", present=True),)), "path starts with /, query parameter a is there"),
    ],
)
def test_a_match_in_a_line(match: Match, told: str) -> None:
    assert reads(match) == told


def test_a_header_that_is_not_there_is_not_another_value() -> None:
    (miss,) = misses(Match("m", headers=(ValueMatch("a", "1", invert=True),)), seen("GET", "/", []))
    assert miss.why == "there is no header a; it must not be '1'"
