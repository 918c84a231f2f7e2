"""TLS to an Upstream: whether, and what its hosts are called in the handshake."""

from collections.abc import Iterable

from envoy.config.core.v3 import base_pb2
from google.protobuf.message import Message

from daemun.api.gloo.ssl import UpstreamSslConfig
from daemun.api.gloo.upstream import StaticUpstreamSpec, UpstreamSpec
from daemun.base.addresses import is_ip
from daemun.envoy.tls import TLS_SOCKET
from daemun.envoy.upstreams import contexts
from daemun.envoy.upstreams.family import Draft, Family, Fault
from daemun.envoy.upstreams.hosts import SNI
from daemun.gloo.served.fields import Fields
from daemun.gloo.upstreams.upstream import ResolvedUpstream

_HTTPS = 443


class Encryption(Family):
    """`sslConfig`, and of static Upstreams `useTls`, `sniAddr` and `autoSniRewrite`.

    A host is called by its `sniAddr`, else as `sslConfig.sni` says, else by its own name; the last two change places
    where `autoSniRewrite` is written as true. An address is no name.
    """

    serves = (Fields(UpstreamSpec, ("sslConfig",)), *contexts.SERVES)
    places = (
        ("transportSocket", "spec.sslConfig"),
        ("transportSocketMatches", "spec.sslConfig"),
    )

    def faults(self, upstream: ResolvedUpstream) -> Iterable[Fault]:
        """What makes TLS impossible."""
        if upstream.spec.ssl_config is not None:
            yield from contexts.faults("spec.sslConfig", upstream.spec.ssl_config, upstream)

    def notes(self, spec: UpstreamSpec) -> Iterable[Fault]:
        """What of TLS is left out."""
        if spec.ssl_config is not None:
            yield from contexts.notes("spec.sslConfig", spec.ssl_config)

    def on_cluster(self, spec: UpstreamSpec, draft: Draft) -> None:
        """TLS on the cluster, and for hosts of another server name a TLS of their own."""
        config = spec.ssl_config
        if config is None and spec.static is not None and _plain_tls(spec.static):
            config = UpstreamSslConfig()
        if config is None or draft.through:
            return
        made = contexts.context(config, draft)
        if spec.static is not None:
            rewrite = spec.static.auto_sni_rewrite
            if rewrite or (rewrite is None and not config.sni):
                made.auto_host_sni = any(not is_ip(host.addr) for host in spec.static.hosts)
            for name in dict.fromkeys(host.sni_addr for host in spec.static.hosts if host.sni_addr):
                match = draft.cluster.transport_socket_matches.add(name=name)
                match.match[SNI] = name
                other = contexts.context(config, draft)
                other.sni = name
                put_tls(match.transport_socket, other)
        put_tls(draft.cluster.transport_socket, made)


def put_tls(socket: base_pb2.TransportSocket, context: Message) -> None:
    """Make a transport socket one of TLS."""
    socket.name = TLS_SOCKET
    socket.typed_config.Pack(context, deterministic=True)


def _plain_tls(static: StaticUpstreamSpec) -> bool:
    """Whether TLS is spoken without anything said about it: where a host is at the port of HTTPS, unless refused."""
    return any(host.port == _HTTPS for host in static.hosts) if static.use_tls is None else static.use_tls
