"""Upstreams at random, with all that they depend on: Services, pods, Secrets, Settings, grants, and routes to them."""

from typing import Any

from hypothesis import strategies as st

from support.worlds.pieces import AUTHORITIES, GATEWAY, NAMESPACES, PEM, maybe, one, some

GLOO = "gloo.solo.io/v1"
_PORTS = (80, 443, 8080, 0)
_hosts = some(
    st.fixed_dictionaries(
        {"addr": one("10.0.0.1", "10.0.0.2", "::1", "a.test", "not a host"), "port": one(*_PORTS)},
        optional={
            "sniAddr": one("", "b.test"),
            "loadBalancingWeight": one(1, 5),
            "metadata": one({"envoy.lb": {"a": "b"}}),
            "healthCheckConfig": one({"path": "/"}),
        },
    ),
    3,
    1,
)
_tls = maybe(
    secretRef=one({"name": "tls"}, {"name": "ca"}, {"name": "odd"}, {"name": "tls", "namespace": "far"}),
    sni=one("", "a.test"),
    verifySubjectAltName=one([], ["a.test"], ["spiffe://a", "10.0.0.1"]),
    parameters=one({"minimumProtocolVersion": "TLSv1_3"}, {}),
    alpnProtocols=one([], ["h2"]),
)
_check = st.fixed_dictionaries(
    {"timeout": one("1s"), "interval": one("1s", "0s", "1m"), "unhealthyThreshold": one(1), "healthyThreshold": one(1)},
    optional={"httpHealthCheck": one({"path": "/"}, {"path": ""}), "noTrafficInterval": one("1s")},
)
_plain = one({"tcpHealthCheck": {}}, {"tcpHealthCheck": {"send": {"text": "00"}}}, {"grpcHealthCheck": {}})
checks = some(st.one_of(_check, st.builds(lambda one, more: {**one, **more}, _check, _plain)), 2)
fields = {
    "sslConfig": _tls,
    "circuitBreakers": maybe(maxConnections=one(0, 7), maxRetries=one(1)),
    "loadBalancerConfig": one(
        {"roundRobin": {}},
        {"leastRequest": {"choiceCount": 3}},
        {"leastRequest": {"choiceCount": 1}},
        {"random": {}},
        {"ringHash": {"ringHashConfig": {"minimumRingSize": 2000, "maximumRingSize": 1000}}},
        {"maglev": {}, "useHostnameForHashing": True},
        {"localityWeightedLbConfig": {}, "updateMergeWindow": "1s"},
    ),
    "healthChecks": checks,
    "outlierDetection": one({}, {"interval": "1s"}, {"interval": "0s"}),
    "connectionConfig": maybe(
        connectTimeout=one("1s", "0s"),
        maxRequestsPerConnection=one(0, 5),
        tcpKeepalive=one({"keepaliveTime": "1s"}, {"keepaliveTime": "0.5s"}, {}),
        http1ProtocolOptions=one({"properCaseHeaderKeyFormat": True}, {"enableTrailers": True}),
        commonHttpProtocolOptions=one({"idleTimeout": "1h"}, {"maxHeadersCount": 1}),
    ),
    "useHttp2": st.booleans(),
    "protocolSelection": one("USE_DOWNSTREAM_PROTOCOL"),
    "initialStreamWindowSize": one(65535, 1),
    "proxyProtocolVersion": one("V1", "V2", "V3"),
    "preconnectPolicy": one({"perUpstreamPreconnectRatio": 1.5}, {"predictivePreconnectRatio": 9}),
    "httpProxyHostname": one("a.test:443", "a.test"),
    "httpConnectSslConfig": _tls,
    "ignoreHealthOnHostRemoval": st.booleans(),
    "respectDnsTtl": st.booleans(),
    "dnsRefreshRate": one("1s", "1us"),
    "failover": st.builds(
        lambda ends: {"prioritizedLocalities": [{"localityEndpoints": [{"lbEndpoints": ends}]}]},
        some(
            st.fixed_dictionaries(
                {"address": one("10.0.0.3", "f.test"), "port": one(80)}, optional={"upstreamSslConfig": _tls}
            ),
            2,
            1,
        ),
    ),
}
_kube = st.fixed_dictionaries(
    {"serviceName": one("a", "b", "c"), "servicePort": one(80, 81)},
    optional={
        "serviceNamespace": one("default", "far"),
        "selector": one({"app": "a"}, {"version": "v1"}),
        "subsetSpec": one(
            {"selectors": [{"keys": ["version"]}]},
            {"selectors": [{"keys": ["version"]}], "fallbackPolicy": "DEFAULT_SUBSET", "defaultSubset": {"values": {}}},
        ),
    },
)
_kinds = st.one_of(
    st.fixed_dictionaries({"kube": _kube}),
    st.fixed_dictionaries({"static": st.fixed_dictionaries({"hosts": _hosts}, optional={"useTls": st.booleans()})}),
    st.fixed_dictionaries({"pipe": one({"path": "/run/a.sock"}, {"path": ""})}),
    one({}, {"aws": {"region": "r"}}),
)
_few = st.lists(st.sampled_from(sorted(fields)), max_size=3, unique=True)
_spec = st.builds(
    lambda kind, more: {**kind, **more},
    _kinds,
    _few.flatmap(lambda names: st.fixed_dictionaries({name: fields[name] for name in names})),
)


