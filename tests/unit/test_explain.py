"""What an explanation tells: who took the request, why the others did not, and what becomes of it."""

from typing import Any

import msgspec
import pytest

from daemun.base.names import Name
from daemun.explain import Explanation, explain, header_from, request_from
from daemun.features import FEATURES, Feature
from daemun.gatewayapi.settings import Settings
from daemun.translate import Translation
from support.worlds.explained import Doc, decoded, doc, gateway, listener, services

GATEWAY = gateway("gw", [listener("http", 80, None)])


def world(*documents: Doc) -> Translation:
    return decoded([*documents, *services(9)], Settings())


def route(name: str, *rules: Doc, hostnames: tuple[str, ...] = (), kind: str = "HTTPRoute", **more: Any) -> Doc:
    parent = {"name": "gw", **more.pop("parent", {})}
    spec = {"parentRefs": [parent], "hostnames": list(hostnames), "rules": list(rules)}
    return doc(kind, name, spec, **more)


def rule(path: str = "/", kind: str = "PathPrefix", *, to: Any = ("s1",), filters: Any = (), **match: Any) -> Doc:
    refs = [one if isinstance(one, dict) else {"name": one, "port": 80} for one in to]
    return {
        "matches": [{"path": {"type": kind, "value": path}, **match}],
        "backendRefs": refs,
        "filters": list(filters),
    }


def asked(made: Translation, url: str = "http://a.test/x", method: str = "GET", *headers: str) -> Explanation:
    told = explain(made, request_from(method, url, [header_from(one) for one in headers]))
    again = msgspec.json.decode(msgspec.json.encode(told), type=Explanation)
    assert again == told
    return told


def winner(told: Explanation) -> str:
    return f"{told.winner.route.name} {told.winner.match}" if told.winner else ""


def test_the_whole_way() -> None:
    told = asked(world(GATEWAY, route("r", rule("/x"))), "http://A.test/x/y?q=1")
    assert told.entry is not None
    assert (told.entry.gateway, told.entry.envoy_listener, told.entry.api_port) == (("default", "gw"), "port-8080", 80)
    assert told.entry.listener == "http"
    assert told.host is not None
    assert (told.host.virtual_host, told.host.route_config) == ("*", "port-8080/*")
    assert winner(told) == "r spec.rules[0].matches[0]"
    assert told.winner is not None
    assert told.winner.envoy_route == "HTTPRoute/default/r/spec.rules[0].matches[0]"
    (share,) = told.outcome.shares
    assert (told.outcome.kind, share.cluster, share.percent) == ("forwarded", "service/default/s1/80", 100.0)
    assert (share.endpoints, share.path, share.host) == (("127.0.0.1:9",), "/x/y?q=1", "A.test")


@pytest.mark.parametrize(
    ("match", "part", "words"),
    [
        ({"path": "/y"}, "path", "path /x does not start with /y"),
        ({"path": "/x/y"}, "path", "does not start with /x/y"),
        ({"path": "/X", "kind": "Exact"}, "path", "upper and lower case differ"),
        ({"path": "/x/", "kind": "Exact"}, "path", "one ends with a slash"),
        ({"path": "/[a-w]", "kind": "RegularExpression"}, "path", "as a whole does not match"),
        ({"method": "POST"}, "method", "the method is GET, not POST"),
        ({"headers": [{"name": "X-A", "value": "1"}]}, "header", "header x-a is '2'; it must be '1'"),
        ({"headers": [{"name": "x-b", "value": "1"}]}, "header", "there is no header x-b"),
        ({"headers": [{"name": "x-a", "value": "[01]", "type": "RegularExpression"}]}, "header", "must match '[01]'"),
        ({"queryParams": [{"name": "q", "value": "1"}]}, "query parameter", "query parameter q is '%31'"),
    ],
)
def test_why_a_candidate_does_not_match(match: Doc, part: str, words: str) -> None:
    told = asked(world(GATEWAY, route("r", rule(**match))), "http://a.test/x?q=%31&q=1", "GET", "x-a: 2")
    (candidate,) = told.before
    assert [miss.part for miss in candidate.misses] == [part]
    assert words in candidate.why
    assert (told.winner, told.outcome.status) == (None, 404)


