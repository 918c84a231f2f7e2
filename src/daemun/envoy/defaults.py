"""What holds of every cluster, whatever kind of backend it is for, unless somebody says otherwise."""

from envoy.config.cluster.v3 import cluster_pb2

BUFFER_BYTES = 32 * 1024
CONNECT_SECONDS = 5
BREAKER = 65_536
"""Envoy's default of 1,024 connections, pending and active requests turns a busy hour into 503s."""
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
"""The name of a cluster's options for HTTP."""


def bounded(proto: cluster_pb2.Cluster) -> None:
    """Set on a cluster what holds of every one."""
    proto.connect_timeout.seconds = CONNECT_SECONDS
    proto.per_connection_buffer_limit_bytes.value = BUFFER_BYTES
    breaker = proto.circuit_breakers.thresholds.add()
    for limit in (breaker.max_connections, breaker.max_pending_requests, breaker.max_requests, breaker.max_retries):
        limit.value = BREAKER
