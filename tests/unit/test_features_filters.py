"""Features one at a time: what each puts into an Envoy route, beyond what the goldens show."""

from typing import Any

import msgspec
import pytest
import re2
from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.extensions.filters.http.cors.v3 import cors_pb2

from daemun.api import filters as api
from daemun.features import BY_KIND, FEATURES, Draft, http_filters, rule_faults
from daemun.features.feature import Feature
from daemun.gatewayapi.routes.route import filter_spec
from daemun.ir.backend import BackendKey
from daemun.ir.route import Backend, Match, PathType, Rule, Use

KEY = BackendKey("ns", "s", 80)


def draft(port: int = 8080, *, tls: bool = False, path: str = "/p", kind: PathType = "Prefix") -> Draft:
    proto = route_v3.Route(match=route_v3.RouteMatch(prefix="/"))
    proto.route.cluster = "c"
    return Draft(proto, Match("", kind, path), port, tls)


def apply(kind: str, spec: Any, on: Draft, *backends: BackendKey | None) -> Draft:
    BY_KIND[kind].on_route(spec, Use(kind, spec, "here", backends), on)
    return on


@pytest.mark.parametrize(
    ("scheme", "port", "listener", "tls", "expected"),
    [
        (None, None, 80, False, 0),
        (None, None, 8080, False, 8080),
        (None, None, 443, True, 0),
        (None, None, 8443, True, 8443),
        ("https", None, 8080, False, 0),
        ("http", None, 8443, True, 0),
        ("https", 443, 80, False, 0),
        ("https", 80, 80, False, 80),
        ("http", 80, 8443, True, 0),
        (None, 80, 8080, False, 0),
        (None, 443, 443, True, 0),
        (None, 443, 80, False, 443),
    ],
)
def test_the_port_of_a_redirect(scheme: Any, port: int | None, listener: int, tls: bool, expected: int) -> None:
    done = apply("RequestRedirect", api.HTTPRequestRedirectFilter(scheme=scheme, port=port), draft(listener, tls=tls))
    assert done.proto.redirect.port_redirect == expected
    # A port in the Host would otherwise stay, so where the default port was asked for it is replaced.
    replaced = [route.redirect.port_redirect for route in done.extra]
    asked = scheme is not None or port is not None
    assert replaced == ([port or (443 if scheme == "https" else 80)] if asked and not expected else [])


def test_a_redirect_to_another_host_needs_no_second_route() -> None:
    assert not apply("RequestRedirect", api.HTTPRequestRedirectFilter("https", "a.test"), draft()).extra


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, None),
        ({"percent": 0}, 0),
        ({"percent": 100}, None),
        ({"percent": 35}, 350_000),
        ({"fraction": {"numerator": 1, "denominator": 2}}, 500_000),
        ({"fraction": {"numerator": 1, "denominator": 1000}}, 1000),
        ({"fraction": {"numerator": 5}}, 50_000),
    ],
)
def test_the_share_of_a_mirror(spec: Any, expected: int | None) -> None:
    made = msgspec.convert({"backendRef": {"name": "s", "port": 80}, **spec}, api.HTTPRequestMirrorFilter)
    done = apply("RequestMirror", made, draft(), KEY)
    (mirror,) = done.action.request_mirror_policies
    found = mirror.runtime_fraction.default_value.numerator if mirror.HasField("runtime_fraction") else None
    assert found == expected
    assert done.needs == {KEY.cluster}


@pytest.mark.parametrize(
    ("allowed", "good", "bad"),
    [
        ("*", ["https://a.test", "http://a:1", "null"], []),
        ("https://a.test", ["https://a.test"], ["http://a.test", "https://a.test:8443", "https://b.a.test"]),
        (
            "https://*.a.test",
            ["https://b.a.test", "https://c.b.a.test"],
            ["https://a.test", "https://xa.test", "https://b.aXtest"],
        ),
        ("http://*:8080", ["http://a.b:8080"], ["http://a.b", "https://a.b:8080"]),
    ],
)
def test_origins(allowed: str, good: list[str], bad: list[str]) -> None:
    done = apply("CORS", api.HTTPCORSFilter(allow_origins=(allowed,)), draft())
    policy = cors_pb2.CorsPolicy()
    done.proto.typed_per_filter_config["envoy.filters.http.cors"].Unpack(policy)
    (matcher,) = policy.allow_origin_string_match

    def fits(origin: str) -> bool:
        regex = matcher.safe_regex.regex
        return re2.fullmatch(regex, origin) is not None if regex else origin == matcher.exact

    assert [origin for origin in good if not fits(origin)] == []
    assert [origin for origin in bad if fits(origin)] == []


