"""Manifests as short Python: what a story is not about has a default."""

import base64
import copy
from collections.abc import Iterator, Sequence
from typing import Any

Doc = dict[str, Any]
_GROUP = "gateway.networking.k8s.io"


def _meta(name: str, **labels: str) -> Doc:
    namespace, _, plain = name.rpartition("/")
    meta: Doc = {"name": plain, "namespace": namespace or "default"}
    return meta | ({"labels": labels} if labels else {})


def gateway(
    name: str,
    *listeners: Doc,
    addresses: Sequence[str] = (),
    created: str = "",
    tls: Doc | None = None,
    sets: str = "",
) -> Doc:
    """A Gateway; `name` may be `namespace/name`. `sets` says from where it takes ListenerSets."""
    spec: Doc = {"gatewayClassName": "daemun", "listeners": list(listeners)}
    if tls is not None:
        spec["tls"] = tls
    if sets:
        spec["allowedListeners"] = {"namespaces": {"from": sets}}
    if addresses:
        spec["addresses"] = [{"type": "IPAddress", "value": address} for address in addresses]
    meta = _meta(name) | ({"creationTimestamp": created} if created else {})
    return {"apiVersion": f"{_GROUP}/v1", "kind": "Gateway", "metadata": meta, "spec": spec}


def listener_set(name: str, parent: str, *listeners: Doc, created: str = "") -> Doc:
    """A ListenerSet for a Gateway."""
    spec = {"parentRef": reference(parent), "listeners": list(listeners)}
    meta = _meta(name) | ({"creationTimestamp": created} if created else {})
    return {"apiVersion": f"{_GROUP}/v1", "kind": "ListenerSet", "metadata": meta, "spec": spec}


def listener(
    port: int,
    name: str = "http",
    *,
    hostname: str = "",
    certs: Sequence[str] = (),
    namespaces: str = "Same",
    protocol: str = "",
    **options: str,
) -> Doc:
    """A listener; HTTPS when it has certificates and says nothing else. TLS without certificates is passed through.

    `options` are those of its TLS that are our own; `_` in a name stands for `-`.
    """
    one: Doc = {"name": name, "port": port, "protocol": protocol or ("HTTPS" if certs else "HTTP")}
    if hostname:
        one["hostname"] = hostname
    if certs:
        one["tls"] = {"certificateRefs": [reference(cert) for cert in certs]}
        if options:
            one["tls"]["options"] = _options(options)
    elif protocol == "TLS":
        one["tls"] = {"mode": "Passthrough"}
    return one | {"allowedRoutes": {"namespaces": {"from": namespaces}}}


def _options(options: dict[str, str]) -> dict[str, str]:
    return {f"daemun.dev/{key.replace('_', '-')}": value for key, value in options.items()}


def reference(name: str, **fields: Any) -> Doc:
    """A reference to `name` or `namespace/name`."""
    namespace, _, plain = name.rpartition("/")
    return {"name": plain} | ({"namespace": namespace} if namespace else {}) | fields


def route(
    name: str,
    *rules: Doc,
    parents: Sequence[str | Doc] = ("gw",),
    hosts: Sequence[str] = (),
    kind: str = "HTTPRoute",
    version: str = "v1",
    created: str = "",
) -> Doc:
    """A route."""
    refs = [reference(parent) if isinstance(parent, str) else parent for parent in parents]
    spec: Doc = {"parentRefs": refs, "rules": list(rules)}
    if hosts:
        spec["hostnames"] = list(hosts)
    meta = _meta(name) | ({"creationTimestamp": created} if created else {})
    return {"apiVersion": f"{_GROUP}/{version}", "kind": kind, "metadata": meta, "spec": spec}


def rule(*matches: Doc, to: str | Sequence[str | Doc] = (), filters: Sequence[Doc] = (), **fields: Any) -> Doc:
    """A rule that sends what matches to the Services named in `to` (port 80)."""
    names = [to] if isinstance(to, str) else to
    found: Doc = {"backendRefs": [backend(one) if isinstance(one, str) else one for one in names]} if names else {}
    if matches:
        found["matches"] = list(matches)
    if filters:
        found["filters"] = list(filters)
    return found | fields


def backend(name: str, weight: int | None = None, *filters: Doc, port: int = 80) -> Doc:
    """A backendRef."""
    found = reference(name, port=port)
    if weight is not None:
        found["weight"] = weight
    return found | ({"filters": list(filters)} if filters else {})


def prefix(path: str, **fields: Any) -> Doc:
    """A match for whole path elements."""
    return {"path": {"type": "PathPrefix", "value": path}} | fields


def exact(path: str, **fields: Any) -> Doc:
    """A match for just this path."""
    return {"path": {"type": "Exact", "value": path}} | fields


def regex(path: str, **fields: Any) -> Doc:
    """A match for paths by an RE2 expression."""
    return {"path": {"type": "RegularExpression", "value": path}} | fields


def values(kind: str = "Exact", **wanted: str) -> list[Doc]:
    """Headers or query parameters to match; `_` in a name stands for `-`."""
    return [{"name": name.replace("_", "-"), "value": value, "type": kind} for name, value in wanted.items()]


def use(kind: str, **spec: Any) -> Doc:
    """A filter of this type."""
    field = {"URLRewrite": "urlRewrite", "CORS": "cors"}.get(kind, kind[0].lower() + kind[1:])
    return {"type": kind, field: spec}