@pytest.mark.parametrize(
    ("wins", "loses", "words"),
    [
        ({"path": "/x", "kind": "Exact"}, {"path": "/x"}, "an exact path wins"),
        ({"path": "/x.*", "kind": "RegularExpression"}, {"path": "/x"}, "an exact path wins over a regular expression"),
        ({"path": "/x"}, {"path": "/"}, "the longer path wins"),
        ({"method": "GET"}, {"headers": [{"name": "x-a", "value": "1"}]}, "names a method"),
        ({"headers": [{"name": "x-a", "value": "1"}]}, {"queryParams": [{"name": "q", "value": "1"}]}, "more headers"),
        ({"queryParams": [{"name": "q", "value": "1"}]}, {}, "more query parameters"),
    ],
)
def test_which_criterion_decided(wins: Doc, loses: Doc, words: str) -> None:
    told = asked(world(GATEWAY, route("a", rule(**loses)), route("z", rule(**wins))), "http://h/x?q=1", "GET", "x-a: 1")
    assert winner(told).startswith("z ")
    assert [candidate.route.name for candidate in told.after] == ["a"]
    assert words in told.after[0].why


@pytest.mark.parametrize(
    ("listens", "host", "order"),
    [
        ("x.w.test", "x.w.test", ["exact", "wild", "wider", "none"]),
        ("y.w.test", "y.w.test", ["wild", "wider", "none"]),
        ("*.w.test", "y.w.test", ["wild", "wider", "none"]),
        ("*.w.test", "x.w.test", ["exact"]),
        ("*.test", "y.w.test", ["wild"]),
    ],
)
def test_the_most_specific_hostname_of_a_route_decides_first(listens: str | None, host: str, order: list[str]) -> None:
    """Where the listener's is narrower than theirs routes meet at it; else each has a host of its own."""
    routes = [
        route("none", rule("/x", "Exact"), created="2021-01-01T00:00:00Z"),
        route("wider", rule("/x"), hostnames=("*.test",), created="2022-01-01T00:00:00Z"),
        route("wild", rule(), hostnames=("*.test", "*.w.test"), created="2023-01-01T00:00:00Z"),
        route("exact", rule(), hostnames=("x.w.test",), created="2024-01-01T00:00:00Z"),
    ]
    told = asked(world(gateway("gw", [listener("http", 80, listens)]), *routes), f"http://{host}/x")
    assert told.winner is not None
    assert [one.route.name for one in (told.winner, *told.after)] == order
    assert all("the more specific hostname wins" in one.why for one in told.after)


def test_age_name_and_place_decide_last() -> None:
    old, new = "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"
    told = asked(world(GATEWAY, route("a", rule(), created=new), route("b", rule(), rule(), created=old)))
    assert winner(told) == "b spec.rules[0].matches[0]"
    assert [(one.route.name, one.rule) for one in told.after] == [("b", "spec.rules[1]"), ("a", "spec.rules[0]")]
    assert "further down in the same route" in told.after[0].why
    assert f"the older route wins ({old} before {new})" in told.after[1].why
    told = asked(world(GATEWAY, route("b", rule()), route("a", rule())))
    assert "the first by namespace and name" in told.after[0].why


def test_grpc_calls_have_their_own_order() -> None:
    method = {"service": "s.S", "method": "M"}
    rules = [
        {"matches": [{"method": {"service": "s.S"}}], "backendRefs": [{"name": "s1", "port": 80}]},
        {"matches": [{"method": method}], "backendRefs": [{"name": "grpc", "port": 80}]},
    ]
    told = asked(world(GATEWAY, route("g", *rules, kind="GRPCRoute")), "http://a.test/s.S/M", "POST")
    assert winner(told) == "g spec.rules[1].matches[0]"
    assert "gRPC method" in told.after[0].why
    assert told.outcome.shares[0].protocol == "h2c"


def test_routes_that_came_near() -> None:
    gateways = gateway("gw", [listener("wild", 80, "*.a.test"), listener("any", 80, None), listener("other", 81, None)])
    made = world(
        gateways,
        route("less", rule(), hostnames=("*.a.test",), parent={"sectionName": "wild"}),
        route("own", rule("/own"), hostnames=("b.a.test",)),
        route("elsewhere", rule(), parent={"sectionName": "any"}),
        route("port", rule(), parent={"sectionName": "other"}),
        route("nowhere", rule(), parent={"sectionName": "missing"}),
        route("host", rule(), hostnames=("x.org",)),
    )
    told = asked(made, "http://b.a.test/x")
    assert told.outcome.status == 404
    near = {one.route.name: one.why for one in told.near}
    assert "its host *.a.test is less specific than b.a.test" in near["less"]
    assert "the host belongs to listener wild" in near["elsewhere"]
    assert "attached to port 8081 only" in near["port"]
    assert "is not attached: spec.parentRefs[0]: Gateway default/gw has no listener named missing" in near["nowhere"]
    assert "its hostnames (x.org) do not cover b.a.test" in near["host"]
    assert "host" not in {one.route.name for one in asked(made, "http://b.a.test/own").near}


