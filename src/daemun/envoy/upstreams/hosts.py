"""What an Upstream is: a Service's port, hosts by address or by name, or a Unix socket."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from envoy.config.core.v3 import base_pb2
from envoy.config.endpoint.v3 import endpoint_components_pb2 as endpoint_v3

from daemun.api.gloo.upstream import (
    DiscoveryMetadata,
    HostHealthCheckConfig,
    KubeUpstreamSpec,
    PipeUpstreamSpec,
    StaticHost,
    StaticUpstreamSpec,
    UpstreamSpec,
)
from daemun.base.addresses import is_ip
from daemun.envoy.upstreams.family import SOCKET_MATCH, Draft, Family, Fault
from daemun.gloo.served.fields import Fields
from daemun.gloo.upstreams.upstream import ResolvedUpstream

_ONE_CHECK = "Envoy asks all hosts of a cluster for the same path"
_HOSTNAME = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_]([-A-Za-z0-9_]{0,61}[A-Za-z0-9_])?"
    r"(\.[A-Za-z0-9_]([-A-Za-z0-9_]{0,61}[A-Za-z0-9_])?)*\.?"
)
_PATH_BYTES = 107
"""The longest path of a Unix socket that Linux knows."""
SNI = "sni"
"""The key, in an endpoint's metadata, of the server name that it is greeted with."""


class Hosts(Family):
    """`kube`, `static` and `pipe`, and what is only told of an Upstream."""

    serves = (
        Fields(UpstreamSpec, ("kube", "static", "pipe", "discoveryMetadata")),
        Fields(
            KubeUpstreamSpec,
            ("serviceName", "serviceNamespace", "servicePort", "selector", "subsetSpec", "serviceSpec"),
        ),
        Fields(StaticUpstreamSpec, ("hosts", "useTls", "autoSniRewrite", "serviceSpec")),
        Fields(StaticHost, ("addr", "port", "sniAddr", "loadBalancingWeight", "healthCheckConfig", "metadata")),
        Fields(HostHealthCheckConfig, (), {"path": _ONE_CHECK, "method": _ONE_CHECK}),
        Fields(PipeUpstreamSpec, ("path", "serviceSpec")),
        Fields(DiscoveryMetadata, ("labels",)),
    )

    def faults(self, upstream: ResolvedUpstream) -> Iterable[Fault]:
        """Hosts that cannot be reached, as written."""
        spec = upstream.spec
        if spec.static is not None:
            if not spec.static.hosts:
                yield "spec.static.hosts", "there are none", "Name at least one host."
            for index, host in enumerate(spec.static.hosts):
                yield from address_faults(f"spec.static.hosts[{index}]", "addr", host.addr, host.port)
        if spec.pipe is not None and not 0 < len(spec.pipe.path.encode()) <= _PATH_BYTES:
            yield "spec.pipe.path", f"must have 1 to {_PATH_BYTES} bytes", "Name a Unix socket."

    def on_cluster(self, spec: UpstreamSpec, draft: Draft) -> None:
        """The endpoints that it names itself; those of Services are found where Services' are."""
        if spec.static is not None:
            locality = draft.endpoints.endpoints.add()
            for host in spec.static.hosts:
                _endpoint(host, locality.lb_endpoints.add())
                if not is_ip(host.addr):
                    draft.by_name()
        elif spec.pipe is not None:
            draft.endpoints.endpoints.add().lb_endpoints.add().endpoint.address.pipe.path = spec.pipe.path


def address_faults(where: str, field: str, address: str, port: int) -> Iterable[Fault]:
    """What is wrong with an address or hostname and a port."""
    if not is_ip(address) and not _HOSTNAME.fullmatch(address):
        yield f"{where}.{field}", f"{address!r} is neither an address nor a hostname", "Write it without a scheme."
    if not 0 < port < 65_536:
        yield f"{where}.port", f"{port} is not a port", "Give 1 to 65535."


def _endpoint(host: StaticHost, proto: endpoint_v3.LbEndpoint) -> None:
    socket = proto.endpoint.address.socket_address
    socket.address, socket.port_value = host.addr, host.port
    proto.endpoint.hostname = host.addr
    if not is_ip(host.addr):
        proto.endpoint.health_check_config.hostname = host.addr
    if host.load_balancing_weight is not None:
        proto.load_balancing_weight.value = host.load_balancing_weight
    put_metadata(proto.metadata, host.metadata)
    if host.sni_addr:
        proto.metadata.filter_metadata[SOCKET_MATCH][SNI] = host.sni_addr


def put_metadata(proto: base_pb2.Metadata, metadata: Mapping[str, Mapping[str, Any]]) -> None:
    """Metadata as it is written: by the filter that it is for."""
    for name, values in metadata.items():
        proto.filter_metadata[name].update(values)
