"""Small worlds of manifests for Hypothesis: few names, so that objects often mean each other; good ones and broken."""

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from daemun.api.decode import decode
from support.cases import documents

Doc = dict[str, Any]
GATEWAY = "gateway.networking.k8s.io"
NAMESPACES = ("default", "default", "default", "far")
HOSTS = ("", "a.test", "b.a.test", "*.a.test", "*.test", "c.other")
PEM = {
    doc["metadata"]["name"]: doc["stringData"]
    for doc in documents((Path(__file__).parents[1] / "golden" / "base.yaml").read_text())
    if doc["kind"] == "Secret"
}
AUTHORITIES = [
    doc["data"]
    for doc in documents((Path(__file__).parents[1] / "golden" / "base.yaml").read_text())
    if doc["kind"] == "ConfigMap"
]


def one(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


def maybe(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Doc]:
    """A mapping with some of the fields."""
    return st.fixed_dictionaries({}, optional=fields)


def some(values: st.SearchStrategy[Any], most: int = 2, least: int = 0) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=least, max_size=most)


def manifest(
    version: str,
    kind: str,
    names: tuple[str, ...],
    namespaces: tuple[str, ...] = NAMESPACES,
    **fields: st.SearchStrategy[Any],
) -> st.SearchStrategy[Doc]:
    metadata = st.fixed_dictionaries(
        {"name": one(*names), "namespace": one(*namespaces)},
        optional={
            "creationTimestamp": one("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", None),
            "generation": st.integers(1, 3),
        },
    )
    return st.fixed_dictionaries(
        {"apiVersion": st.just(version), "kind": st.just(kind), "metadata": metadata, **fields}
    )


namespace_far = {"namespace": one("far")}
namespace = maybe(namespace=one(*NAMESPACES))
terminate = st.fixed_dictionaries(
    {"certificateRefs": some(st.fixed_dictionaries({"name": one("s", "t")}, optional=namespace_far), 2, 1)}
)
allowed_routes = maybe(
    namespaces=one({"from": "All"}, {"from": "None"}, {"from": "Selector", "selector": {"matchLabels": {"x": "1"}}}),
    kinds=some(one({"kind": "HTTPRoute"}, {"kind": "GRPCRoute"}, {"kind": "TLSRoute"}, {"kind": "UDPRoute"}), 2, 1),
)


def listeners(*protocols: str, **optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Doc]:
    return st.fixed_dictionaries(
        {"name": one("one", "two", "three"), "port": one(80, 443, 8080, 8443), "protocol": one(*protocols)},
        optional={"allowedRoutes": allowed_routes, **optional},
    )


