"""Where the requests for a backend really go: the endpoints of a Service, or those that an Upstream names itself."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from envoy.config.endpoint.v3 import endpoint_pb2

from daemun.api.core import SERVICE_NAME, Endpoint, EndpointSlice, Pod, Service, ServicePort
from daemun.api.gloo.upstream import KubeUpstreamSpec
from daemun.base import wire
from daemun.base.names import Name
from daemun.envoy.described import Described
from daemun.envoy.upstreams import built, tunnel
from daemun.envoy.upstreams.family import SOCKET_MATCH
from daemun.envoy.upstreams.meshed import ISTIO, TLS_MODE
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.routes.backends import port_protocol
from daemun.gloo.upstreams.registered import instances_of, label, subset_tags
from daemun.gloo.upstreams.upstream import service_of
from daemun.ir.backend import BackendKey
from daemun.ir.instances import Instance
from daemun.ir.origin import Origin
from daemun.ir.resource import Leaf, Part, part

SUBSET = "envoy.lb"
"""The metadata by which Envoy tells the endpoints of a cluster apart."""
_SIDECAR = "security.istio.io/tlsMode"
"""The label of pods behind a sidecar of Istio's, and how they are spoken to."""
Address = tuple[str, int]
Metadata = Mapping[str, Mapping[str, str]]
"""What Envoy knows of an endpoint, by what that is for."""
Found = dict[Address, Name | None]
"""Endpoints that take requests, with the pod that each is, if it is one."""


def slices_of(_: Name, one: EndpointSlice) -> Iterator[Name]:
    """The Service that an EndpointSlice belongs to."""
    service = one.metadata.labels.get(SERVICE_NAME)
    if service:
        yield Name(one.metadata.namespace, service)


def endpoint_rule(
    services: Collection[Name, Service],
    slices: Index[Name, Name, EndpointSlice],
    pods: Collection[Name, Pod],
    described: Described,
) -> Callable[[Reader, BackendKey, BackendKey], Iterator[tuple[BackendKey, Part]]]:
    """The rule from a backend to its endpoints; to none where they go with the cluster, or are not known yet."""

    def endpoints(reader: Reader, key: BackendKey, _: BackendKey) -> Iterator[tuple[BackendKey, Part]]:
        upstream = described.of(reader, key)
        if upstream is None and key.kind == "service":
            proto = endpoint_pb2.ClusterLoadAssignment(cluster_name=key.cluster)
            name = Name(key.namespace, key.name)
            service = reader.get(services, name)
            found = _ready_in(service, key.port, reader.find(slices, name), port_protocol(key.protocol))
            _put(proto, ((address, {}) for address in sorted(found)))
            yield key, part("", [Leaf(wire.encoded(proto), Origin(key.ref))])
        if upstream is None:
            return
        behind = tunnel(key, upstream)
        draft = behind.near if behind else built(key, upstream)
        if draft.named:
            return
        kube = upstream.spec.kube
        if upstream.lookups:
            known = described.instances
            instances = instances_of(reader, known, upstream.lookups, upstream.spec, described.guard)
            if instances is None:
                return
            _put_instances(draft.endpoints, instances, subset_tags(upstream.spec.consul))
        if kube is not None:
            name = service_of(key.namespace, kube)
            service = reader.get(services, name)
            own = _own_address(service, kube) if upstream.mesh is not None and upstream.mesh.by_address else None
            found = own or _ready_in(service, kube.service_port, reader.find(slices, name), "TCP")
            sidecars = upstream.mesh is not None and upstream.mesh.istio
            _put(draft.endpoints, _told_apart(reader, pods, kube, service, found, sidecars))
        yield key, part("", [Leaf(wire.encoded(draft.endpoints), Origin(key.ref))])

    return endpoints


def _put(proto: endpoint_pb2.ClusterLoadAssignment, found: Iterable[tuple[Address, Metadata]]) -> None:
    """The endpoints of a Service. An empty assignment too: else Envoy would go on with endpoints that are gone."""
    locality = proto.endpoints.add()
    for (address, port), metadata in found:
        endpoint = locality.lb_endpoints.add()
        socket = endpoint.endpoint.address.socket_address
        socket.address = address
        socket.port_value = port
        for of, values in metadata.items():
            endpoint.metadata.filter_metadata[of].update(values)