def service(name: str, *ports: int, app_protocol: str = "", number: int = 80, protocol: str = "TCP") -> list[Doc]:
    """A Service with one port, and the EndpointSlice that says where it really is: these ports of 127.0.0.1.

    Several ports become several slices, as one slice has the same port at all its addresses.
    """
    port: Doc = {"name": "main", "port": number, "protocol": protocol}
    if app_protocol:
        port["appProtocol"] = app_protocol
    found: list[Doc] = [
        {"apiVersion": "v1", "kind": "Service", "metadata": _meta(name), "spec": {"ports": [port]}},
    ]
    plain = name.rpartition("/")[2]
    for index, at in enumerate(ports):
        found.append(
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": _meta(f"{name}-{index}", **{"kubernetes.io/service-name": plain}),
                "addressType": "IPv4",
                "ports": [{"name": "main", "port": at, "protocol": protocol}],
                "endpoints": [{"addresses": ["127.0.0.1"]}],
            }
        )
    return found


def grant(name: str, from_kind: str, from_namespace: str, to_kind: str = "Service") -> Doc:
    """A ReferenceGrant in the namespace of its name."""
    return {
        "apiVersion": f"{_GROUP}/v1beta1",
        "kind": "ReferenceGrant",
        "metadata": _meta(name),
        "spec": {
            "from": [{"group": _GROUP, "kind": from_kind, "namespace": from_namespace}],
            "to": [{"group": "", "kind": to_kind}],
        },
    }


def secret(name: str, certificate: bytes, key: bytes, ca: str = "", crl: str = "", staple: bytes = b"") -> Doc:
    """A Secret with a key pair, and what may stand beside it."""
    data = {"tls.crt": certificate.decode(), "tls.key": key.decode()}
    data |= {key: value for key, value in (("ca.crt", ca), ("ca.crl", crl)) if value}
    found = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _meta(name),
        "type": "kubernetes.io/tls",
        "stringData": data,
    }
    return found | ({"data": {"tls.ocsp-staple": base64.b64encode(staple).decode()}} if staple else {})


def authorities(name: str, *pem: str, crl: str = "") -> Doc:
    """A ConfigMap with CA certificates, and lists of what these have revoked."""
    data = {"ca.crt": "".join(pem)} | ({"ca.crl": crl} if crl else {})
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _meta(name), "data": data}


def tls_policy(
    name: str, to: str, hostname: str, *sans: str, trust: str = "ca", section: str = "", **options: str
) -> Doc:
    """A BackendTLSPolicy for a Service that trusts the ConfigMap `trust`; names with `://` are URIs.

    `options` are as those of `listener`.
    """
    target: Doc = {"group": "", "kind": "Service", "name": to} | ({"sectionName": section} if section else {})
    validation: Doc = {"hostname": hostname, "caCertificateRefs": [trusted(trust)]}
    if sans:
        validation["subjectAltNames"] = [
            {"type": "URI", "uri": san} if "://" in san else {"type": "Hostname", "hostname": san} for san in sans
        ]
    spec: Doc = {"targetRefs": [target], "validation": validation}
    if options:
        spec["options"] = _options(options)
    return {"apiVersion": f"{_GROUP}/v1", "kind": "BackendTLSPolicy", "metadata": _meta(name), "spec": spec}


def trusted(name: str) -> Doc:
    """A reference to a ConfigMap with CA certificates."""
    return {"group": "", "kind": "ConfigMap", **reference(name)}


def validation(*names: str, mode: str = "AllowValidOnly") -> Doc:
    """How clients of a listener are checked: `tls.frontend.default` or `perPort[].tls`."""
    return {"validation": {"mode": mode, "caCertificateRefs": [trusted(name) for name in names]}}


def upstream(name: str, **spec: Any) -> Doc:
    """A Gloo Upstream."""
    return {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": _meta(name), "spec": spec}


def hosts(*ports: int, address: str = "127.0.0.1") -> Doc:
    """The hosts of a static Upstream: these ports of an address or hostname."""
    return {"hosts": [{"addr": address, "port": port} for port in ports]}


def to_upstream(name: str, **fields: Any) -> Doc:
    """A backendRef to an Upstream."""
    return reference(name, group="gloo.solo.io", kind="Upstream", **fields)


def egress(name: str, *hosts: str, ports: Sequence[int] = (), asking: int = 0, **fields: Any) -> Doc:
    """An Egress; `asking` is the port of a DNS server on this machine."""
    spec: Doc = {"hosts": list(hosts), **fields}
    if ports:
        spec["ports"] = list(ports)
    if asking:
        spec["nameServers"] = [{"address": "127.0.0.1", "port": asking}]
    return {"apiVersion": "daemun.dev/v1alpha1", "kind": "Egress", "metadata": _meta(name), "spec": spec}


def to_egress(name: str, **fields: Any) -> Doc:
    """A backendRef to an Egress."""
    return reference(name, group="daemun.dev", kind="Egress", **fields)


def paths(value: Any) -> Iterator[tuple[Any, ...]]:
    """Every field in a document, and all that is in it."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (key,)
        yield from ((key, *rest) for rest in paths(inner))


def without(value: Any, path: tuple[Any, ...]) -> Any:
    """A document that lacks one field."""
    left = copy.deepcopy(value)
    at = left
    for key in path[:-1]:
        at = at[key]
    del at[path[-1]]
    return left