listener = st.one_of(
    listeners("HTTP", hostname=one(*HOSTS)),
    listeners(
        "HTTPS", "TLS", hostname=one(*HOSTS), tls=st.one_of(terminate, terminate, st.just({"mode": "Passthrough"}))
    ),
    listeners("TCP", "UDP"),
    listeners("HTTP", "HTTPS", "TLS", "TCP", "OTHER", hostname=one(*HOSTS), tls=terminate),
)
authority = one(
    {"group": "", "kind": "ConfigMap", "name": "c"},
    {"group": "", "kind": "ConfigMap", "name": "d"},
    {"group": "", "kind": "Secret", "name": "s"},
    {"group": "x.test", "kind": "Y", "name": "z"},
)
validation = st.fixed_dictionaries(
    {
        "caCertificateRefs": some(
            st.builds(lambda ref, more: {**ref, **more}, authority, maybe(namespace=one(*NAMESPACES))), 2, 1
        )
    },
    optional={"mode": one("AllowValidOnly", "AllowInsecureFallback")},
)
just_validation = maybe(validation=validation)
gateways = manifest(
    f"{GATEWAY}/v1",
    "Gateway",
    ("g", "h"),
    spec=st.fixed_dictionaries(
        {
            "gatewayClassName": one("daemun", "daemun", "daemun", "ours", "other"),
            "listeners": st.lists(listener, min_size=1, max_size=3, unique_by=lambda item: item["name"]),
        },
        optional={
            "addresses": one(
                [], [{"value": "127.0.0.2"}], [{"value": "0.0.0.0"}], [{"type": "Hostname", "value": "x.test"}]
            ),
            "allowedListeners": maybe(
                namespaces=one(
                    {"from": "Same"},
                    {"from": "All"},
                    {"from": "All"},
                    {"from": "Selector", "selector": {"matchLabels": {"x": "1"}}},
                )
            ),
            "infrastructure": one({}, {}, {"parametersRef": {"group": "", "kind": "ConfigMap", "name": "x"}}),
            "tls": maybe(
                backend=maybe(clientCertificateRef=one({"name": "s"}, {"name": "t", "namespace": "far"})),
                frontend=st.fixed_dictionaries(
                    {"default": just_validation},
                    optional={"perPort": some(st.fixed_dictionaries({"port": one(443), "tls": just_validation}), 1)},
                ),
            ),
        },
    ),
)
listener_sets = manifest(
    f"{GATEWAY}/v1",
    "ListenerSet",
    ("g", "k"),
    spec=st.fixed_dictionaries(
        {
            "parentRef": st.fixed_dictionaries({"name": one("g", "g", "h")}, optional={"namespace": one(*NAMESPACES)}),
            "listeners": st.lists(listener, min_size=1, max_size=3, unique_by=lambda item: item["name"]),
        }
    ),
)
classes = st.fixed_dictionaries(
    {
        "apiVersion": st.just(f"{GATEWAY}/v1"),
        "kind": st.just("GatewayClass"),
        "metadata": st.just({"name": "ours"}),
        "spec": one(
            {"controllerName": "daemun.dev/gateway-controller"},
            {"controllerName": "example.com/other"},
            {
                "controllerName": "daemun.dev/gateway-controller",
                "parametersRef": {"group": "", "kind": "ConfigMap", "name": "y", "namespace": "default"},
            },
        ),
    }
)
backend = st.fixed_dictionaries({"name": one("a", "b"), "port": one(80, 81)}, optional={"namespace": one("far")})
filters = one(
    {
        "type": "RequestHeaderModifier",
        "requestHeaderModifier": {"set": [{"name": "host", "value": "x%"}], "remove": ["y"]},
    },
    {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"add": [{"name": "x", "value": "\x01"}]}},
    {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "b", "port": 80}, "percent": 5}},
    {"type": "ExtensionRef", "extensionRef": {"group": "x.test", "kind": "Y", "name": "z"}},
    {"type": "ExtensionRef", "extensionRef": {"group": "gateway.solo.io", "kind": "RouteOption", "name": "p"}},
    {"type": "ExtensionRef", "extensionRef": {"group": "gateway.gloo.solo.io", "kind": "DirectResponse", "name": "q"}},
)
http_filters = st.one_of(
    filters,
    one(
        {"type": "URLRewrite", "urlRewrite": {"hostname": "z.test"}},
        {"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplaceFullPath", "replaceFullPath": "new path"}}},
        {"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "port": 8443}},
        {"type": "CORS", "cors": {"allowOrigins": ["https://*.test"], "allowMethods": ["GET"]}},
        {
            "type": "ExternalAuth",
            "externalAuth": {"protocol": "GRPC", "backendRef": {"name": "a", "port": 80}, "grpc": {}},
        },
    ),
)
match = maybe(
    path=one({"value": "/x"}, {"type": "Exact", "value": "/x"}, {"type": "RegularExpression", "value": "("}),
    method=one("GET", "POST"),
    headers=some(one({"name": "H", "value": "1"}, {"name": "k", "type": "RegularExpression", "value": "[0-9]+"}), 1),
)


gateway_parent = st.fixed_dictionaries(
    {"name": one("g", "h")},
    optional={
        "kind": one("ListenerSet"),
        "namespace": one(*NAMESPACES),
        "sectionName": one("one", "two", "three"),
        "port": one(80),
    },
)
service_parent = st.fixed_dictionaries(
    {"group": one(""), "kind": one("Service"), "name": one("a", "b")},
    optional={"namespace": one(*NAMESPACES), "sectionName": one("h"), "port": one(80, 81)},
)
parent = st.one_of(gateway_parent, gateway_parent, gateway_parent, service_parent)


