"""Endpoints for when an Upstream's own are not well."""

from collections.abc import Iterable, Iterator

from envoy.config.endpoint.v3 import endpoint_components_pb2 as endpoint_v3

from daemun.api.gloo.failover import (
    Failover,
    FailoverPolicy,
    LbEndpoint,
    LbHealthCheckConfig,
    Locality,
    LocalityLbEndpoints,
    PrioritizedLocality,
)
from daemun.api.gloo.upstream import UpstreamSpec
from daemun.base.addresses import is_ip
from daemun.envoy.upstreams import contexts
from daemun.envoy.upstreams.encryption import put_tls
from daemun.envoy.upstreams.family import SOCKET_MATCH, Draft, Family, Fault, fill
from daemun.envoy.upstreams.hosts import address_faults, put_metadata
from daemun.gloo.served.fields import Fields
from daemun.gloo.upstreams.upstream import ResolvedUpstream

_ONE_CHECK = "Envoy asks all hosts of a cluster for the same path"
_KEY = "failover"


class FailingOver(Family):
    """`failover`: each of its levels is a further priority, after the Upstream's own endpoints."""

    serves = (
        Fields(UpstreamSpec, ("failover",)),
        Fields(Failover, ("prioritizedLocalities", "policy")),
        Fields(FailoverPolicy, ("overprovisioningFactor",)),
        Fields(PrioritizedLocality, ("localityEndpoints",)),
        Fields(LocalityLbEndpoints, ("locality", "lbEndpoints", "loadBalancingWeight")),
        Fields(Locality, ("region", "zone", "subZone")),
        Fields(
            LbEndpoint, ("address", "port", "healthCheckConfig", "upstreamSslConfig", "loadBalancingWeight", "metadata")
        ),
        Fields(LbHealthCheckConfig, ("portValue", "hostname"), {"path": _ONE_CHECK, "method": _ONE_CHECK}),
    )

    def faults(self, upstream: ResolvedUpstream) -> Iterable[Fault]:
        """Envoy resolves the names of all endpoints of a cluster, or of none."""
        resolves = upstream.spec.static is not None
        for where, endpoint in _endpoints(upstream.spec):
            yield from address_faults(where, "address", endpoint.address, endpoint.port)
            if not resolves and not is_ip(endpoint.address):
                text = f"{endpoint.address!r} is a hostname, and only static Upstreams can have those"
                yield f"{where}.address", text, "Give an address, or write a static Upstream."
            if endpoint.upstream_ssl_config is not None:
                yield from contexts.faults(f"{where}.upstreamSslConfig", endpoint.upstream_ssl_config, upstream)

    def notes(self, spec: UpstreamSpec) -> Iterable[Fault]:
        """What of the endpoints' TLS is left out."""
        for where, endpoint in _endpoints(spec):
            if endpoint.upstream_ssl_config is not None:
                yield from contexts.notes(f"{where}.upstreamSslConfig", endpoint.upstream_ssl_config)

    def on_cluster(self, spec: UpstreamSpec, draft: Draft) -> None:
        """Endpoints of lower priority, each with its own TLS if it has any."""
        if spec.failover is None:
            return
        for level, one in enumerate(spec.failover.prioritized_localities, 1):
            for locality in one.locality_endpoints:
                proto = draft.endpoints.endpoints.add(priority=level)
                if locality.locality is not None:
                    fill(proto.locality, locality.locality)
                if locality.load_balancing_weight is not None:
                    proto.load_balancing_weight.value = locality.load_balancing_weight
                for endpoint in locality.lb_endpoints:
                    _put(endpoint, proto.lb_endpoints.add(), draft)
        policy = spec.failover.policy
        if policy is not None and policy.overprovisioning_factor is not None:
            draft.endpoints.policy.overprovisioning_factor.value = policy.overprovisioning_factor


def _endpoints(spec: UpstreamSpec) -> Iterator[tuple[str, LbEndpoint]]:
    """Every endpoint, by the field that it stands in."""
    for level, one in enumerate(spec.failover.prioritized_localities if spec.failover else ()):
        for place, locality in enumerate(one.locality_endpoints):
            for index, endpoint in enumerate(locality.lb_endpoints):
                at = f"prioritizedLocalities[{level}].localityEndpoints[{place}].lbEndpoints[{index}]"
                yield f"spec.failover.{at}", endpoint


def _put(wanted: LbEndpoint, proto: endpoint_v3.LbEndpoint, draft: Draft) -> None:
    socket = proto.endpoint.address.socket_address
    socket.address, socket.port_value = wanted.address, wanted.port
    proto.endpoint.hostname = wanted.address
    if not is_ip(wanted.address):
        draft.by_name()
    if wanted.health_check_config is not None:
        fill(proto.endpoint.health_check_config, wanted.health_check_config, path=None, method=None)
    if wanted.load_balancing_weight is not None:
        proto.load_balancing_weight.value = wanted.load_balancing_weight
    put_metadata(proto.metadata, wanted.metadata)
    if wanted.upstream_ssl_config is not None and not draft.through:
        name = f"{_KEY}-{len(draft.cluster.transport_socket_matches)}"
        proto.metadata.filter_metadata[SOCKET_MATCH][_KEY] = name
        match = draft.cluster.transport_socket_matches.add(name=name)
        match.match[_KEY] = name
        put_tls(match.transport_socket, contexts.context(wanted.upstream_ssl_config, draft))