def test_a_rule_that_was_left_out() -> None:
    told = asked(world(GATEWAY, route("r", rule("/x(", "RegularExpression"), rule("/y"))))
    assert [one.route.name for one in told.near] == ["r"]
    assert "part of it cannot be served" in told.near[0].why


def test_shares() -> None:
    to = [
        {"name": "s1", "port": 80, "weight": 3},
        {"name": "missing", "port": 80},
        {"name": "s2", "port": 80, "weight": 0},
        {"name": "empty", "port": 80, "weight": 4},
    ]
    told = asked(world(GATEWAY, route("r", rule(to=to))))
    found = [(share.percent, share.status, share.weight) for share in told.outcome.shares]
    assert found == [(37.5, 0, 3), (12.5, 500, 1), (50.0, 503, 4), (0.0, 0, 0)]
    assert "Service default/missing does not exist" in told.outcome.shares[1].why
    assert "no endpoint that is ready" in told.outcome.shares[2].why
    assert "its weight is 0" in told.outcome.shares[3].why
    assert [problem.code for problem in told.problems] == ["BackendNotFound"]


def test_filters_of_one_backend_part_the_shares() -> None:
    rewrite = {"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/n"}}}
    away = {"type": "RequestRedirect", "requestRedirect": {"hostname": "n.test"}}
    to = [
        {"name": "s1", "port": 80, "weight": 3, "filters": [rewrite]},
        {"name": "s2", "port": 80, "filters": [away]},
    ]
    told = asked(world(GATEWAY, route("r", rule("/x", to=to))), "http://a.test/x/y?q=1")
    first, second = told.outcome.shares
    assert (first.percent, first.path, first.cluster) == (75.0, "/n/y?q=1", "service/default/s1/80")
    assert (second.percent, second.status, second.location) == (25.0, 302, "http://n.test/x/y?q=1")
    assert [effect.does for effect in first.effects] == ["replaces the prefix /x of the path by /n"]
    assert first.effects[0].where == "spec.rules[0].backendRefs[0].filters[0].urlRewrite"
    assert told.outcome.why.startswith("75 % of the requests are forwarded to Service default/s1")


def test_effects_are_told_in_envoys_order() -> None:
    filters = [
        {"type": "URLRewrite", "urlRewrite": {"hostname": "in.test"}},
        {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "s2", "port": 80}, "percent": 20}},
        {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "X-A", "value": "b"}]}},
        {"type": "CORS", "cors": {"allowOrigins": ["http://o.test"]}},
    ]
    one = rule(filters=filters) | {"timeouts": {"request": "5s"}, "retry": {"codes": [503], "attempts": 2}}
    told = asked(world(GATEWAY, route("r", one)))
    assert [(effect.kind, effect.does) for effect in told.effects[1:]] == [
        ("RequestHeaderModifier", "sets header x-a: b"),
        ("RequestMirror", "sends a copy of 20 % of the requests to service/default/s2/80 and drops the answers"),
        ("URLRewrite", "replaces the host by in.test"),
        ("timeouts", "waits at most 5s for the whole request, then answers 504 (0s: no limit)"),
        ("retry", "tries again up to 2 times, on connection errors and on 503"),
    ]
    assert told.effects[0].kind == "CORS"
    assert told.outcome.shares[0].host == "in.test"


@pytest.mark.parametrize(
    ("origin", "status", "words"),
    [
        ("http://o.test", 200, "origin http://o.test is allowed"),
        ("http://no.test", 403, "http://no.test is not allowed"),
    ],
)
def test_preflights(origin: str, status: int, words: str) -> None:
    cors = {"type": "CORS", "cors": {"allowOrigins": ["http://o.test"], "allowMethods": ["POST"]}}
    made = world(GATEWAY, route("r", rule(filters=[cors], method="POST")))
    headers = (f"Origin: {origin}", "Access-Control-Request-Method: POST")
    told = asked(made, "http://a.test/x", "OPTIONS", *headers)
    assert told.winner is not None
    assert "preflights" in told.winner.why
    assert told.outcome.status == status
    assert words in told.outcome.why


def test_every_feature_has_a_sentence() -> None:
    assert [feature.kind for feature in FEATURES if type(feature).does is Feature.does] == []


