"""The clusters of no object's: of Daemun's own servers, of authorization and of rate limits, and of a cloud's own."""

from envoy.config.cluster.v3 import cluster_pb2, outlier_detection_pb2
from envoy.config.core.v3 import address_pb2, health_check_pb2
from envoy.config.endpoint.v3 import endpoint_components_pb2
from envoy.extensions.transport_sockets.tls.v3 import common_pb2, tls_pb2
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2 as http_v3

from daemun.envoy.ads import ads
from daemun.envoy.defaults import BUFFER_BYTES, CONNECT_SECONDS, HTTP_OPTIONS, bounded
from daemun.gatewayapi.settings import Settings
from daemun.ir.auth import PROXIES
from daemun.ir.backend import GCP_METADATA, OWN_LIMITS, OWN_SERVER, BackendKey

_UNIX = "unix:"
_LOOK_SECONDS, _PATIENCE_SECONDS = 1, 2
PROXY_PAIR = str(PROXIES)
"""The key pair of proxies, as an SDS secret."""


def own_cluster(key: BackendKey, settings: Settings) -> cluster_pb2.Cluster | None:
    """The cluster of such a server; None if there is no such server."""
    if key == GCP_METADATA:
        return _metadata_server(key, settings.gcp_metadata)
    places = {
        OWN_SERVER: (settings.extauth, settings.extauth_authority),
        OWN_LIMITS: (settings.ratelimit, settings.ratelimit_authority),
    }
    address, authority = places.get(key, ("", ""))
    return _cluster(key, address, authority) if address else None


def _metadata_server(key: BackendKey, address: str) -> cluster_pb2.Cluster:
    """The cluster of what tells machines in a cloud who they are: plain HTTP, and just one."""
    host, _, port = address.rpartition(":")
    proto = cluster_pb2.Cluster(name=key.cluster, type=cluster_pb2.Cluster.STRICT_DNS)
    proto.dns_lookup_family = cluster_pb2.Cluster.V4_PREFERRED
    proto.connect_timeout.seconds = CONNECT_SECONDS
    proto.per_connection_buffer_limit_bytes.value = BUFFER_BYTES
    where = address_pb2.Address(socket_address={"address": host, "port_value": int(port)})
    proto.load_assignment.cluster_name = proto.name
    endpoint = endpoint_components_pb2.LbEndpoint(endpoint={"address": where})
    proto.load_assignment.endpoints.add().lb_endpoints.append(endpoint)
    return proto


def _cluster(key: BackendKey, address: str, authority: str) -> cluster_pb2.Cluster:
    """The cluster at `unix:` and a path, or at a host and port, there with TLS if `authority` is the file with whom to
    trust. The certificate must be for that host, and who asks shows that of proxies.

    Over the network there may be several. One that died or stands still is asked no more within seconds, and what it
    was being asked is asked of another; when all seem to be gone all are asked.
    """
    # In turn: one that has just died has the least requests, and would be asked again and again until it is out.
    proto = cluster_pb2.Cluster(name=key.cluster, lb_policy=cluster_pb2.Cluster.ROUND_ROBIN)
    bounded(proto)
    options = http_v3.HttpProtocolOptions()
    # A server that stands still is noticed, and its requests go to another, before they have waited in vain.
    keepalive = options.explicit_http_config.http2_protocol_options.connection_keepalive
    keepalive.interval.seconds, keepalive.timeout.seconds = _LOOK_SECONDS, _PATIENCE_SECONDS
    proto.typed_extension_protocol_options[HTTP_OPTIONS].Pack(options)
    if address.startswith(_UNIX):
        where = address_pb2.Address(pipe={"path": address.removeprefix(_UNIX)})
    else:
        host, _, port = address.rpartition(":")
        where = address_pb2.Address(socket_address={"address": host, "port_value": int(port)})
        proto.type = cluster_pb2.Cluster.STRICT_DNS
        proto.dns_lookup_family = cluster_pb2.Cluster.V4_PREFERRED
        proto.ignore_health_on_host_removal = True  # one that ends answers on for longer than it is in the DNS
        proto.common_lb_config.healthy_panic_threshold.value = 1
        # Else a change of health waits up to a second when there was one just before it: a replica that is lost when
        # another has just come back would be asked on, and that outlasts the attempts of some requests.
        proto.common_lb_config.update_merge_window.SetInParent()
        proto.health_checks.append(_health())
        _eject(proto.outlier_detection)
        if authority:
            proto.transport_socket.name = "envoy.transport_sockets.tls"
            proto.transport_socket.typed_config.Pack(_tls(host, authority))
    endpoint = endpoint_components_pb2.LbEndpoint(endpoint={"address": where})
    proto.load_assignment.cluster_name = proto.name
    proto.load_assignment.endpoints.add().lb_endpoints.append(endpoint)
    return proto


def _health() -> health_check_pb2.HealthCheck:
    made = health_check_pb2.HealthCheck(grpc_health_check={})
    made.interval.seconds = made.no_traffic_interval.seconds = _LOOK_SECONDS
    made.timeout.seconds = _PATIENCE_SECONDS
    made.unhealthy_threshold.value = made.healthy_threshold.value = 1
    return made


def _eject(found: outlier_detection_pb2.OutlierDetection) -> None:
    """The first connection that fails takes a replica out, so that who is asked again is another one.

    What its requests are answered says nothing of it: that is for the check of its health, which also takes it in.
    """
    found.split_external_local_origin_errors = True
    found.consecutive_local_origin_failure.value = 1
    found.enforcing_consecutive_local_origin_failure.value = found.max_ejection_percent.value = 100
    found.enforcing_local_origin_success_rate.value = found.enforcing_success_rate.value = 0
    found.enforcing_consecutive_5xx.value = found.enforcing_consecutive_gateway_failure.value = 0
    found.base_ejection_time.seconds = found.interval.seconds = _LOOK_SECONDS


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
    common.tls_certificate_sds_secret_configs.add(name=PROXY_PAIR, sds_config=ads())
    return context