def test_features_that_forward_leave_routes_alone_that_do_not() -> None:
    specs: dict[str, Any] = {
        "RequestHeaderModifier": api.HTTPHeaderFilter(set=(api.HTTPHeader("host", "x"),)),
        "RequestMirror": msgspec.convert({"backendRef": {"name": "s", "port": 80}}, api.HTTPRequestMirrorFilter),
        "URLRewrite": api.HTTPURLRewriteFilter(hostname="a.test"),
        "timeouts": api.HTTPRouteTimeouts("1s", "1s"),
        "retry": api.HTTPRouteRetry(),
    }
    for kind, spec in specs.items():
        closed = draft()
        closed.proto.direct_response.status = 500
        assert apply(kind, spec, closed, KEY).proto.direct_response.status == 500, kind


def test_nobody_to_ask_closes_a_route() -> None:
    spec = api.HTTPExternalAuthFilter("HTTP", api.BackendObjectReference("s"))
    assert apply("ExternalAuth", spec, draft(), None).closed
    assert not apply("ExternalAuth", spec, draft(), KEY).closed


@pytest.mark.parametrize(("attempts", "expected"), [(None, 1), (3, 3), (2**40, 2**32 - 1)])
def test_the_number_of_retries_fits_into_envoys(attempts: int | None, expected: int) -> None:
    done = apply("retry", api.HTTPRouteRetry(attempts=attempts), draft())
    assert done.action.retry_policy.num_retries.value == expected


@pytest.mark.parametrize(
    ("backoff", "expected"), [("100ms", 1), ("10h", 86_400), ("48h", 172_800), ("99999h" * 4, 4 * 99_999 * 3600)]
)
def test_the_longest_back_off_is_one_that_envoy_can_read(backoff: str, expected: int) -> None:
    done = apply("retry", api.HTTPRouteRetry(backoff=backoff), draft())
    assert done.action.retry_policy.retry_back_off.max_interval.seconds == expected


@pytest.mark.parametrize("name", ["a b", "a;b", "a\nb", "ü"])
def test_a_session_name_must_be_one(name: str) -> None:
    feature = BY_KIND["sessionPersistence"]
    ((where, _, _),) = feature.faults(api.SessionPersistence(session_name=name), "here")
    assert where == "here.sessionName"
    assert not list(feature.faults(api.SessionPersistence(session_name="a-b.c"), "here"))


def test_faults_of_a_rule_are_those_of_its_filters_and_its_backends() -> None:
    bad = api.HTTPHeaderFilter(add=(api.HTTPHeader("x", "a\x01"),))
    use = Use("RequestHeaderModifier", bad, "one")
    other = Use("ResponseHeaderModifier", bad, "two")
    rule = Rule("r", uses=(use,), backends=(Backend("b", KEY, uses=(other,)),))
    assert [where for where, _, _ in rule_faults(rule)] == ["one.add[0].value", "two.add[0].value"]


def test_a_tab_may_stand_in_a_header() -> None:
    fine = api.HTTPHeaderFilter(set=(api.HTTPHeader("x", "a\tb é"),))
    assert not list(rule_faults(Rule("r", uses=(Use("RequestHeaderModifier", fine, "one"),))))


def test_every_filter_of_the_api_has_a_feature_and_its_spec_is_found() -> None:
    fields = [field for field in msgspec.structs.fields(api.RouteFilter) if field.name not in {"type", "extension_ref"}]
    assert len(fields) == 7
    kinds = {name for name in api.RouteFilter.__annotations__["type"].__args__ if name != "ExtensionRef"}
    assert kinds <= {feature.kind for feature in FEATURES}
    spec = api.HTTPURLRewriteFilter("a.test")
    assert filter_spec(api.RouteFilter("URLRewrite", url_rewrite=spec)) == (spec, "urlRewrite")
    with pytest.raises(ValueError, match="without a spec"):
        filter_spec(api.RouteFilter("URLRewrite"))


def test_a_feature_does_nothing_unless_it_says_so() -> None:
    plain: Feature[Any] = Feature()
    assert plain.http_filter() is None
    assert not plain.on_backend(None, route_v3.WeightedCluster.ClusterWeight())
    with pytest.raises(NotImplementedError):
        plain.on_route(None, Use("x", Match(""), ""), draft())


def test_http_filters_are_off_until_a_route_wants_them() -> None:
    made = http_filters()
    names = [one.name for one in made]
    assert names[:5] == [
        "envoy.filters.http.fault",
        "daemun.guards.first",
        "daemun.transformations.early.headers",
        "daemun.transformations.early",
        "daemun.guards.noted",
    ]
    assert len(set(names)) == len(names)
    assert all(one.disabled for one in made)
