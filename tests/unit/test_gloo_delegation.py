"""What goes down from a rule that delegates: who has the last word."""

import pytest

from daemun.api.filters import HTTPHeader, HTTPHeaderFilter, HTTPPathModifier, HTTPRouteTimeouts, HTTPURLRewriteFilter
from daemun.base.names import GATEWAY, GLOO_GATEWAY, Ref
from daemun.features.levels import settled
from daemun.gatewayapi.routes.delegations import allowed, over
from daemun.gloo.policies.merge import inherited, merged
from daemun.gloo.policies.policy import Option, Policy
from daemun.ir.route import Use

ROOT = Ref(GATEWAY, "HTTPRoute", "default", "root")
HEADERS = "RequestHeaderModifier"


def policy(name: str, **fields: str) -> Policy:
    ref = Ref(GLOO_GATEWAY, "RouteOption", "default", name)
    options = tuple(Option(field, field, Use(field, spec, "", by=ref)) for field, spec in fields.items())
    return Policy(ref, 1, ("", "default", name), (), options)


@pytest.mark.parametrize(
    ("yields", "expected"),
    [
        ("", {"a": "root", "b": "root", "c": "own"}),
        ("*", {"a": "own", "b": "own", "c": "own"}),
        (" A , x", {"a": "own", "b": "root", "c": "own"}),
        ("nonsense", {"a": "root", "b": "root", "c": "own"}),
    ],
)
def test_policies_above_have_the_last_word_but_for_what_they_leave(yields: str, expected: dict[str, str]) -> None:
    own, root = policy("own", a="own", b="own", c="own"), policy("root", a="root", b="root")
    found = merged(inherited([([own], "*"), ([root], yields)]))
    assert {use.kind: use.spec for use in found.uses} == expected


def test_each_level_leaves_what_it_says_to_all_below_it() -> None:
    levels = [
        ([policy("own", a="own", b="own")], ""),
        ([policy("middle", a="middle")], "a"),
        ([policy("root", b="root")], ""),
    ]
    found = merged(inherited(levels))
    assert {use.kind: use.spec for use in found.uses} == {"a": "own", "b": "root"}


def test_headers_that_are_removed_above_are_not_set_below() -> None:
    own = Use(HEADERS, HTTPHeaderFilter(set=(HTTPHeader("A", "1"), HTTPHeader("b", "2"))), "own")
    root = Use(HEADERS, HTTPHeaderFilter(remove=("a",)), "root", by=ROOT)
    kept, above = over((own,), (root,))
    assert [header.name for header in kept.spec.set] == ["b"]
    assert above is root


def test_what_guards_is_taken_from_above_as_a_whole() -> None:
    own, root = Use("ExternalAuth", 1, "own"), Use("ExternalAuth", 2, "root", by=ROOT)
    assert over((own,), (root,)) == (root,)
    assert allowed((own, Use(HEADERS, 3, "own")), (root,)) == (Use(HEADERS, 3, "own"),)
    assert allowed((own,), ()) == (own,)


def test_in_other_words_the_higher_level_counts_too() -> None:
    path = HTTPPathModifier(type="ReplaceFullPath", replace_full_path="/x")
    both = Use("URLRewrite", HTTPURLRewriteFilter(hostname="own.test", path=path), "own")
    option = Use("prefixRewrite", "/root", "root", by=ROOT)
    (host, prefix) = settled([(0, both), (1, option)])
    assert (host.spec.hostname, host.spec.path, prefix) == ("own.test", None, option)
    assert list(settled([(1, both), (0, option)])) == [both]
    assert list(settled([(0, both), (0, option)])) == [both, option]
    times = Use("timeouts", HTTPRouteTimeouts(request="1s"), "own")
    assert list(settled([(0, times), (2, Use("timeout", "2s", "root"))])) == [Use("timeout", "2s", "root")]
    assert list(settled([(0, times), (2, Use("timeouts", times.spec, "root"))])) == [
        times,
        Use("timeouts", times.spec, "root"),
    ]
