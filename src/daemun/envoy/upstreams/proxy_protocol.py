"""The PROXY protocol, which tells a backend who the client is."""

from collections.abc import Iterable

from envoy.config.core.v3 import proxy_protocol_pb2
from envoy.extensions.transport_sockets.proxy_protocol.v3 import upstream_proxy_protocol_pb2 as proxy_v3
from envoy.extensions.transport_sockets.raw_buffer.v3 import raw_buffer_pb2

from daemun.api.gloo.upstream import UpstreamSpec
from daemun.envoy.upstreams.family import Draft, Family, Fault
from daemun.gloo.served.fields import Fields
from daemun.gloo.upstreams.upstream import ResolvedUpstream

_VERSIONS = {"V1": proxy_protocol_pb2.ProxyProtocolConfig.V1, "V2": proxy_protocol_pb2.ProxyProtocolConfig.V2}


class ProxyProtocol(Family):
    """`proxyProtocolVersion`."""

    serves = (Fields(UpstreamSpec, ("proxyProtocolVersion",)),)

    def faults(self, upstream: ResolvedUpstream) -> Iterable[Fault]:
        """There are two versions."""
        version = upstream.spec.proxy_protocol_version
        if version is not None and version not in _VERSIONS:
            yield "spec.proxyProtocolVersion", f"{version!r} is not a version", "Give V1 or V2."

    def on_cluster(self, spec: UpstreamSpec, draft: Draft) -> None:
        """Before whatever is spoken on the connection, TLS too."""
        if spec.proxy_protocol_version is None:
            return
        for socket in draft.sockets():
            outer = proxy_v3.ProxyProtocolUpstreamTransport()
            outer.config.version = _VERSIONS[spec.proxy_protocol_version]
            if socket.name:
                outer.transport_socket.CopyFrom(socket)
            else:
                outer.transport_socket.name = "envoy.transport_sockets.raw_buffer"
                outer.transport_socket.typed_config.Pack(raw_buffer_pb2.RawBuffer(), deterministic=True)
            socket.name = "envoy.transport_sockets.upstream_proxy_protocol"
            socket.typed_config.Pack(outer, deterministic=True)