def stream_routes(kind: str, version: str = "v1", **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Doc]:
    refs = some(st.builds(lambda ref, weight: {**ref, **weight}, backend, maybe(weight=one(0, 3))), 3, 1)
    rules = some(st.fixed_dictionaries({"backendRefs": refs}), 1 if version == "v1" else 2, 1)
    return manifest(
        f"{GATEWAY}/{version}",
        kind,
        ("p", "q"),
        spec=st.fixed_dictionaries({"parentRefs": some(parent, 2, 1), "rules": rules, **fields}),
    )


delegate = st.one_of(
    st.fixed_dictionaries(
        {"group": one(GATEWAY), "kind": one("HTTPRoute"), "name": one("p", "q", "r", "*")},
        optional={"namespace": one("far", "default")},
    ),
    st.fixed_dictionaries(
        {"group": one("delegation.gateway.solo.io"), "kind": one("label"), "name": one("x")},
        optional={"namespace": one("far", "all")},
    ),
)
"""What a rule delegates to."""
delegating_parent = st.fixed_dictionaries(
    {"group": one(GATEWAY), "kind": one("HTTPRoute"), "name": one("root", "root", "p", "q", "r")},
    optional={"namespace": one("default")},
)


def routes(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Doc]:
    uses = filters if kind == "GRPCRoute" else http_filters
    refs = st.one_of(backend, backend, delegate) if kind == "HTTPRoute" else backend
    rule = maybe(
        backendRefs=some(
            st.builds(lambda ref, more: {**ref, **more}, refs, maybe(weight=one(0, 3), filters=some(uses, 1)))
        ),
        filters=some(uses),
        **fields,
    )
    return manifest(
        f"{GATEWAY}/v1",
        kind,
        ("p", "q"),
        spec=st.fixed_dictionaries(
            {"parentRefs": some(parent, 2, 1), "rules": some(rule, 2, 1)},
            optional={"hostnames": some(one(*HOSTS[1:]), 2)},
        ),
    )


def _marked(document: Doc, labels: Doc, annotations: Doc) -> Doc:
    metadata = {**document["metadata"], "labels": labels, "annotations": annotations}
    return {**document, "metadata": metadata}


_CALM = (
    [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x", "value": "1"}]}}],
    [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["x"]}}],
    [{"type": "URLRewrite", "urlRewrite": {"hostname": "z.test"}}],
    [{"type": "ExtensionRef", "extensionRef": {"group": "gateway.solo.io", "kind": "RouteOption", "name": "o"}}],
    [{"type": "ResponseHeaderModifier", "responseHeaderModifier": {"add": [{"name": "x", "value": "\x01"}]}}],
)
delegatees = st.builds(
    _marked,
    manifest(
        f"{GATEWAY}/v1",
        "HTTPRoute",
        ("p", "q", "r"),
        spec=st.fixed_dictionaries(
            {
                "parentRefs": st.one_of(
                    st.just([]), some(st.one_of(delegating_parent, delegating_parent, parent), 2)
                ).map(lambda refs: list({str(ref): ref for ref in refs}.values())),
                "rules": some(
                    maybe(
                        matches=some(match),
                        backendRefs=some(st.one_of(backend, delegate), 2, 1),
                        filters=one([], [], *_CALM),
                    ),
                    2,
                    1,
                ),
            },
            optional={"hostnames": one([], [], [], ["a.test"])},
        ),
    ),
    one({}, {"delegation.gateway.solo.io/label": "x"}),
    one(
        {},
        {"delegation.gateway.solo.io/inherit-parent-matcher": "true"},
        {"delegation.gateway.solo.io/enable-policy-overrides": "*"},
        {"delegation.gateway.solo.io/enable-policy-overrides": "faults,timeout"},
    ),
)
"""HTTPRoutes that delegate, or that others delegate to, or both, in circles too."""
route_options = manifest(
    "gateway.solo.io/v1",
    "RouteOption",
    ("o", "u"),
    spec=st.fixed_dictionaries(
        {
            "targetRefs": some(
                st.fixed_dictionaries({"group": one(GATEWAY), "kind": one("HTTPRoute"), "name": one("root", "p", "q")}),
                2,
            ),
            "options": one(
                {"timeout": "1s"}, {"timeout": "2s", "faults": {"abort": {"percentage": 1, "httpStatus": 503}}}
            ),
        }
    ),
)
roots = manifest(
    f"{GATEWAY}/v1",
    "HTTPRoute",
    ("root", "p"),
    ("default",),
    spec=st.fixed_dictionaries(
        {
            "parentRefs": some(parent, 2),
            "rules": some(
                st.fixed_dictionaries(
                    {"backendRefs": some(st.one_of(backend, delegate, delegate), 2, 1)},
                    optional={
                        "matches": some(match),
                        "filters": one([], *_CALM),
                        "timeouts": one({"request": "1s"}),
                    },
                ),
                2,
                1,
            ),
        },
        optional={"hostnames": one([], [], [], ["a.test"])},
    ),
)
delegation_world = st.one_of(delegatees, delegatees, delegatees, route_options, roots)
"""What delegation is made of."""