def test_ports_as_the_api_says_and_as_they_are_bound() -> None:
    made = world(GATEWAY, route("r", rule()))
    assert asked(made, "http://a.test/").winner
    assert asked(made, "http://a.test:8080/").winner
    told = asked(made, "http://a.test:81/")
    assert (told.outcome.kind, told.entry) == ("refused", None)
    assert told.outcome.why == "nothing listens on port 81: the listeners have 80"


def test_a_listener_that_does_not_serve_says_why() -> None:
    https = {"name": "tls", "port": 443, "protocol": "HTTPS", "tls": {"certificateRefs": [{"name": "none"}]}}
    told = asked(world(gateway("gw", [https])), "https://a.test/")
    assert told.outcome.kind == "refused"
    assert "listener tls of Gateway default/gw does not serve" in told.outcome.why
    assert "none" in told.outcome.why


def test_several_gateways() -> None:
    first, second = (gateway(name, [listener("http", 80, host)]) for name, host in (("gw", "a.test"), ("other", None)))
    for one, address in ((first, "127.0.0.2"), (second, "127.0.0.3")):
        one["spec"]["addresses"] = [{"value": address}]
    made = world(first, second, route("r", rule()))
    told = asked(made)
    assert told.entry is not None
    assert told.entry.gateway.name == "gw"
    assert [one.gateway.name for one in told.entry.alternatives] == ["other"]
    told = asked(made, "http://127.0.0.3/", "GET", "Host: a.test")
    assert told.entry is not None
    assert (told.entry.gateway.name, told.entry.alternatives) == ("other", ())
    told = explain(made, request_from("GET", "http://a.test/"), Name("default", "other"))
    assert told.entry is not None
    assert told.entry.gateway.name == "other"
    told = explain(made, request_from("GET", "http://a.test/"), Name("default", "none"))
    assert told.outcome.why == "Gateway default/none is not one that Daemun serves"


def test_many_candidates_are_cut_to_the_nearest() -> None:
    rules = [rule(f"/far/{at}") for at in range(15)]
    documents = [route(f"r{at}", *rules) for at in range(4)]
    told = asked(world(GATEWAY, *documents, route("z", rule("/x", method="POST"))))
    assert (len(told.before), told.omitted) == (40, 21)
    assert "z" in {one.route.name for one in told.before}


