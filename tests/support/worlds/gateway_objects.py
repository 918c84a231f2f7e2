"""Gateways, ListenerSets, classes, and policies for the TLS of backends."""

from typing import Any

from hypothesis import strategies as st

from support.worlds.pieces import GATEWAY, HOSTS, NAMESPACES, Doc, manifest, maybe, namespace_far, one, some

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
                [],
                [{"value": "127.0.0.2"}],
                [{"value": "0.0.0.0"}],
                [{"value": "127.0.0.3"}, {"value": "127.0.0.2"}],
                [{"type": "Hostname", "value": "x.test"}],
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
