"""Headers of Secrets where a rule and one of its backends have some: both count, each backend on a route of its own."""

import msgspec
from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.extensions.common.matching.v3 import extension_matcher_pb2 as matching_v3
from envoy.extensions.filters.http.composite.v3 import composite_pb2 as composite_v3

from daemun.api.gloo.routing import HeaderManipulation
from daemun.base.names import Name
from daemun.envoy.actions import build
from daemun.features import rare_of
from daemun.ir.backend import upstream_key
from daemun.ir.injected import SecretHeaders, header_of
from daemun.ir.route import Backend, Match, Rule, Use

PLACE = "daemun.header_secrets"


def use(secret: str, *names: str) -> Use:
    spec = msgspec.convert({"requestHeadersToAdd": [{"headerSecretRef": {"name": secret}}]}, HeaderManipulation)
    return Use("headerManipulation", spec, "spec", headers=(SecretHeaders(Name("default", secret), names),))


def injected(route: route_v3.Route) -> int:
    told, action = matching_v3.ExtensionWithMatcherPerRoute(), composite_v3.ExecuteFilterAction()
    route.typed_per_filter_config[PLACE].Unpack(told)
    told.xds_matcher.on_no_match.action.typed_config.Unpack(action)
    return len(action.filter_chain.typed_config)


def test_both_count() -> None:
    backends = tuple(
        Backend(name, upstream_key(Name("default", name)), uses=(use("of-one", "x-two", "x-three"),) * (name == "a"))
        for name in ("a", "b")
    )
    rule = Rule("spec", matches=(Match("m"),), uses=(use("of-rule", "x-one"),), backends=backends)
    routes, _ = build("r", rule, rule.matches[0], 80, tls=False)
    assert [(one.route.cluster, injected(one)) for one in routes] == [
        ("upstream/default/a", 3),
        ("upstream/default/b", 1),
    ]


def test_the_filter_is_there_for_secrets_only() -> None:
    plain = msgspec.convert({"requestHeadersToRemove": ["x"]}, HeaderManipulation)
    assert rare_of([Use("headerManipulation", plain, "spec")]) == set()
    assert rare_of([use("s", "x")]) == {"headerSecrets"}


def test_names_in_sds_say_where_a_value_is() -> None:
    one = SecretHeaders(Name("default", "s"), ("x-a",))
    assert header_of(one.resource("x-a")) == (Name("default", "s"), "x-a")
    assert header_of("default/pair") is None
