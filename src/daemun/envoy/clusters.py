"""Envoy clusters and their endpoints: one cluster per backend, shared by every route that uses it."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.endpoint.v3 import endpoint_pb2
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2 as http_v3

from daemun.api.core import SERVICE_NAME, Endpoint, EndpointSlice, Service, ServicePort
from daemun.base import wire
from daemun.base.names import Name, Ref
from daemun.envoy.ads import ads
from daemun.envoy.defaults import BREAKER, BUFFER_BYTES, CONNECT_SECONDS, HTTP_OPTIONS
from daemun.envoy.upstreams import built
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.backends import port_protocol
from daemun.gatewayapi.resolved import ResolvedRoute
from daemun.gloo.services import Annotated
from daemun.gloo.upstreams import ResolvedUpstream, service_of
from daemun.ir.backend import BackendKey
from daemun.ir.listener import ListenerKey
from daemun.ir.origin import Origin
from daemun.ir.resource import CLUSTER, ENDPOINT, Leaf, Part, PartKey, part
from daemun.ir.uses import ListenerUses


class ProxyBackend(NamedTuple):
    """A backend that a proxy needs."""

    proxy: str
    backend: BackendKey


def backends_of(_: Ref, resolved: ResolvedRoute) -> Iterator[ProxyBackend]:
    """The backends that a route needs, at each proxy it is attached to."""
    ways = {(attachment.frontend.proxy, attachment.through) for attachment in resolved.attachments}
    if ways:
        keys = resolved.backends()
        yield from {ProxyBackend(proxy, key.at(through)) for key in keys for proxy, through in ways}


def backends_of_listener(_: ListenerKey, uses: ListenerUses) -> Iterator[ProxyBackend]:
    """The backends that policies of a listener need."""
    yield from {ProxyBackend(proxy, key) for key in uses.backends() for proxy in uses.proxies}


def backend_of(_: ProxyBackend, needed: ProxyBackend) -> tuple[BackendKey]:
    """The backend alone, whoever needs it."""
    return (needed.backend,)


def slices_of(_: Name, one: EndpointSlice) -> Iterator[Name]:
    """The Service that an EndpointSlice belongs to."""
    service = one.metadata.labels.get(SERVICE_NAME)
    if service:
        yield Name(one.metadata.namespace, service)


class Described(msgspec.Struct, frozen=True):
    """The collections that say more of a backend than where it is: Upstreams, and annotations of Services."""

    upstreams: Collection[Name, ResolvedUpstream]
    annotated: Collection[Name, Annotated]

    def of(self, reader: Reader, key: BackendKey) -> ResolvedUpstream | None:
        """The Upstream behind a backend, or what annotations make of a Service; None for one that is unusable."""
        name = Name(key.namespace, key.name)
        if key.kind == "upstream":
            found = reader.get(self.upstreams, name)
        else:
            annotated = reader.get(self.annotated, name)
            found = annotated.ports.get(key.port) if annotated and key.protocol != "udp" else None
        return None if found is None or found.faults else found


def cluster_rule(
    described: Described,
) -> Callable[[Reader, BackendKey, BackendKey], Iterator[tuple[BackendKey, Part]]]:
    """The rule from a backend to its cluster."""

    def cluster(reader: Reader, key: BackendKey, _: BackendKey) -> Iterator[tuple[BackendKey, Part]]:
        upstream = described.of(reader, key)
        if upstream is not None:
            draft = built(key, upstream)
            yield key, part("", [Leaf(wire.encoded(draft.cluster), Origin(key.ref), secrets=(*draft.secrets,))])
        elif key.kind == "service":
            yield key, part("", [Leaf(wire.encoded(_service_cluster(key)), Origin(key.ref))])

    return cluster


def _service_cluster(key: BackendKey) -> cluster_pb2.Cluster:
    proto = cluster_pb2.Cluster(
        name=key.cluster,
        type=cluster_pb2.Cluster.EDS,
        eds_cluster_config=cluster_pb2.Cluster.EdsClusterConfig(eds_config=ads()),
        lb_policy=cluster_pb2.Cluster.LEAST_REQUEST,
        ignore_health_on_host_removal=True,
    )
    proto.connect_timeout.seconds = CONNECT_SECONDS
    proto.per_connection_buffer_limit_bytes.value = BUFFER_BYTES
    breaker = proto.circuit_breakers.thresholds.add()
    for limit in (breaker.max_connections, breaker.max_pending_requests, breaker.max_requests, breaker.max_retries):
        limit.value = BREAKER
    if key.protocol in {"http", "h2c"}:
        options = http_v3.HttpProtocolOptions()
        if key.protocol == "h2c":
            options.explicit_http_config.http2_protocol_options.SetInParent()
        else:
            options.explicit_http_config.http_protocol_options.SetInParent()
        proto.typed_extension_protocol_options[HTTP_OPTIONS].Pack(options)
    return proto


def endpoint_rule(
    services: Collection[Name, Service], slices: Index[Name, Name, EndpointSlice], described: Described
) -> Callable[[Reader, BackendKey, BackendKey], Iterator[tuple[BackendKey, Part]]]:
    """The rule from a backend to its endpoints; to none where they go with the cluster."""

    def of_service(reader: Reader, name: Name, port: int, protocol: str) -> list[tuple[str, int]]:
        return ready_endpoints(reader.get(services, name), port, reader.find(slices, name), protocol)

    def endpoints(reader: Reader, key: BackendKey, _: BackendKey) -> Iterator[tuple[BackendKey, Part]]:
        upstream = described.of(reader, key)
        if upstream is not None:
            draft = built(key, upstream)
            if draft.named:
                return
            proto, kube = draft.endpoints, upstream.spec.kube
            if kube is not None:
                _put(proto, of_service(reader, service_of(key.namespace, kube), kube.service_port, "TCP"))
        elif key.kind == "service":
            proto = endpoint_pb2.ClusterLoadAssignment(cluster_name=key.cluster)
            name = Name(key.namespace, key.name)
            _put(proto, of_service(reader, name, key.port, port_protocol(key.protocol)))
        else:
            return
        yield key, part("", [Leaf(wire.encoded(proto), Origin(key.ref))])

    return endpoints


def _put(proto: endpoint_pb2.ClusterLoadAssignment, found: list[tuple[str, int]]) -> None:
    """The endpoints of a Service. An empty assignment too: else Envoy would go on with endpoints that are gone."""
    locality = proto.endpoints.add()
    for address, port in found:
        socket = locality.lb_endpoints.add().endpoint.address.socket_address
        socket.address = address
        socket.port_value = port


def ready_endpoints(
    service: Service | None, port: int, slices: list[EndpointSlice], protocol: str = "TCP"
) -> list[tuple[str, int]]:
    """The addresses and ports of a Service's port that take requests, sorted."""
    ports = service.spec.ports if service else ()
    wanted = next((one for one in ports if one.port == port and one.protocol == protocol), None)
    if wanted is None:
        return []
    found: set[tuple[str, int]] = set()
    for one in slices:
        number = _port_in(one, wanted)
        if number is None or one.address_type == "FQDN":
            continue
        for endpoint in one.endpoints:
            if _ready(endpoint):
                found.update((address, number) for address in endpoint.addresses)
    return sorted(found)


