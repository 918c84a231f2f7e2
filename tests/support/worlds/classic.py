"""Small worlds of Gloo's classic objects for Hypothesis, beside those of `worlds`: good ones and broken."""

from typing import Any

from hypothesis import strategies as st

from support.worlds.pieces import Doc, manifest, maybe, one, some

SOLO = "gateway.solo.io/v1"
GLOO = "gloo.solo.io/v1"
_NAMES = ("p", "q", "r")
_LABELS = ({}, {"team": "a"}, {"team": "b", "size": "3"})
_PATHS = ("/", "/x", "/x/", "/x/y", "/X", "", "/y")


def labelled(documents: st.SearchStrategy[Doc]) -> st.SearchStrategy[Doc]:
    """Objects with labels."""

    def put(document: Doc, labels: Doc) -> Doc:
        return {**document, "metadata": {**document["metadata"], "labels": labels}}

    return st.builds(put, documents, one(*_LABELS))


ref = st.fixed_dictionaries({"name": one(*_NAMES)}, optional={"namespace": one("default", "far", "gloo-system")})
expressions = some(
    one(
        {"key": "team", "operator": "In", "values": ["a"]},
        {"key": "team", "operator": "NotIn", "values": ["b"]},
        {"key": "size", "operator": "GreaterThan", "values": ["2"]},
        {"key": "size", "operator": "LessThan", "values": ["x"]},
        {"key": "team", "operator": "Exists"},
    ),
    2,
)
namespaces = some(one("default", "far", "*"), 2)
matcher = st.builds(
    lambda path, more: {**path, **more},
    st.one_of(
        st.builds(lambda path: {"prefix": path}, one(*_PATHS)),
        st.builds(lambda path: {"exact": path}, one(*_PATHS)),
        one({"regex": "/x.*"}, {"regex": "("}, {"connectMatcher": {}}, {}),
    ),
    maybe(
        caseSensitive=st.booleans(),
        headers=some(
            one(
                {"name": "x-a"},
                {"name": "X-A", "value": "1", "invertMatch": True},
                {"name": "x-b", "value": "[", "regex": True},
            ),
            2,
        ),
        queryParameters=some(one({"name": "q"}, {"name": "q", "value": "1", "regex": True}), 1),
        methods=one([], ["GET"], ["GET", "POST"]),
    ),
)
destination = one(
    {"kube": {"ref": {"name": "a"}, "port": 80}},
    {"kube": {"ref": {"name": "a", "namespace": "far"}, "port": 80}},
    {"kube": {"ref": {"name": "b", "namespace": "default"}, "port": 81}},
    {"upstream": {"name": "u", "namespace": "default"}},
    {"consul": {"serviceName": "a"}},
    {},
)
destinations = some(
    st.fixed_dictionaries(
        {"destination": destination}, optional={"weight": one(0, 1, 3), "options": one({}, {"csrf": {}})}
    ),
    3,
)
action = st.one_of(
    st.builds(lambda one: {"routeAction": {"single": one}}, destination),
    st.builds(lambda all_: {"routeAction": {"multi": {"destinations": all_}}}, destinations),
    st.builds(lambda to: {"routeAction": {"upstreamGroup": to}}, ref),
    one(
        {"routeAction": {"clusterHeader": "x"}},
        {"redirectAction": {"hostRedirect": "a.test", "responseCode": "FOUND"}},
        {"directResponseAction": {"status": 200, "body": "x"}},
        {"directResponseAction": {"status": 7}},
        {},
    ),
    st.builds(lambda to: {"delegateAction": {"ref": to}}, ref),
    st.builds(lambda to: {"delegateAction": {"ref": to}}, ref),
    st.builds(
        lambda selector: {"delegateAction": {"selector": selector}},
        maybe(labels=one(*_LABELS), namespaces=namespaces, expressions=expressions),
    ),
)
option_refs = st.builds(lambda refs: {"delegateOptions": refs}, some(ref, 2))
route = st.builds(
    lambda action, more: {**action, **more},
    action,
    maybe(
        matchers=some(matcher),
        inheritableMatchers=st.booleans(),
        inheritablePathMatchers=st.booleans(),
        options=one({"timeout": "1s"}, {"prefixRewrite": "/"}, {"waf": {}}),
        optionsConfigRefs=option_refs,
    ),
)
ssl = st.fixed_dictionaries(
    {"secretRef": st.fixed_dictionaries({"name": one("s", "t")}, optional={"namespace": one("default", "far")})},
    optional={"sniDomains": some(one("a.test", "*.test", "*"), 2), "oneWayTls": st.booleans()},
)
virtual_services = labelled(
    manifest(
        SOLO,
        "VirtualService",
        _NAMES,
        spec=st.fixed_dictionaries(
            {
                "virtualHost": maybe(
                    options=one({"includeRequestAttemptCount": True}, {"dlp": {}}),
                    optionsConfigRefs=option_refs,
                    domains=some(one("a.test", "A.test:80", "*.test", "*", "", "x.*"), 2),
                    routes=some(route, 3),
                )
            },
            optional={"sslConfig": ssl},
        ),
    )
)
route_tables = labelled(manifest(SOLO, "RouteTable", _NAMES, spec=maybe(routes=some(route, 3), weight=one(-1, 0, 5))))
http_gateway = maybe(
    virtualServices=some(ref, 1),
    virtualServiceSelector=one(*_LABELS),
    virtualServiceExpressions=st.builds(lambda all_: {"expressions": all_}, expressions),
    virtualServiceNamespaces=namespaces,
)
tcp_hosts = some(
    st.fixed_dictionaries(
        {
            "destination": st.one_of(
                st.builds(lambda to: {"single": to}, destination), one({"forwardSniClusterName": {}})
            )
        },
        optional={"sslConfig": st.one_of(ssl, one({"sniDomains": ["a.test"]}, {}))},
    ),
    3,
)
part = st.one_of(
    st.builds(lambda http: {"httpGateway": http}, http_gateway),
    st.builds(lambda hosts: {"tcpGateway": {"tcpHosts": hosts}}, tcp_hosts),
    one({}),
)
part_matcher = maybe(
    sslConfig=st.one_of(ssl, one({"sniDomains": ["a.test"]}, {})),
    sourcePrefixRanges=some(one({"addressPrefix": "10.0.0.0", "prefixLen": 8}, {"addressPrefix": "::1"}), 2),
)
delegated = st.one_of(
    st.builds(lambda to: {"ref": to}, ref),
    st.builds(
        lambda labels, more: {"selector": {"labels": labels, "namespaces": ["*"]}, **more},
        one(*_LABELS),
        maybe(preventChildOverrides=st.booleans(), sslConfig=ssl),
    ),
)
hybrid = maybe(
    matchedGateways=some(st.builds(lambda part, matcher: {"matcher": matcher, **part}, part, part_matcher), 3),
    delegatedHttpGateways=delegated,
    delegatedTcpGateways=st.builds(lambda to: {"ref": to}, ref),
)
matchables = labelled(
    st.one_of(
        manifest(SOLO, "MatchableHttpGateway", _NAMES, spec=maybe(matcher=part_matcher, httpGateway=http_gateway)),
        manifest(
            SOLO,
            "MatchableTcpGateway",
            _NAMES,
            spec=maybe(matcher=part_matcher, tcpGateway=st.builds(lambda hosts: {"tcpHosts": hosts}, tcp_hosts)),
        ),
    )
)
gateways = manifest(
    SOLO,
    "Gateway",
    ("g", "h", "gateway-proxy"),
    ("gloo-system", "gloo-system", "gloo-system", "default"),
    spec=st.builds(
        lambda kind, more: {**kind, **more},
        st.one_of(
            st.builds(lambda http: {"httpGateway": http}, http_gateway),
            st.builds(lambda hosts: {"tcpGateway": {"tcpHosts": hosts}}, tcp_hosts),
            st.builds(lambda all_: {"hybridGateway": all_}, hybrid),
            one({}),
        ),
        maybe(
            bindPort=one(80, 8081, 8444, 0),
            ssl=st.booleans(),
            bindAddress=one("::", "127.0.0.2"),
            useProxyProto=st.booleans(),
            proxyNames=one([], ["gateway-proxy"], ["one", "two"]),
        ),
    ),
)
options = st.one_of(
    manifest(SOLO, "RouteOption", _NAMES, spec=one({}, {"options": {"timeout": "2s", "idleTimeout": "1s"}})),
    manifest(
        SOLO, "VirtualHostOption", _NAMES, spec=one({"options": {"cors": {"allowOrigin": ["https://x.test"]}}}, {})
    ),
)
groups = manifest(GLOO, "UpstreamGroup", _NAMES, spec=st.fixed_dictionaries({"destinations": destinations}))
settings = st.builds(
    lambda gateway, gloo, more: {
        "apiVersion": GLOO,
        "kind": "Settings",
        "metadata": {"name": "default", "namespace": "gloo-system"},
        "spec": {"gateway": gateway, "gloo": gloo, **more},
    },
    maybe(readGatewaysFromAllNamespaces=st.booleans(), isolateVirtualHostsBySslConfig=st.booleans()),
    one({}, {"invalidConfigPolicy": {"replaceInvalidRoutes": True}}),
    maybe(watchNamespaces=some(one("default", "far"), 1)),
)
classic: st.SearchStrategy[Any] = st.one_of(
    virtual_services,
    virtual_services,
    virtual_services,
    route_tables,
    route_tables,
    gateways,
    groups,
    settings,
    options,
    matchables,
)
"""Any classic manifest."""
