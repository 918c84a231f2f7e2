"""Each rule of the API: something that breaks it and what is said then, and the same thing as it should be."""

from typing import Any

import pytest
import yaml

from daemun.api.decode import Decoded, decode

BACKEND = {"name": "a", "port": 80}
LISTENER = {"name": "l", "port": 80, "protocol": "HTTP"}
MIRROR = {"type": "RequestMirror", "requestMirror": {"backendRef": BACKEND}}
REDIRECT = {"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}
REWRITE = {"type": "URLRewrite", "urlRewrite": {"hostname": "a.test"}}
PREFIX = {"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}}


def read(kind: str, spec: Any, **more: Any) -> Decoded:
    group = {"EndpointSlice": "discovery.k8s.io/v1"}.get(kind, "gateway.networking.k8s.io/v1")
    body = {"spec": spec} if spec is not None else more
    decoded = decode({"apiVersion": group, "kind": kind, "metadata": {"name": "x"}, **body})
    assert decoded is not None
    return decoded


def said(decoded: Decoded) -> str:
    (only,) = decoded.problems
    assert only.mend.startswith("This is a rule of the API")
    return f"{only.where}: {only.text}"


def http(rule: str) -> Any:
    return {"rules": [yaml.safe_load(rule)]}


def mirror(spec: str) -> Any:
    return http(f"filters: [{{type: RequestMirror, requestMirror: {spec}}}]")


def auth(spec: str) -> Any:
    return http(f"filters: [{{type: ExternalAuth, externalAuth: {spec}}}]")


def path(value: str) -> Any:
    return {"rules": [{"matches": [{"path": {"value": value}}]}]}


def cors(field: str, *values: str) -> Any:
    return {"rules": [{"filters": [{"type": "CORS", "cors": {field: list(values)}}]}]}


HTTP_CASES = [
    (path("foo"), path("/foo"), "spec.rules[0].matches[0].path.value: 'foo' must start with '/'"),
    *(
        (path(f"/a{bad}b"), path("/a/b"), f"must not contain {bad!r}")
        for bad in ("//", "/./", "/../", "%2f", "%2F", "#")
    ),
    (path("/a/.."), path("/a/..b"), "must not end with"),
    (path("/a b"), path("/a%20b"), "characters that do not belong in a path"),
    (
        http("matches: [{headers: [{name: A, value: '1'}, {name: a, value: '2'}]}]"),
        http("matches: [{headers: [{name: A, value: '1'}, {name: b, value: '2'}]}]"),
        "spec.rules[0].matches[0].headers: the same name twice",
    ),
    (
        http("matches: [{queryParams: [{name: a, value: '1'}, {name: a, value: '2'}]}]"),
        http("matches: [{queryParams: [{name: a, value: '1'}, {name: A, value: '2'}]}]"),
        "spec.rules[0].matches[0].queryParams: the same name twice",
    ),
    (
        {"rules": [{"filters": [{"type": "URLRewrite"}]}]},
        {"rules": [{"filters": [REWRITE]}]},
        "its own field must be set",
    ),
    (
        {"rules": [{"filters": [{**REWRITE, **REDIRECT}]}]},
        {"rules": [{"filters": [REDIRECT]}]},
        "type is RequestRedirect: URLRewrite must not be set",
    ),
    (
        {"rules": [{"filters": [REWRITE, REWRITE]}]},
        {"rules": [{"filters": [MIRROR, MIRROR]}]},
        "a second URLRewrite filter",
    ),
    ({"rules": [{"filters": [REWRITE, REDIRECT]}]}, {"rules": [{"filters": [REWRITE]}]}, "cannot be used together"),
    (
        {"rules": [{"filters": [REDIRECT], "backendRefs": [BACKEND]}]},
        {"rules": [{"filters": [REWRITE], "backendRefs": [BACKEND]}]},
        "spec.rules[0].backendRefs: must not be given together with a RequestRedirect filter",
    ),
    (
        {"rules": [{"filters": [PREFIX], "matches": [{"path": {"type": "Exact", "value": "/a"}}]}]},
        {"rules": [{"filters": [PREFIX], "matches": [{"path": {"value": "/a"}}]}]},
        "ReplacePrefixMatch needs exactly one match, of type PathPrefix",
    ),
    (
        {"rules": [{"backendRefs": [{**BACKEND, "filters": [PREFIX]}], "matches": [{}, {}]}]},
        {"rules": [{"backendRefs": [{**BACKEND, "filters": [PREFIX]}], "matches": [{}]}]},
        "ReplacePrefixMatch needs exactly one match, of type PathPrefix",
    ),
    (
        http("filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replacePrefixMatch: /}}}]"),
        http("filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: /}}}]"),
        "spec.rules[0].filters[0].urlRewrite.path: type is ReplaceFullPath: set just the field of that name",
    ),
    (
        mirror("{backendRef: {name: a, port: 1}, percent: 1, fraction: {numerator: 1}}"),
        mirror("{backendRef: {name: a, port: 1}, fraction: {numerator: 1}}"),
        "give percent or fraction, not both",
    ),
    (
        mirror("{backendRef: {name: a, port: 1}, fraction: {numerator: 101}}"),
        mirror("{backendRef: {name: a, port: 1}, fraction: {numerator: 100}}"),
        "the numerator is above the denominator",
    ),
    (
        mirror("{backendRef: {name: a}}"),
        {"rules": [{"filters": [MIRROR]}]},
        "spec.rules[0].filters[0].requestMirror.backendRef.port: must be given for a Service",
    ),
    (
        http("backendRefs: [{name: a}]"),
        http("backendRefs: [{name: a, kind: B, group: x.test}]"),
        "must be given for a Service",
    ),
    (
        cors("allowOrigins", "*", "https://a.test"),
        cors("allowOrigins", "*"),
        "cors.allowOrigins: '*' cannot stand with others",
    ),
    (
        cors("allowMethods", "*", "GET"),
        cors("allowMethods", "GET", "PUT"),
        "cors.allowMethods: '*' cannot stand with others",
    ),
    (cors("allowHeaders", "*", "a"), cors("allowHeaders", "a", "b"), "cors.allowHeaders: '*' cannot stand with others"),
    (
        auth("{protocol: HTTP, backendRef: {name: a, port: 1}, grpc: {}}"),
        auth("{protocol: HTTP, backendRef: {name: a, port: 1}, http: {}}"),
        "protocol is HTTP: set just the field http",
    ),
    (
        http("timeouts: {request: 1s, backendRequest: 1001ms}"),
        http("timeouts: {request: 0s, backendRequest: 1001ms}"),
        "spec.rules[0].timeouts.backendRequest: is longer than timeouts.request",
    ),
    (
        http("sessionPersistence: {type: Header, cookieConfig: {}}"),
        http("sessionPersistence: {type: Cookie, cookieConfig: {}}"),
        "spec.rules[0].sessionPersistence.cookieConfig: must not be set for type Header",
    ),
    (
        http("sessionPersistence: {cookieConfig: {lifetimeType: Permanent}}"),
        http("sessionPersistence: {cookieConfig: {lifetimeType: Permanent}, absoluteTimeout: 1h}"),
        "spec.rules[0].sessionPersistence.absoluteTimeout: must be given when the cookie's lifetimeType is Permanent",
    ),
    ({"rules": [{"name": "n"}, {"name": "n"}]}, {"rules": [{"name": "n"}, {}, {}]}, "two rules have the same name"),
    (
        {"rules": [{"matches": [{}] * 64}, {"matches": [{}] * 64}, {}]},
        {"rules": [{"matches": [{}] * 64}, {"matches": [{}] * 64}]},
        "spec.rules: more than 128 matches in all",
    ),
    (
        {"parentRefs": [{"name": "g"}, {"name": "g"}]},
        {"parentRefs": [{"name": "g"}, {"name": "g", "namespace": "n"}]},
        "spec.parentRefs: 'g' is named twice; sectionName or port must differ",
    ),
    (
        {"parentRefs": [{"name": "g"}, {"name": "g", "sectionName": "s"}]},
        {"parentRefs": [{"name": "g", "port": 80}, {"name": "g", "sectionName": "s"}]},
        "spec.parentRefs: 'g' is named several times, but not always with sectionName or port",
    ),
]
GRPC_CASES = [
    ({"rules": [{"matches": [{"method": {}}]}]}, {"rules": [{"matches": [{}]}]}, "service or method must be given"),
    (
        {"rules": [{"matches": [{"method": {"service": "a/b"}}]}]},
        {"rules": [{"matches": [{"method": {"service": "a/b", "type": "RegularExpression"}}]}]},
        "spec.rules[0].matches[0].method.service: 'a/b' is not the name of a gRPC service",
    ),
    (
        {"rules": [{"matches": [{"method": {"method": "a.b"}}]}]},
        {"rules": [{"matches": [{"method": {"service": "a.b", "method": "C_1"}}]}]},
        "spec.rules[0].matches[0].method.method: 'a.b' is not the name of a gRPC method",
    ),
    (
        {"rules": [{"filters": [REDIRECT]}]},
        {"rules": [{"filters": [MIRROR]}]},
        "RequestRedirect is not a filter of this kind",
    ),
    ({"rules": [{"name": "n"}, {"name": "n"}]}, {"rules": [{"name": "n"}]}, "two rules have the same name"),
    (
        {"rules": [{"matches": [{}] * 64}] * 2 + [{}]},
        {"rules": [{"matches": [{}] * 64}] * 2},
        "more than 128 matches in all",
    ),
    (
        {"rules": [{"sessionPersistence": {"type": "Header", "cookieConfig": {}}}]},
        {"rules": [{"sessionPersistence": {"type": "Header"}}]},
        "must not be set for type Header",
    ),
]
TLS = {"certificateRefs": [{"name": "s"}]}
CA = {"validation": {"caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "ca"}]}}


def gateway(*listeners: Any, **more: Any) -> Any:
    return {"gatewayClassName": "c", "listeners": [{**LISTENER, **one} for one in listeners or ({},)], **more}


def ports(*numbers: int) -> Any:
    return gateway(tls={"frontend": {"default": {}, "perPort": [{"port": number, "tls": CA} for number in numbers]}})


GATEWAY_CASES = [
    (
        gateway({"tls": TLS}),
        gateway({"tls": TLS, "protocol": "HTTPS"}),
        "spec.listeners[0].tls: must not be set for protocol HTTP",
    ),
    (
        gateway({"protocol": "HTTPS", "tls": {"mode": "Passthrough"}}),
        gateway({"protocol": "TLS", "tls": {"mode": "Passthrough"}}),
        "tls.mode: must be Terminate for protocol HTTPS",
    ),
    (gateway({"protocol": "TLS"}), gateway({"protocol": "HTTPS"}), "tls: must be set for protocol TLS"),
    (
        gateway({"protocol": "TCP", "hostname": "a.test"}),
        gateway({"protocol": "TCP"}),
        "hostname: must not be set for protocol TCP",
    ),
    *(
        (gateway({"hostname": bad}), gateway({"hostname": "*.a-b.test"}), f"{bad!r} is not a hostname")
        for bad in ("A.test", "*", "a.*.test", "-a.test", "a..test")
    ),
    (
        gateway({"protocol": "HTTPS", "tls": {}}),
        gateway({"protocol": "HTTPS", "tls": {"options": {"x.test/y": "z"}}}),
        "tls.certificateRefs: must be given when mode is Terminate",
    ),
    (
        gateway({}, {"port": 81}),
        gateway({}, {"port": 81, "name": "m"}),
        "spec.listeners[1].name: a second listener named 'l'",
    ),
    (
        gateway({}, {"name": "m"}),
        gateway({}, {"name": "m", "hostname": "a.test"}),
        "spec.listeners[1]: a second listener with the same port, protocol and hostname",
    ),
    (
        gateway(addresses=[{"value": "a.test"}]),
        gateway(addresses=[{"value": "::1"}, {}]),
        "'a.test' is not an IP address",
    ),
    (
        gateway(addresses=[{"type": "Hostname", "value": "1_2"}]),
        gateway(addresses=[{"type": "Hostname", "value": "a.test"}]),
        "spec.addresses[0].value: '1_2' is not a hostname",
    ),
    (
        gateway(addresses=[{"value": "10.0.0.1"}, {"value": "10.0.0.1"}]),
        gateway(addresses=[{}, {}]),
        "spec.addresses: the same address twice",
    ),
    (ports(443, 443), ports(443, 444), "spec.tls.frontend.perPort: the same port twice"),
]


@pytest.mark.parametrize(("bad", "good", "expected"), HTTP_CASES)
def test_rules_of_http_routes(bad: Any, good: Any, expected: str) -> None:
    assert expected in said(read("HTTPRoute", bad))
    assert read("HTTPRoute", good).value is not None


@pytest.mark.parametrize(("bad", "good", "expected"), GRPC_CASES)
def test_rules_of_grpc_routes(bad: Any, good: Any, expected: str) -> None:
    assert expected in said(read("GRPCRoute", bad))
    assert read("GRPCRoute", good).value is not None


@pytest.mark.parametrize(("bad", "good", "expected"), GATEWAY_CASES)
def test_rules_of_gateways(bad: Any, good: Any, expected: str) -> None:
    assert expected in said(read("Gateway", bad))
    assert read("Gateway", good).value is not None


def test_addresses_of_endpoints_are_addresses() -> None:
    bad = read("EndpointSlice", None, endpoints=[{"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.256"]}])
    assert said(bad) == "endpoints[1].addresses[0]: '10.0.0.256' is not an IP address"
    names = read("EndpointSlice", None, addressType="FQDN", endpoints=[{"addresses": ["a.test"]}])
    assert names.value is not None


def test_a_regex_is_not_held_to_the_rules_of_paths() -> None:
    spec = {"rules": [{"matches": [{"path": {"type": "RegularExpression", "value": "a//(b|#)"}}]}]}
    assert read("HTTPRoute", spec).value is not None
