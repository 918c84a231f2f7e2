"""Envoy routes: matches, faults of regexes, shares of backends, and what stands in for a route that Envoy rejects."""

from fractions import Fraction
from typing import Any

import pytest
from envoy.config.route.v3 import route_components_pb2 as route_v3
from hypothesis import given
from hypothesis import strategies as st

from daemun.api.filters import HTTPPathModifier, HTTPURLRewriteFilter
from daemun.base.wire import delimited, tag
from daemun.envoy.actions import NO_BACKEND, build
from daemun.envoy.matches import match_faults, route_match
from daemun.ir.backend import BackendKey
from daemun.ir.resource import SCOPE
from daemun.ir.route import Backend, Match, Rule, Use, ValueMatch
from support.objects.cases import objects, translation

NEW_PATH = Use("URLRewrite", HTTPURLRewriteFilter(path=HTTPPathModifier("ReplaceFullPath", "/x")), "here")
MATCH = Match("spec.rules[0].matches[0]")


@pytest.mark.parametrize(
    ("path", "field", "expected"),
    [
        ("/", "prefix", "/"),
        ("/a", "path_separated_prefix", "/a"),
        ("/a/", "path_separated_prefix", "/a"),
        ("/a/b/", "path_separated_prefix", "/a/b"),
    ],
)
def test_prefixes_are_of_whole_elements(path: str, field: str, expected: str) -> None:
    assert getattr(route_match(Match("", "Prefix", path)), field) == expected


def test_exact_paths_keep_their_slash() -> None:
    assert route_match(Match("", "Exact", "/a/")).path == "/a/"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("/(a", "is not an RE2 expression: missing )"),
        ("a(?=b)", "is not an RE2 expression: invalid perl operator"),
        (r"(a)\1", "is not an RE2 expression: invalid escape sequence"),
        ("(a{900}){900}", "is not an RE2 expression"),
        ("[a-z]{500}[a-z]{500}[a-z]{500}", "is too large a program"),
        ("(" * 1000, "missing )"),
    ],
)
def test_regexes_that_envoy_would_refuse(pattern: str, expected: str) -> None:
    in_path = Match("m", "Regex", pattern)
    in_header = Match("m", headers=(ValueMatch("h", pattern, regex=True),))
    in_query = Match("m", query=(ValueMatch("q", pattern, regex=True),))
    for match, where in (
        (in_path, "m.path.value"),
        (in_header, "m.headers[h].value"),
        (in_query, "m.queryParams[q].value"),
    ):
        ((found, text, mend),) = match_faults(match)
        assert found == where
        assert expected in text
        assert len(text) < 300
        assert mend


def test_what_is_no_regex_is_not_compiled() -> None:
    assert not list(
        match_faults(Match("m", "Prefix", "/(", headers=(ValueMatch("h", "("),), query=(ValueMatch("q", "("),)))
    )
    assert not list(match_faults(Match("m", "Regex", "/[a-z]{3,50}/.*")))


def backend(number: int, weight: int, *uses: Use, key: bool = True) -> Backend:
    return Backend(f"b{number}", BackendKey("ns", f"s{number}", 80) if key else None, weight, uses)


@given(st.lists(st.integers(0, 1_000_000), min_size=1, max_size=16))
def test_shares_by_routes_of_their_own_are_the_weights(weights: list[int]) -> None:
    """Envoy tries the routes in turn, each with the same random number: a route takes what those before it leave."""
    rule = Rule(
        "r", matches=(MATCH,), backends=tuple(backend(at, weight, NEW_PATH) for at, weight in enumerate(weights))
    )
    protos, needs = build("n", rule, MATCH, 80, tls=False)
    total, used = sum(weights), [at for at, weight in enumerate(weights) if weight]
    assert needs == tuple(sorted(f"service/ns/s{at}/80" for at in used))
    if not used:
        assert [proto.direct_response.status for proto in protos] == [500]
        return
    assert [proto.route.cluster for proto in protos] == [f"service/ns/s{at}/80" for at in used]
    taken = Fraction(0)
    for at, proto in zip(used, protos, strict=True):
        limited = proto.match.HasField("runtime_fraction")
        upto = Fraction(proto.match.runtime_fraction.default_value.numerator, 1_000_000) if limited else Fraction(1)
        assert abs(upto - taken - Fraction(weights[at], total)) <= Fraction(1, 1_000_000)
        taken = upto
    assert taken == 1, "the last takes all that is left"


def test_a_backend_that_cannot_be_used_keeps_its_share() -> None:
    rule = Rule("r", matches=(MATCH,), backends=(backend(1, 2), backend(2, 3, key=False)))
    (proto,), needs = build("n", rule, MATCH, 80, tls=False)
    found = [(one.name, one.weight.value) for one in proto.route.weighted_clusters.clusters]
    assert found == [("service/ns/s1/80", 2), (NO_BACKEND, 3)]
    assert proto.route.cluster_not_found_response_code == route_v3.RouteAction.INTERNAL_SERVER_ERROR
    assert needs == ("service/ns/s1/80",)


@pytest.mark.parametrize("error", [500, 503])
def test_errors_are_those_of_the_kind_of_route(error: int) -> None:
    for rule in (Rule("r", broken="why", backends=(backend(1, 1),), error=error), Rule("r", error=error)):
        (proto,), needs = build("n", rule, MATCH, 80, tls=False)
        assert proto.direct_response.status == error
        assert needs == ()


ROUTES = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g}
spec: {gatewayClassName: daemun, listeners: [{name: http, port: 8080, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec:
  parentRefs: [{name: g}]
  rules:
  - matches: [{path: {value: /a}, method: GET}, {path: {type: RegularExpression, value: /b+}}]
    backendRefs: [{name: s, port: 80}]
---
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {ports: [{port: 80}]}
"""


def leaves() -> list[Any]:
    made = translation(objects(ROUTES))
    (host,) = (part for key, part in made.resources.items() if key.type_url == SCOPE and key.part == "*")
    return list(host.leaves)


def test_a_leaf_is_one_match_and_knows_where_it_comes_from_and_what_it_needs() -> None:
    head, regex, prefix = leaves()
    assert str(head.origin) == "Gateway default/g spec.listeners[0].hostname"
    assert str(regex.origin) == "HTTPRoute default/r spec.rules[0].matches[1]"
    assert str(prefix.origin) == "HTTPRoute default/r spec.rules[0].matches[0]"
    assert [leaf.needs for leaf in (head, regex, prefix)] == [(), ("service/default/s/80",), ("service/default/s/80",)]


def test_what_stands_in_for_a_rejected_route_answers_500_to_the_same_requests() -> None:
    _, regex, prefix = leaves()
    (instead,) = route_v3.VirtualHost.FromString(prefix.fallback).routes
    (before,) = route_v3.VirtualHost.FromString(prefix.data).routes
    assert instead.match == before.match
    assert instead.direct_response.status == 500
    assert regex.fallback == b"", "its match may be what was rejected"
    assert delimited(tag(3), before.SerializeToString()) == prefix.data