def _object(version: str, kind: str, *names: str, **more: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    meta = st.fixed_dictionaries({"name": one(*names), "namespace": one(*NAMESPACES)})
    return st.fixed_dictionaries({"apiVersion": st.just(version), "kind": st.just(kind), "metadata": meta, **more})


upstreams = _object(GLOO, "Upstream", "u", "v", spec=_spec)
_backend = st.fixed_dictionaries(
    {"group": st.just("gloo.solo.io"), "kind": st.just("Upstream"), "name": one("u", "v")},
    optional={"namespace": one("far"), "weight": one(0, 1, 3)},
)
_service = st.fixed_dictionaries({"name": one("a", "b"), "port": one(80, 81)})
_rules = some(st.fixed_dictionaries({"backendRefs": some(st.one_of(_backend, _backend, _service), 3, 1)}), 2, 1)
_parents = st.just([{"name": "gw", "namespace": "default"}])
routes = _object(
    f"{GATEWAY}/v1",
    "HTTPRoute",
    "r",
    "s",
    spec=st.fixed_dictionaries({"parentRefs": _parents, "rules": _rules}, optional={"hostnames": one(["a.test"])}),
)
grants = _object(
    f"{GATEWAY}/v1beta1",
    "ReferenceGrant",
    "g",
    spec=st.just(
        {
            "from": [{"group": GATEWAY, "kind": "HTTPRoute", "namespace": "default"}],
            "to": [{"group": "gloo.solo.io", "kind": "Upstream"}],
        }
    ),
)
_annotations = maybe(
    **{
        "gloo.solo.io/upstream_config": one('{"useHttp2": true}', "{", '{"max_concurrent_streams": 5}', '{"nope": 1}'),
        "gloo.solo.io/h2_service": one("true", "false"),
        "gloo.solo.io/sslService.secret": one("tls", "81:ca", "gone"),
    }
)
services = st.fixed_dictionaries(
    {
        "apiVersion": st.just("v1"),
        "kind": st.just("Service"),
        "metadata": st.fixed_dictionaries(
            {"name": one("a", "b", "c"), "namespace": one(*NAMESPACES), "annotations": _annotations}
        ),
        "spec": st.fixed_dictionaries(
            {"ports": one([{"port": 80}], [{"port": 80, "name": "http2"}, {"port": 81, "name": "x"}])},
            optional={"selector": one({"app": "a"}), "type": one("ExternalName")},
        ),
    }
)
slices = st.fixed_dictionaries(
    {
        "apiVersion": st.just("discovery.k8s.io/v1"),
        "kind": st.just("EndpointSlice"),
        "metadata": st.builds(
            lambda name, service: {"name": name, "labels": {"kubernetes.io/service-name": service}},
            one("e", "f"),
            one("a", "b", "c"),
        ),
        "addressType": st.just("IPv4"),
        "ports": one([{"port": 8000}], [{"port": 8000, "name": "http2"}]),
        "endpoints": some(
            st.fixed_dictionaries(
                {"addresses": one(["10.0.0.8"], ["10.0.0.9"])},
                optional={"targetRef": one({"kind": "Pod", "name": "p"}, {"kind": "Pod", "name": "q"})},
            ),
            2,
        ),
    }
)
pods = st.builds(
    lambda name, labels: {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}},
    one("p", "q"),
    one({}, {"app": "a"}, {"app": "a", "version": "v1"}),
)
secrets = st.builds(
    lambda name, space, data: {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": space},
        "stringData": data,
    },
    one("tls", "ca", "odd"),
    one(*NAMESPACES),
    one(PEM["one"], AUTHORITIES[0], PEM["one"] | AUTHORITIES[0], {"tls.crt": "no"}, {}),
)
gloo_settings = st.builds(
    lambda spec: {
        "apiVersion": GLOO,
        "kind": "Settings",
        "metadata": {"name": "default", "namespace": "gloo-system"},
        "spec": spec,
    },
    one(
        {},
        {"gloo": {"circuitBreakers": {"maxConnections": 9}}},
        {"upstreamOptions": {"sslParameters": {"maximumProtocolVersion": "TLSv1_2"}}},
    ),
)
GATE = {
    "apiVersion": f"{GATEWAY}/v1",
    "kind": "Gateway",
    "metadata": {"name": "gw"},
    "spec": {
        "gatewayClassName": "daemun",
        "listeners": [
            {"name": "http", "port": 9090, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}}}
        ],
    },
}
anything = st.one_of(
    upstreams, upstreams, upstreams, routes, routes, grants, services, slices, pods, secrets, gloo_settings
)
ROUTE = {
    "apiVersion": f"{GATEWAY}/v1",
    "kind": "HTTPRoute",
    "metadata": {"name": "always"},
    "spec": {
        "parentRefs": [{"name": "gw"}],
        "hostnames": ["always.test"],
        "rules": [
            {"backendRefs": [{"group": "gloo.solo.io", "kind": "Upstream", "name": name} for name in ("u", "v")]}
        ],
    },
}
"""A route that uses whatever Upstreams there are."""
