"""The objects of a peer's world: a Gateway, routes with a host each, and backends that cost next to nothing.

A backend is an Envoy that answers by itself and says who it is. Over its admin port it can be told to answer 503.
"""

import json
from typing import Any

from tests.cluster.daemun_image import NAME as IMAGE

from bench.tools.worlds import GATEWAY, Document

BACKEND_PORT, ALTERNATIVE_PORT, ADMIN_PORT = 8080, 8081, 9901
_HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"


def gateway(class_name: str) -> Document:
    """A Gateway with one listener for HTTP, which ListenerSets may add to."""
    spec = {
        "gatewayClassName": class_name,
        "allowedListeners": {"namespaces": {"from": "Same"}},
        "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}],
    }
    return {"apiVersion": GATEWAY, "kind": "Gateway", "metadata": {"name": "gate"}, "spec": spec}


def host(name: str) -> str:
    """The host of a route."""
    return f"{name}.example.com"


def rules(backend: str = "a", path: str = "/", also: str = "") -> list[Document]:
    """One rule, for a path and for another one if that is said."""
    matches = [{"path": {"type": "PathPrefix", "value": one}} for one in (path, also) if one]
    return [{"matches": matches, "backendRefs": [{"name": backend, "port": 80}]}]


def flipped(backend: str = "a") -> list[Document]:
    """The same as `rules`, but to the backend's other port, where it says `-alternative` after its name, and with a
    filter: what a route's change in gateway-api-bench is."""
    added = {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"add": [{"name": "added", "value": "yes"}]}}
    return [{"backendRefs": [{"name": backend, "port": ALTERNATIVE_PORT, "filters": [added]}]}]


def route(name: str, backend: str = "a", path: str = "/", hostname: str = "", listener_set: str = "") -> Document:
    """An HTTPRoute with a host of its own unless another is said, of the Gateway or of a ListenerSet."""
    parent = {"group": GATEWAY.split("/", maxsplit=1)[0], "kind": "ListenerSet", "name": listener_set}
    spec = {
        "parentRefs": [parent if listener_set else {"name": "gate"}],
        "hostnames": [hostname or host(name)],
        "rules": rules(backend, path),
    }
    return {"apiVersion": GATEWAY, "kind": "HTTPRoute", "metadata": {"name": name}, "spec": spec}


def listener_set(name: str) -> Document:
    """A ListenerSet with one listener for HTTPS, with a host of its own and a certificate that all share."""
    listener = {
        "name": "https",
        "hostname": host(name),
        "port": 443,
        "protocol": "HTTPS",
        "tls": {"certificateRefs": [{"name": "certificate"}]},
    }
    spec = {"parentRef": {"name": "gate"}, "listeners": [listener]}
    return {"apiVersion": GATEWAY, "kind": "ListenerSet", "metadata": {"name": name}, "spec": spec}


def service(name: str) -> Document:
    """A Service of the pods that say so, at two ports of theirs."""
    ports = [
        {"name": "http", "port": 80, "targetPort": BACKEND_PORT},
        {"name": "alternative", "port": ALTERNATIVE_PORT, "targetPort": ALTERNATIVE_PORT},
    ]
    spec = {"selector": {"service": name}, "ports": ports}
    return {"metadata": {"name": name}, "spec": spec}


def backend(name: str, service_name: str) -> Document:
    """A pod that says its name with every 200."""
    container = {
        "name": "envoy",
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "command": ["envoy"],
        "args": ["--config-yaml", json.dumps(_bootstrap(name)), "--concurrency", "1", "--log-level", "error"],
        "readinessProbe": {"tcpSocket": {"port": BACKEND_PORT}, "periodSeconds": 1},
    }
    spec = {"containers": [container], "terminationGracePeriodSeconds": 1}
    return {"metadata": {"name": name, "labels": {"service": service_name}}, "spec": spec}


def _bootstrap(name: str) -> Document:
    listeners = [_listener(BACKEND_PORT, name), _listener(ALTERNATIVE_PORT, f"{name}-alternative")]
    return {
        "admin": {"address": _address(ADMIN_PORT)},
        "layered_runtime": {"layers": [{"name": "admin", "admin_layer": {}}]},
        "static_resources": {"listeners": listeners},
    }


def _listener(port: int, name: str) -> Document:
    told = [{"header": {"key": "backend", "value": name}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]
    broken = {"default_value": {"numerator": 0}, "runtime_key": "broken"}
    routes = [
        {"match": {"prefix": "/", "runtime_fraction": broken}, "direct_response": {"status": 503}},
        {"match": {"prefix": "/"}, "direct_response": {"status": 200}},
    ]
    table = {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}], "response_headers_to_add": told}
    manager = {
        "@type": _HCM,
        "stat_prefix": "http",
        "route_config": table,
        "http_filters": [{"name": "router", "typed_config": {"@type": _ROUTER}}],
    }
    return {"address": _address(port), "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}]}


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "0.0.0.0", "port_value": port}}  # noqa: S104 - in a pod