@pytest.mark.parametrize(
    "spec, where",
    [
        ({"static": {"hosts": [{"addr": "backend.test", "port": 80}]}}, ("backend.test:80",)),
        ({"static": {"hosts": [{"addr": "2001:db8::1", "port": 80}]}}, ("[2001:db8::1]:80",)),
        ({"pipe": {"path": "/run/backend.sock"}}, ("/run/backend.sock",)),
        (
            {"static": {"hosts": [{"addr": "10.0.0.1", "port": 3128}]}, "httpProxyHostname": "far.test:443"},
            ("10.0.0.1:3128",),
        ),
    ],
)
def test_upstreams(spec: Doc, where: tuple[str, ...]) -> None:
    made = {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": {"name": "u"}, "spec": spec}
    to = {"group": "gloo.solo.io", "kind": "Upstream", "name": "u"}
    (share,) = asked(world(GATEWAY, made, route("r", rule("/x", to=[to])))).outcome.shares
    assert (share.cluster, share.endpoints) == ("upstream/default/u", where)
    assert share.why.startswith("forwarded to Upstream default/u (1 endpoint ready)")


def test_what_policies_put_on_the_port_is_told_and_counts() -> None:
    target = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw"}
    settings = {"mergeSlashes": False, "pathWithEscapedSlashesAction": "REJECT_REQUEST"}
    option = {
        "apiVersion": "gateway.solo.io/v1",
        "kind": "HttpListenerOption",
        "metadata": {"name": "o", "namespace": "default"},
        "spec": {"targetRefs": [target], "options": {"httpConnectionManagerSettings": settings}},
    }
    made = world(GATEWAY, option, route("r", rule("/x")))
    told = asked(made, "http://a.test/x//y")
    assert told.outcome.shares[0].path == "/x//y"
    assert winner(told) == "r spec.rules[0].matches[0]"
    assert [(one.kind, one.route.name) for one in told.effects] == [("httpConnectionManagerSettings", "o")]
    assert told.effects[0].does == "sets for the connection: pathWithEscapedSlashesAction, mergeSlashes"
    assert asked(made, "http://a.test/x%2Fy").outcome.status == 400


def delegated(name: str, *rules: Doc, **more: Any) -> Doc:
    return doc("HTTPRoute", name, {"rules": list(rules)}, **more)


def to_route(name: str) -> Doc:
    return {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": name}


def test_through_whom_a_route_is_reached() -> None:
    headers = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x", "value": "1"}]}}
    made = world(
        GATEWAY,
        route("root", rule("/a", to=[to_route("middle")], filters=[headers]), hostnames=("a.test",), created="2024"),
        delegated("middle", rule("/a/b", to=[to_route("old"), to_route("young")])),
        delegated("young", rule("/a/b/c", to=["s2"]), rule("/elsewhere"), created="2026-01-02T00:00:00Z"),
        delegated("old", rule("/a/b/c"), created="2026-01-01T00:00:00Z"),
    )
    told = asked(made, "http://a.test/a/b/c/d")
    assert winner(told) == "old spec.rules[0].matches[0]"
    assert told.winner is not None
    assert [one.name for one in told.winner.through] == ["middle", "root"]
    (loser,) = told.after
    assert (loser.route.name, [one.name for one in loser.through]) == ("young", ["middle", "root"])
    assert "of one root" in loser.why
    (effect,) = told.effects
    assert (effect.route.name, effect.where) == ("root", "spec.rules[0].filters[0].requestHeaderModifier")
    assert asked(made, "http://a.test/a/b").winner is None
    other = asked(made, "http://b.test/a/b/c/d")
    assert other.outcome.status == 404
    assert {(one.route.name, len(one.through)) for one in other.near} >= {("old", 2), ("young", 2)}


@pytest.mark.parametrize(
    "more, word",
    [
        ({}, "http"),
        ({"useHttp2": True}, "h2c"),
        ({"sslConfig": {"sni": "a.test"}}, "https"),
        ({"sslConfig": {"sni": "a.test"}, "proxyProtocolVersion": "V2"}, "https"),
        ({"sslConfig": {"sni": "a.test"}, "useHttp2": True}, "h2"),
    ],
)
def test_what_is_spoken_to_an_upstream(more: Doc, word: str) -> None:
    spec = {"pipe": {"path": "/run/backend.sock"}, **more}
    made = {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": {"name": "u"}, "spec": spec}
    to = {"group": "gloo.solo.io", "kind": "Upstream", "name": "u"}
    (share,) = asked(world(GATEWAY, made, route("r", rule("/x", to=[to])))).outcome.shares
    assert share.protocol == word


def in_mesh(name: str, *addresses: str) -> Doc:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}}
    return service | {"spec": {"clusterIPs": list(addresses), "ports": [{"port": 80}]}}


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://10.96.0.1/x", "HTTPRoute default/one"),
        ("http://first/x", "HTTPRoute default/one"),
        ("http://second.default.svc.cluster.local/x", "HTTPRoute default/two"),
        ("http://second.other/x", "no route is for second.other, port 80"),
        ("http://first:81/x", "no route is for first, port 81"),
    ],
)
def test_requests_of_a_mesh_are_for_services(url: str, words: str) -> None:
    labels = {"daemun.dev/mesh": "enabled"}
    member = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default", "labels": labels}}
    first, second = ({"group": "", "kind": "Service", "name": name} for name in ("first", "second"))
    made = world(
        member,
        in_mesh("first", "10.96.0.1"),
        in_mesh("second", "10.96.0.2", "fd00::2"),
        route("one", rule(), parent=first),
        route("two", rule(), parent=second),
    )
    told = explain(made, request_from("GET", url), Name("default", "Mesh"))
    assert words in (f"{told.winner.route}" if told.winner else told.outcome.why)
    # Who asks about a Gateway hears nothing of the mesh.
    assert "one" not in asked(made, url).outcome.why


def test_an_egress() -> None:
    out = {
        "apiVersion": "daemun.dev/v1alpha1",
        "kind": "Egress",
        "metadata": {"name": "out", "namespace": "default"},
        "spec": {"hosts": ["api.test"], "tls": {}},
    }
    to = [{"group": "daemun.dev", "kind": "Egress", "name": "out"}]
    made = decoded([GATEWAY, out, route("r", rule("/", to=to))], Settings(system_authorities="/etc/ca.crt"))
    told = asked(made, "http://api.test/x")
    (share,) = told.outcome.shares
    assert (told.outcome.kind, share.endpoints, share.protocol) == ("forwarded", ("api.test",), "https")
    assert [one.kind for one in share.effects] == ["Egress"]
    told = asked(made, "http://other.test/x")
    assert (told.outcome.kind, told.outcome.status) == ("answered", 403)
    assert "Egress default/out does not allow the host" in told.outcome.why