def _put_instances(
    proto: endpoint_pb2.ClusterLoadAssignment, found: Iterable[Instance], told_apart: tuple[str, ...]
) -> None:
    """What a registry knows; instances are told apart by these tags.

    Of several instances at one address the first counts: Envoy has each address once.
    """
    locality = proto.endpoints.add()
    seen: set[Address] = set()
    for one in found:
        if (one.address, one.port) in seen:
            continue
        seen.add((one.address, one.port))
        endpoint = locality.lb_endpoints.add()
        socket = endpoint.endpoint.address.socket_address
        socket.address, socket.port_value = one.address, one.port
        if one.weight > 1:
            endpoint.load_balancing_weight.value = one.weight
        for tag in told_apart:
            endpoint.metadata.filter_metadata[SUBSET][label(tag)] = str(int(tag in one.tags))


def _told_apart(
    reader: Reader,
    pods: Collection[Name, Pod],
    kube: KubeUpstreamSpec,
    service: Service | None,
    found: Found,
    sidecars: bool,
) -> Iterator[tuple[Address, Metadata]]:
    """The endpoints that an Upstream selects, each with the labels that make its subsets, and `sidecars` with a mark.

    Pods are read only where that takes their labels. An endpoint that is no pod was written by hand, and is kept.
    """
    chosen = kube.selector.items() - (service.spec.selector.items() if service else ())
    keys = {key for selector in kube.subset_spec.selectors for key in selector.keys} if kube.subset_spec else set()
    if kube.subset_spec and kube.subset_spec.default_subset:
        keys.update(kube.subset_spec.default_subset.values)
    for address, name in sorted(found.items(), key=lambda one: one[0]):
        if name is None or not (chosen or keys or sidecars):
            yield address, {}
            continue
        pod = reader.get(pods, name)
        labels = pod.metadata.labels if pod is not None else {}
        if chosen <= labels.items():
            metadata = {SUBSET: {key: labels[key] for key in sorted(keys) if key in labels}}
            if sidecars and labels.get(_SIDECAR) == ISTIO:
                metadata[SOCKET_MATCH] = {TLS_MODE: ISTIO}
            yield address, {of: values for of, values in metadata.items() if values}


def _own_address(service: Service | None, kube: KubeUpstreamSpec) -> Found | None:
    """A Service's own address in the place of its endpoints; None where it has none, or where only some are meant."""
    if service is None or not service.own_addresses or kube.subset_spec is not None:
        return None
    if not kube.selector.items() <= service.spec.selector.items():
        return None
    return {(service.own_addresses[0], kube.service_port): None}


def ready_endpoints(
    service: Service | None, port: int, slices: list[EndpointSlice], protocol: str = "TCP"
) -> list[Address]:
    """The addresses and ports of a Service's port that take requests, sorted."""
    return sorted(_ready_in(service, port, slices, protocol))


def _ready_in(service: Service | None, port: int, slices: list[EndpointSlice], protocol: str) -> Found:
    ports = service.spec.ports if service else ()
    wanted = next((one for one in ports if one.port == port and one.protocol == protocol), None)
    if wanted is None:
        return {}
    found: Found = {}
    for one in slices:
        number = _port_in(one, wanted)
        if number is None or one.address_type == "FQDN":
            continue
        for endpoint in one.endpoints:
            if _ready(endpoint):
                found.update(dict.fromkeys(((address, number) for address in endpoint.addresses), _pod(one, endpoint)))
    return found


def _port_in(one: EndpointSlice, wanted: ServicePort) -> int | None:
    """A slice's port belongs to the Service's port of the same name; a single port may go without one."""
    fitting = (port.port for port in one.ports if (port.name, port.protocol) == (wanted.name, wanted.protocol))
    return next(fitting, None)


def _ready(endpoint: Endpoint) -> bool:
    return endpoint.conditions.ready is not False


def _pod(one: EndpointSlice, endpoint: Endpoint) -> Name | None:
    target = endpoint.target_ref
    if target is None or target.kind != "Pod":
        return None
    return Name(target.namespace or one.metadata.namespace, target.name)
