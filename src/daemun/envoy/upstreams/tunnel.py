"""Upstreams behind a proxy that is asked by HTTP CONNECT.

Envoy asks a proxy so for connections only, not for requests. So the cluster that routes use leads to a listener within
Envoy, whose connections are tunnelled through a second cluster: that of the proxy's hosts.
"""

from collections.abc import Iterable

import msgspec
from envoy.config.core.v3 import base_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.extensions.filters.network.tcp_proxy.v3 import tcp_proxy_pb2

from daemun.api.gloo.ssl import UpstreamSslConfig
from daemun.api.gloo.upstream import UpstreamSpec
from daemun.base import wire
from daemun.base.digest import digest, version
from daemun.envoy.upstreams import contexts
from daemun.envoy.upstreams.family import Draft, Family, Fault
from daemun.features.formats import format_faults
from daemun.features.headers import HOST
from daemun.features.printable import control_faults, name_faults
from daemun.gloo.served.fields import Fields
from daemun.gloo.upstreams.upstream import ResolvedUpstream

_HOST = "spec.httpProxyHostname"


class Tunnelled(Family):
    """`httpProxyHostname`, `httpConnectSslConfig` and `httpConnectHeaders`: an endpoint within Envoy."""

    serves = (Fields(UpstreamSpec, ("httpProxyHostname", "httpConnectSslConfig", "httpConnectHeaders")),)

    def faults(self, upstream: ResolvedUpstream) -> Iterable[Fault]:
        """A proxy has to be told a host and a port, and headers that are some."""
        spec = upstream.spec
        if spec.http_proxy_hostname is not None:
            host, _, port = spec.http_proxy_hostname.rpartition(":")
            if not host or not port.isdecimal() or set(spec.http_proxy_hostname) & set("/ \r\n"):
                text = f"{spec.http_proxy_hostname!r} is not a host with its port"
                yield _HOST, text, "Write it as host:443."
        for index, header in enumerate(spec.http_connect_headers if spec.http_proxy_hostname is not None else ()):
            at = f"spec.httpConnectHeaders[{index}]"
            if header.key.lower() == HOST:
                yield f"{at}.key", "a request has just one Host, which httpProxyHostname says", "Remove it."
            else:
                yield from name_faults(header.key, f"{at}.key")
            yield from format_faults(header.value, f"{at}.value")
            yield from control_faults(header.value, f"{at}.value")
        if spec.http_connect_ssl_config is not None:
            yield from contexts.faults("spec.httpConnectSslConfig", spec.http_connect_ssl_config, upstream)

    def notes(self, spec: UpstreamSpec) -> Iterable[Fault]:
        """What is only said to a proxy, and what of TLS to it is left out."""
        if spec.http_proxy_hostname is None:
            for field, value in (
                ("httpConnectSslConfig", spec.http_connect_ssl_config),
                ("httpConnectHeaders", spec.http_connect_headers),
            ):
                if value:
                    yield f"spec.{field}", "has no effect without httpProxyHostname", "Give it, or remove this."
        elif spec.http_connect_ssl_config is not None:
            yield from contexts.notes("spec.httpConnectSslConfig", spec.http_connect_ssl_config)

    def on_cluster(self, spec: UpstreamSpec, draft: Draft) -> None:
        """Nothing: the cluster is led to the listener when both are there (`lead`)."""


def lead(draft: Draft, near: Draft, to: listener_pb2.Listener) -> None:
    """Lead a cluster to its listener.

    Connections through a tunnel live on by themselves. So the endpoint bears a digest of what it leads to: when that
    changes it is another endpoint, and connections are made anew.
    """
    cluster = draft.cluster
    cluster.type = cluster.STATIC
    cluster.ClearField("eds_cluster_config")
    cluster.load_assignment.cluster_name = cluster.name
    internal = cluster.load_assignment.endpoints.add().lb_endpoints.add().endpoint.address.envoy_internal_address
    internal.server_listener_name = to.name
    internal.endpoint_id = version(digest(*map(wire.encoded, (near.cluster, near.endpoints, to))))


def listener_name(cluster: str) -> str:
    """The name of the listener that a cluster leads to."""
    return f"tunnel/{cluster}"


def proxy_name(cluster: str) -> str:
    """The name of the cluster of the proxy's hosts."""
    return f"{cluster}/proxy"


def near_and_far(upstream: ResolvedUpstream) -> tuple[ResolvedUpstream, ResolvedUpstream]:
    """An Upstream in two: what is said of the connection to the proxy, and of what passes through the tunnel."""
    spec = upstream.spec
    static = msgspec.structs.replace(spec.static, use_tls=False) if spec.static else None
    near = msgspec.structs.replace(
        spec,
        static=static,
        ssl_config=spec.http_connect_ssl_config,
        use_http2=False,
        protocol_selection="USE_CONFIGURED_PROTOCOL",
        http_proxy_hostname=None,
    )
    far = UpstreamSpec(
        ssl_config=_named(spec),
        http_proxy_hostname=spec.http_proxy_hostname,
        **{field: getattr(spec, field) for field in _FAR},
    )
    replace = msgspec.structs.replace
    return replace(upstream, spec=near), replace(upstream, spec=far)


_FAR = (
    "circuit_breakers",
    "connection_config",
    "protocol_selection",
    "use_http2",
    "initial_stream_window_size",
    "initial_connection_window_size",
    "max_concurrent_streams",
    "override_stream_error_on_invalid_http_message",
)


def _named(spec: UpstreamSpec) -> UpstreamSslConfig | None:
    """The TLS at the end of the tunnel. What is there is called as the proxy is told, if nothing else is said."""
    if spec.ssl_config is None or spec.ssl_config.sni or spec.http_proxy_hostname is None:
        return spec.ssl_config
    return msgspec.structs.replace(spec.ssl_config, sni=spec.http_proxy_hostname.rpartition(":")[0])


def listener(cluster: str, spec: UpstreamSpec) -> listener_pb2.Listener:
    """The listener within Envoy from which connections go through the proxy."""
    proxy = tcp_proxy_pb2.TcpProxy(stat_prefix="tunnel", cluster=proxy_name(cluster))
    proxy.tunneling_config.hostname = spec.http_proxy_hostname or ""
    for header in spec.http_connect_headers:
        added = proxy.tunneling_config.headers_to_add.add()
        added.header.key, added.header.value = header.key, header.value
        added.append_action = base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
    found = listener_pb2.Listener(name=listener_name(cluster))
    found.internal_listener.SetInParent()
    chain = found.filter_chains.add(name="tunnel")
    chain.filters.add(name="envoy.filters.network.tcp_proxy").typed_config.Pack(proxy, deterministic=True)
    return found
