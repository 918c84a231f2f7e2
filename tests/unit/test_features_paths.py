"""Rewritten paths, as Envoy computes them from what we tell it, against the table of HTTPPathModifier."""

import pytest
import re2
from envoy.config.route.v3 import route_components_pb2 as route_v3

from daemun.api.filters import HTTPPathModifier
from daemun.features.paths import path_faults, set_new_path
from daemun.ir.route import Match


def rewritten(request: str, match: Match, path: HTTPPathModifier) -> str:
    """What Envoy does: `prefix_rewrite` replaces what was matched, `regex_rewrite` what the regex matches."""
    action = route_v3.RouteAction()
    set_new_path(path, match, action, "regex_rewrite")
    if action.HasField("regex_rewrite"):
        return str(re2.sub(action.regex_rewrite.pattern.regex, action.regex_rewrite.substitution, request))
    matched = match.path.rstrip("/") or "/"
    assert request.startswith(matched)
    return action.prefix_rewrite + request[len(matched) :]


@pytest.mark.parametrize(
    ("request_path", "prefix", "new", "expected"),
    [
        ("/foo/bar", "/foo", "/xyz", "/xyz/bar"),
        ("/foo/bar", "/foo", "/xyz/", "/xyz/bar"),
        ("/foo/bar", "/foo/", "/xyz", "/xyz/bar"),
        ("/foo/bar", "/foo/", "/xyz/", "/xyz/bar"),
        ("/foo", "/foo", "/xyz", "/xyz"),
        ("/foo/", "/foo", "/xyz", "/xyz/"),
        ("/foo/bar", "/foo", "", "/bar"),
        ("/foo/", "/foo", "", "/"),
        ("/foo", "/foo", "", "/"),
        ("/foo/", "/foo", "/", "/"),
        ("/foo", "/foo", "/", "/"),
        ("/foo/bar/foo/bar", "/foo", "/", "/bar/foo/bar"),
        ("/bar", "/", "/xyz", "/xyz/bar"),
        ("/", "/", "/xyz", "/xyz/"),
        ("/bar", "/", "/", "/bar"),
        ("/a.b/c", "/a.b", "/", "/c"),
        ("/foo/bar", "/foo", "xyz", "/xyz/bar"),
        ("/foo/bar", "/foo", r"/\1", r"/\1/bar"),
    ],
)
def test_a_new_prefix(request_path: str, prefix: str, new: str, expected: str) -> None:
    path = HTTPPathModifier("ReplacePrefixMatch", replace_prefix_match=new)
    assert rewritten(request_path, Match("", "Prefix", prefix), path) == expected


@pytest.mark.parametrize(("new", "expected"), [("/new", "/new"), ("new", "/new"), (r"/a\1", r"/a\1"), ("", "/")])
def test_a_new_path(new: str, expected: str) -> None:
    path = HTTPPathModifier("ReplaceFullPath", replace_full_path=new)
    assert rewritten("/any/thing", Match("", "Regex", ".*"), path) == expected
    redirect = route_v3.RedirectAction()
    set_new_path(path, Match(""), redirect, "path_redirect")
    assert redirect.path_redirect == expected


@pytest.mark.parametrize("bad", ["/a b", "/a\n", "/\x7f", "/a#b"])
def test_paths_that_no_request_can_carry(bad: str) -> None:
    for path in (HTTPPathModifier("ReplaceFullPath", bad), HTTPPathModifier("ReplacePrefixMatch", None, bad)):
        ((where, text, mend),) = path_faults(path, "here")
        assert where == "here.path"
        assert repr(bad) in text
        assert mend


def test_paths_that_a_request_can_carry() -> None:
    assert not list(path_faults(None, "here"))
    assert not list(path_faults(HTTPPathModifier("ReplaceFullPath", "/a%20b?c=d"), "here"))