policies = manifest(
    f"{GATEWAY}/v1",
    "BackendTLSPolicy",
    ("p", "q"),
    spec=st.fixed_dictionaries(
        {
            "targetRefs": some(
                st.fixed_dictionaries(
                    {"group": one(""), "kind": one("Service"), "name": one("a", "b")},
                    optional={"sectionName": one("h")},
                ),
                2,
                1,
            ),
            "validation": st.builds(
                lambda authorities, more: {"hostname": "a.test", **authorities, **more},
                st.one_of(
                    some(authority, 2, 1).map(lambda refs: {"caCertificateRefs": refs}),
                    one({"wellKnownCACertificates": "System"}, {"wellKnownCACertificates": "x.test/ours"}),
                ),
                maybe(
                    subjectAltNames=some(
                        one({"type": "Hostname", "hostname": "*.a.test"}, {"type": "URI", "uri": "spiffe://a.test/b"})
                    )
                ),
            ),
        }
    ),
)


def option(kind: str, targets: st.SearchStrategy[Any], **options: st.SearchStrategy[Any]) -> st.SearchStrategy[Doc]:
    return manifest(
        "gateway.solo.io/v1",
        kind,
        ("p", "q"),
        spec=maybe(
            targetRefs=some(st.builds(lambda ref, more: {"group": GATEWAY, **ref, **more}, targets, namespace), 2),
            options=maybe(**options),
        ),
    )


of_routes = one(
    {"kind": "HTTPRoute", "name": "p"}, {"kind": "GRPCRoute", "name": "p"}, {"kind": "Gateway", "name": "g"}
)
of_listeners = st.builds(
    lambda ref, more: {**ref, **more},
    one({"kind": "Gateway", "name": "g"}, {"kind": "Gateway", "name": "g"}, {"kind": "ListenerSet", "name": "k"}),
    maybe(sectionName=one("one", "two", "no")),
)
LIMITS = [
    {"key": "generic_key", "value": "all", "rateLimit": {"requestsPerUnit": 1000000, "unit": "SECOND"}},
    {"key": "generic_key", "value": "all", "rateLimit": {"requestsPerUnit": 1, "unit": "SECOND"}},
]
RATES = [{"actions": [{"genericKey": {"descriptorValue": "all"}}]}]
everywhere = {
    "headerManipulation": one({"requestHeadersToAdd": [{"header": {"key": "x", "value": "1"}}]}, {}),
    "retries": one({"retryOn": "5xx"}, {"retryBackOff": {"maxInterval": "1s"}}),
    "csrf": one({}, {"additionalOrigins": [{"safeRegex": {"regex": "("}}]}),
    "cors": one({"allowOrigin": ["https://a.test"]}, {"allowOrigin": ["*"]}),
    "bufferPerRoute": one({"disabled": True}, {"buffer": {"maxRequestBytes": 100}}),
    "ratelimit": one(
        {"localRatelimit": {"maxTokens": 1000000}},
        {"localRatelimit": {}},
        {"rateLimits": [{"actions": [{"remoteAddress": {}}]}]},
    ),
    "rateLimitConfigs": one(
        *({"refs": [{"name": name, "namespace": where}]} for name in "lm" for where in ("", "far"))
    ),
    "waf": one({}, {"disabled": True}),
}
options = st.one_of(
    option(
        "RouteOption",
        of_routes,
        **everywhere,
        prefixRewrite=one("/y", "/"),
        regexRewrite=one(
            {"pattern": {"regex": "^/(x)"}, "substitution": "/\\1\\1"}, {"pattern": {"regex": "("}, "substitution": ""}
        ),
        hostRewriteHeader=one("h", ""),
        hostRewritePathRegex=one({"pattern": {"regex": "/(.*)"}, "substitution": "\\1.test"}),
        timeout=one("0s", "1.5s"),
        ratelimitBasic=one({}, {"anonymousLimits": {"requestsPerUnit": 1000000, "unit": "SECOND"}}),
    ),
    option(
        "VirtualHostOption",
        of_listeners,
        **everywhere,
        stats=one({"virtualClusters": [{"name": "x", "pattern": "/x"}]}),
        includeRequestAttemptCount=one(True, False),
    ),
    option(
        "HttpListenerOption",
        of_listeners,
        ratelimitServer=one({}, {"denyOnFail": False, "ratelimitServerRef": {"name": "no"}}),
    ),
    manifest(
        "ratelimit.solo.io/v1alpha1",
        "RateLimitConfig",
        ("l", "m"),
        spec=one({}, *({"raw": {"descriptors": LIMITS[:count], "rateLimits": RATES}} for count in (1, 2))),
    ),
    manifest(
        "daemun.dev/v1alpha1",
        "RateLimitPolicy",
        ("l", "m"),
        spec=st.fixed_dictionaries(
            {"targetRefs": st.one_of(of_routes, of_listeners).map(lambda ref: [ref])},
            optional={
                "local": one([{"requests": 1000000}], [{"requests": 1000000, "by": [{"type": "Path"}]}]),
                "global": one([{"requests": 1000000, "shadow": True}], [{"requests": 1, "by": [{"type": "Header"}]}]),
            },
        ),
    ),
    option("HttpListenerOption", of_listeners, csrf=everywhere["csrf"], waf=everywhere["waf"]),
    option("ListenerOption", of_listeners, perConnectionBufferLimitBytes=one(1000)),
    st.fixed_dictionaries(
        {
            "apiVersion": one("gateway.gloo.solo.io/v1alpha1"),
            "kind": one("DirectResponse"),
            "metadata": one({"name": "p"}, {"name": "q"}),
            "spec": one({"status": 418, "body": "x"}, {"status": 200}),
        }
    ),
)


