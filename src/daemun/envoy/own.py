"""The clusters of Daemun's own servers: that of authorization, and the rate limit service."""

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import address_pb2
from envoy.config.endpoint.v3 import endpoint_components_pb2
from envoy.extensions.transport_sockets.tls.v3 import common_pb2, tls_pb2
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2 as http_v3

from daemun.envoy.defaults import BREAKER, BUFFER_BYTES, CONNECT_SECONDS, HTTP_OPTIONS
from daemun.gatewayapi.settings import Settings
from daemun.ir.backend import OWN_LIMITS, OWN_SERVER, BackendKey

_UNIX = "unix:"
_KEEPALIVE_SECONDS = 30


def own_cluster(key: BackendKey, settings: Settings) -> cluster_pb2.Cluster | None:
    """The cluster of such a server; None if there is no such server."""
    places = {
        OWN_SERVER: (settings.extauth, settings.extauth_authority),
        OWN_LIMITS: (settings.ratelimit, settings.ratelimit_authority),
    }
    address, authority = places.get(key, ("", ""))
    return _cluster(key, address, authority) if address else None


def _cluster(key: BackendKey, address: str, authority: str) -> cluster_pb2.Cluster:
    """The cluster at `unix:` and a path, or at a host and port, there with TLS if `authority` is the file with whom to
    trust. The certificate must be for that host.
    """
    proto = cluster_pb2.Cluster(name=key.cluster, lb_policy=cluster_pb2.Cluster.LEAST_REQUEST)
    proto.connect_timeout.seconds = CONNECT_SECONDS
    proto.per_connection_buffer_limit_bytes.value = BUFFER_BYTES
    breaker = proto.circuit_breakers.thresholds.add()
    for limit in (breaker.max_connections, breaker.max_pending_requests, breaker.max_requests, breaker.max_retries):
        limit.value = BREAKER
    options = http_v3.HttpProtocolOptions()
    # A server that went without a word is noticed before its requests have waited in vain.
    keepalive = options.explicit_http_config.http2_protocol_options.connection_keepalive
    keepalive.interval.seconds, keepalive.timeout.seconds = _KEEPALIVE_SECONDS, CONNECT_SECONDS
    proto.typed_extension_protocol_options[HTTP_OPTIONS].Pack(options)
    if address.startswith(_UNIX):
        where = address_pb2.Address(pipe={"path": address.removeprefix(_UNIX)})
    else:
        host, _, port = address.rpartition(":")
        where = address_pb2.Address(socket_address={"address": host, "port_value": int(port)})
        proto.type = cluster_pb2.Cluster.STRICT_DNS
        proto.dns_lookup_family = cluster_pb2.Cluster.V4_PREFERRED
        if authority:
            proto.transport_socket.name = "envoy.transport_sockets.tls"
            proto.transport_socket.typed_config.Pack(_tls(host, authority))
    endpoint = endpoint_components_pb2.LbEndpoint(endpoint={"address": where})
    proto.load_assignment.cluster_name = proto.name
    proto.load_assignment.endpoints.add().lb_endpoints.append(endpoint)
    return proto


def _tls(host: str, authority: str) -> tls_pb2.UpstreamTlsContext:
    context = tls_pb2.UpstreamTlsContext(sni=host)
    common = context.common_tls_context
    common.alpn_protocols.append("h2")
    common.tls_params.tls_minimum_protocol_version = common_pb2.TlsParameters.TLSv1_3
    common.tls_params.tls_maximum_protocol_version = common_pb2.TlsParameters.TLSv1_3
    common.validation_context.trusted_ca.filename = authority
    # kubelet swaps a whole directory at once.
    common.validation_context.watched_directory.path = authority.rpartition("/")[0]
    names = common.validation_context.match_typed_subject_alt_names
    names.add(san_type="DNS", matcher={"exact": host})
    return context
