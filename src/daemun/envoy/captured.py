"""Connections that were meant for other addresses, and were redirected to a proxy: on to where they were going."""

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.listener.v3 import listener_components_pb2 as components_v3
from envoy.config.listener.v3 import listener_pb2
from envoy.extensions.filters.listener.http_inspector.v3 import http_inspector_pb2

from daemun.base import wire
from daemun.envoy.defaults import BREAKER, BUFFER_BYTES, CONNECT_SECONDS
from daemun.envoy.forward import tcp_chain
from daemun.ir.origin import Origin
from daemun.ir.resource import CLUSTER, Leaf, Part, PartKey, part

PASSING = "daemun/passing"
"""The cluster whose endpoints are wherever connections were going."""


HTTP_WORDS = ("http/1.0", "http/1.1", "h2c")
"""What Envoy says of connections that begin as HTTP does."""
_SECONDS = 1
"""How long a client may be silent, until it is taken for one whose server speaks first."""


def pass_unless_http(listener: listener_pb2.Listener, access_log: str) -> None:
    """Have what does not begin as HTTP go on to where it was going, unread: nobody has said what the port speaks."""
    inspector = listener.listener_filters.add(name="envoy.filters.listener.http_inspector")
    inspector.typed_config.Pack(http_inspector_pb2.HttpInspector(), deterministic=True)
    listener.listener_filters_timeout.seconds = _SECONDS
    listener.continue_on_listener_filters_timeout = True
    listener.default_filter_chain.CopyFrom(passing_chain(access_log))


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
