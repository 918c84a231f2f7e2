"""Streams on their way: Envoy's TCP and UDP proxies, which forward what they do not read.

What has nowhere to go is sent to a cluster that never exists: a connection is closed at once, a datagram is dropped.
"""

from collections.abc import Iterable

from envoy.config.listener.v3 import listener_components_pb2 as components_v3
from envoy.extensions.filters.network.tcp_proxy.v3 import tcp_proxy_pb2
from envoy.extensions.filters.udp.udp_proxy.v3 import route_pb2, udp_proxy_pb2
from envoy.extensions.matching.common_inputs.network.v3 import network_inputs_pb2
from envoy.extensions.matching.input_matchers.runtime_fraction.v3 import runtime_fraction_pb2
from envoy.type.v3 import percent_pb2
from xds.type.matcher.v3 import matcher_pb2

from daemun.envoy.accesslog import log_to
from daemun.envoy.actions import NO_BACKEND
from daemun.features import BY_KIND, ordered
from daemun.features.drafts import ChainDraft, StreamDraft
from daemun.ir.listener import Listener
from daemun.ir.route import Backend, Use

_ATTEMPTS = 3
"""A backend that is just going away refuses connections before its endpoint is gone: another is tried."""
_MILLION = 1_000_000
_TCP_LOG = {
    "time": "%START_TIME%",
    "chain": "%FILTER_CHAIN_NAME%",
    "server_name": "%REQUESTED_SERVER_NAME%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%CONNECTION_TERMINATION_DETAILS%",
    "cluster": "%UPSTREAM_CLUSTER_RAW%",
    "upstream": "%UPSTREAM_HOST%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "bytes_in": "%BYTES_RECEIVED%",
    "bytes_out": "%BYTES_SENT%",
    "ms": "%DURATION%",
}
_SESSION = "%DYNAMIC_METADATA(udp.proxy.session:{})%"
_UDP_LOG = {
    "time": "%START_TIME%",
    "cluster": _SESSION.format("cluster_name"),
    "upstream": "%UPSTREAM_HOST%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "bytes_in": _SESSION.format("bytes_received"),
    "bytes_out": _SESSION.format("bytes_sent"),
}


def shares(backends: Iterable[Backend], through: bool = False) -> list[tuple[str, int]]:
    """Clusters and their weights. Never none: without a backend all goes nowhere."""
    found = [(backend.key.at(through).cluster if backend.key else NO_BACKEND, backend.weight) for backend in backends]
    return [(cluster, weight) for cluster, weight in found if weight] or [(NO_BACKEND, 1)]


def tcp_chain(
    name: str, to: list[tuple[str, int]], access_log: str, uses: Iterable[Use] = ()
) -> components_v3.FilterChain:
    """A filter chain whose connections go to these clusters; with what policies put on them."""
    proxy = tcp_proxy_pb2.TcpProxy(stat_prefix="tcp", max_connect_attempts={"value": _ATTEMPTS})
    if len(to) == 1:
        proxy.cluster = to[0][0]
    else:
        for cluster, weight in to:
            proxy.weighted_clusters.clusters.add(name=cluster, weight=weight)
    if access_log:
        proxy.access_log.append(log_to(access_log, _TCP_LOG))
    chain = components_v3.FilterChain(name=name)
    for use in ordered(uses):
        feature = BY_KIND[use.kind]
        if feature.works("on_chain"):
            feature.on_chain(use.spec, use, ChainDraft(chain))
        if feature.works("on_stream"):
            feature.on_stream(use.spec, use, StreamDraft(proxy))
    chain.filters.add(name="envoy.filters.network.tcp_proxy").typed_config.Pack(proxy, deterministic=True)
    return chain


def come_from(chain: components_v3.FilterChain, listener: Listener) -> None:
    """Only for clients with the addresses that the listener is for."""
    for prefix, length in listener.sources:
        chain.filter_chain_match.source_prefix_ranges.add(address_prefix=prefix, prefix_len={"value": length})


def closing_chain(name: str, access_log: str) -> components_v3.FilterChain:
    """A filter chain that closes every connection."""
    return tcp_chain(name, shares(()), access_log)


def udp_filter(to: list[tuple[str, int]], access_log: str) -> components_v3.ListenerFilter:
    """A listener filter whose sessions go to these clusters. A session is what comes from one port of one client.

    Envoy has no weighted clusters for UDP. So a session's share is drawn from its client's port: each cluster takes
    its share of what those before it have left, by a hash with a seed of its own, and the last takes the rest.
    """
    proxy = udp_proxy_pb2.UdpProxyConfig(stat_prefix="udp")
    left = sum(weight for _, weight in to)
    for seed, (cluster, weight) in enumerate(to[:-1]):
        matcher = proxy.matcher.matcher_list.matchers.add()
        _draw(matcher.predicate.single_predicate, round(weight * _MILLION / left), seed)
        _route(matcher.on_match, cluster)
        left -= weight
    _route(proxy.matcher.on_no_match, to[-1][0])
    if access_log:
        proxy.access_log.append(log_to(access_log, _UDP_LOG))
    found = components_v3.ListenerFilter(name="envoy.filters.udp_listener.udp_proxy")
    found.typed_config.Pack(proxy, deterministic=True)
    return found


def _draw(predicate: matcher_pb2.Matcher.MatcherList.Predicate.SinglePredicate, millionths: int, seed: int) -> None:
    predicate.input.name = "source port"
    predicate.input.typed_config.Pack(network_inputs_pb2.SourcePortInput(), deterministic=True)
    fraction = runtime_fraction_pb2.RuntimeFraction(seed=seed)
    fraction.runtime_fraction.default_value.numerator = millionths
    fraction.runtime_fraction.default_value.denominator = percent_pb2.FractionalPercent.MILLION
    predicate.custom_match.name = "share"
    predicate.custom_match.typed_config.Pack(fraction, deterministic=True)


def _route(match: matcher_pb2.Matcher.OnMatch, cluster: str) -> None:
    match.action.name = "route"
    match.action.typed_config.Pack(route_pb2.Route(cluster=cluster), deterministic=True)
