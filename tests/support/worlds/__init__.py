"""Small worlds of manifests for Hypothesis: few names, so that objects often mean each other; good ones and broken."""

from typing import Any

from hypothesis import strategies as st

from daemun.api.decode import decode
from support.worlds.gateway_objects import classes, gateways, listener_sets, policies
from support.worlds.option_objects import options
from support.worlds.pieces import AUTHORITIES, GATEWAY, HOSTS, NAMESPACES, PEM, Doc, manifest, one, some
from support.worlds.route_objects import delegatees, match, routes, stream_routes

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
