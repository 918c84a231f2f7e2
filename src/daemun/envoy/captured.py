"""Connections that were meant for other addresses, and were redirected to a proxy: on to where they were going."""

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.listener.v3 import listener_components_pb2 as components_v3

from daemun.base import wire
from daemun.envoy.defaults import BREAKER, BUFFER_BYTES, CONNECT_SECONDS
from daemun.envoy.forward import tcp_chain
from daemun.ir.origin import Origin
from daemun.ir.resource import CLUSTER, Leaf, Part, PartKey, part

PASSING = "daemun/passing"
"""The cluster whose endpoints are wherever connections were going."""


def passing_chain(access_log: str) -> components_v3.FilterChain:
    """A filter chain whose connections go to where they were going."""
    return tcp_chain("passing", [(PASSING, 1)], access_log)


def passing_cluster(proxy: str, origin: Origin) -> tuple[PartKey, Part]:
    """The cluster for the connections of a proxy that just pass, as they come in at `origin`."""
    proto = cluster_pb2.Cluster(
        name=PASSING, type=cluster_pb2.Cluster.ORIGINAL_DST, lb_policy=cluster_pb2.Cluster.CLUSTER_PROVIDED
    )
    proto.connect_timeout.seconds = CONNECT_SECONDS
    proto.per_connection_buffer_limit_bytes.value = BUFFER_BYTES
    breaker = proto.circuit_breakers.thresholds.add()
    for limit in (breaker.max_connections, breaker.max_pending_requests):
        limit.value = BREAKER
    return PartKey(proxy, CLUSTER, PASSING), part("", [Leaf(wire.encoded(proto), origin)])