one_of_streams = st.one_of(
    stream_routes("TCPRoute"),
    stream_routes("UDPRoute"),
    stream_routes("TCPRoute", "v1alpha2"),
    stream_routes("UDPRoute"),
)
world = st.one_of(
    gateways,
    policies,
    gateways,
    listener_sets,
    routes(
        "HTTPRoute",
        matches=some(match),
        timeouts=one({"request": "1s"}),
        retry=one({"attempts": 2}),
        sessionPersistence=one({}, {"type": "Header", "sessionName": "no name"}),
    ),
    delegatees,
    delegatees,
    stream_routes("TLSRoute", hostnames=some(one(*HOSTS[1:]), 2, 1)),
    one_of_streams,
    options,
    routes("GRPCRoute", matches=some(one({"method": {"service": "s"}}, {"method": {"method": "M"}}, {}))),
    classes,
    manifest(
        "v1",
        "Service",
        ("a", "b"),
        spec=st.fixed_dictionaries(
            {
                "ports": some(
                    one(
                        {"port": 80},
                        {"port": 81, "name": "h", "appProtocol": "kubernetes.io/h2c"},
                        {"port": 80, "protocol": "UDP"},
                    ),
                    2,
                )
            },
            optional={"type": one("ExternalName"), "clusterIP": one("None", "10.96.0.1", "10.96.0.2")},
        ),
    ),
    st.builds(
        lambda doc, service: {
            **doc,
            "metadata": {**doc["metadata"], "labels": {"kubernetes.io/service-name": service}},
        },
        manifest(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            ("x", "y"),
            ports=some(one({"port": 8000}, {"port": 8001, "name": "h"}, {"port": 8002, "protocol": "UDP"})),
            endpoints=some(
                one({"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.2"], "conditions": {"ready": False}})
            ),
        ),
        one("a", "b"),
    ),
    manifest(
        f"{GATEWAY}/v1beta1",
        "ReferenceGrant",
        ("x", "y"),
        ("far", "far", "default"),
        spec=st.fixed_dictionaries(
            {
                "from": some(
                    one(
                        *(
                            {"group": GATEWAY, "kind": kind, "namespace": "default"}
                            for kind in ("Gateway", "HTTPRoute", "TCPRoute", "ListenerSet")
                        )
                    ),
                    2,
                    1,
                ),
                "to": some(
                    one(
                        {"group": "", "kind": "Secret"},
                        {"group": "", "kind": "ConfigMap"},
                        {"group": "", "kind": "Service", "name": "a"},
                    ),
                    2,
                    1,
                ),
            }
        ),
    ),
    manifest("v1", "ConfigMap", ("c", "d"), data=one(*AUTHORITIES, {}, {"ca.crt": "x"})),
    manifest(
        "v1", "ConfigMap", ("x", "y"), data=one({"replicas": "2"}, {"replicas": "no"}, {"serviceType": '"NodePort"'})
    ),
    manifest(
        "v1",
        "Service",
        ("g-daemun", "g-ours"),
        spec=one({"type": "LoadBalancer"}, {"clusterIP": "10.0.0.9"}),
        status=one({}, {"loadBalancer": {"ingress": [{"ip": "127.0.0.2"}]}}),
    ),
    manifest("v1", "Secret", ("s", "t"), stringData=one(*PEM.values(), {}, {"tls.crt": "x", "tls.key": "y"})),
    st.builds(
        lambda name, labels: {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}},
        one(*NAMESPACES),
        one({}, {"x": "1"}, {"daemun.dev/mesh": "enabled"}),
    ),
)
"""Any manifest of the world."""