def _port_in(one: EndpointSlice, wanted: ServicePort) -> int | None:
    """A slice's port belongs to the Service's port of the same name; a single port may go without one."""
    fitting = (port.port for port in one.ports if (port.name, port.protocol) == (wanted.name, wanted.protocol))
    return next(fitting, None)


def _ready(endpoint: Endpoint) -> bool:
    return endpoint.conditions.ready is not False


def at_proxy(
    clusters: Collection[BackendKey, Part],
    endpoints: Collection[BackendKey, Part],
    encrypted: Callable[[Reader, str, BackendKey, Leaf], Leaf | None],
) -> Callable[[Reader, ProxyBackend, ProxyBackend], Iterator[tuple[PartKey, Part]]]:
    """The rule that gives each proxy the clusters and endpoints that it needs, and no others.

    All proxies share a cluster, but for what its TLS has of the proxy's own: `encrypted` puts it on.
    """

    def place(reader: Reader, needed: ProxyBackend, _: ProxyBackend) -> Iterator[tuple[PartKey, Part]]:
        key = needed.backend
        cluster, assignment = reader.get(clusters, key), reader.get(endpoints, key)
        if cluster is None:
            return
        if key.tls:
            leaf = encrypted(reader, needed.proxy, key, cluster.leaves[0])
            if leaf is None:
                return
            cluster = part("", [leaf])
        yield PartKey(needed.proxy, CLUSTER, key.cluster), cluster
        if assignment is not None:
            yield PartKey(needed.proxy, ENDPOINT, key.cluster), assignment

    return place