UDP = {"port": 80, "protocol": "UDP"}
CORE = [
    {
        "apiVersion": f"{GATEWAY}/v1",
        "kind": "Gateway",
        "metadata": {"name": "g"},
        "spec": {
            "gatewayClassName": "daemun",
            "allowedListeners": {"namespaces": {"from": "All"}},
            "listeners": [
                {"name": "one", "port": 80, "protocol": "HTTP"},
                {
                    "name": "two",
                    "port": 443,
                    "protocol": "HTTPS",
                    "tls": {"certificateRefs": [{"name": "s"}, {"name": "s", "namespace": "far"}]},
                },
                {"name": "three", "port": 443, "protocol": "TLS", "hostname": "*.test", "tls": {"mode": "Passthrough"}},
                {"name": "tcp", "port": 8080, "protocol": "TCP"},
                {"name": "udp", "port": 8080, "protocol": "UDP"},
            ],
        },
    },
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "a"},
        "spec": {"clusterIP": "10.96.0.7", "ports": [{"port": 80}, UDP]},
    },
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "a", "namespace": "far"},
        "spec": {"clusterIP": "10.96.0.8", "ports": [{"port": 80}]},
    },
    {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "x", "labels": {"kubernetes.io/service-name": "a"}},
        "endpoints": [{"addresses": ["10.0.0.1"]}],
        "ports": [{"port": 8000}, {"port": 8002, "protocol": "UDP"}],
    },
    {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": PEM["one"]},
    {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "far"}, "stringData": PEM["two"]},
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": AUTHORITIES[0]},
    {
        "apiVersion": f"{GATEWAY}/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "p"},
        "spec": {
            "parentRefs": [{"name": "g"}],
            "rules": [{"backendRefs": [{"name": "a", "port": 80}, {"name": "a", "port": 80, "namespace": "far"}]}],
        },
    },
    {
        "apiVersion": f"{GATEWAY}/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "root"},
        "spec": {
            "parentRefs": [{"name": "g"}],
            "rules": [
                {"backendRefs": [{"group": GATEWAY, "kind": "HTTPRoute", "name": "*"}]},
                {
                    "matches": [{"path": {"value": "/x"}}],
                    "filters": [{"type": "URLRewrite", "urlRewrite": {"hostname": "z.test"}}],
                    "backendRefs": [
                        {"group": "delegation.gateway.solo.io", "kind": "label", "name": "x", "namespace": "all"},
                        {"name": "a", "port": 80},
                    ],
                },
            ],
        },
    },
]
"""What every world starts with, so that most of what comes finds something to refer to; it may be replaced."""


def change(document: Doc, gone: bool) -> Any:
    """What the document comes to when it is written: its object, or nothing when it is no longer or not a good one."""
    decoded = decode(document)
    assert decoded is not None
    return decoded.ref, None if gone else decoded.value
