"""Configuration that Envoy rejects, by the message it is in: what makes it bad, and words of what Envoy says to it."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from envoy.extensions.filters.http.buffer.v3.buffer_pb2 import BufferPerRoute
from envoy.extensions.filters.http.cors.v3.cors_pb2 import CorsPolicy
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as http
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import DownstreamTlsContext, UpstreamTlsContext
from google.protobuf.message import Message

from support.objects.certificates import authority
from support.scenes.spoiler import Spoil


class Bad(msgspec.Struct, frozen=True):
    """One kind of it."""

    message: str
    spoil: Spoil
    words: str


def _each(**changes: Any) -> Spoil:
    """Set fields; `__` goes a level deeper."""

    def spoil(message: Any) -> None:
        for path, value in changes.items():
            *above, field = path.split("__")
            holder = message
            for one in above:
                holder = getattr(holder, one)
            if isinstance(value, Message):
                getattr(holder, field).CopyFrom(value)
            elif isinstance(value, list):
                getattr(holder, field).extend(value)
            else:
                setattr(holder, field, value)

    return spoil


def _header(key: str, value: str) -> Spoil:
    def spoil(route: Any) -> None:
        route.request_headers_to_add.add(header={"key": key, "value": value})

    return spoil


def _weights(*weights: int) -> Spoil:
    def spoil(route: Any) -> None:
        name = route.route.cluster
        for weight in weights:
            route.route.weighted_clusters.clusters.add(name=name, weight={"value": weight})

    return spoil


def _twice(field: str, sub: str = "") -> Spoil:
    """Say the same thing twice."""

    def spoil(message: Any) -> None:
        found = getattr(getattr(message, sub) if sub else message, field)
        found.append(found[0])

    return spoil


def _for_route(name: str, config: Message) -> Spoil:
    return lambda route: route.typed_per_filter_config[name].Pack(config)


def _unknown(route: Any) -> None:
    route.typed_per_filter_config["x"].type_url = "type.googleapis.com/daemun.NoSuchFilter"


def _tls(context: type[Any], how: Callable[[Any], None]) -> Spoil:
    """Change the TLS of a cluster, or of a listener's first filter chain."""

    def spoil(message: Any) -> None:
        holder = message if context is UpstreamTlsContext else message.filter_chains[0]
        tls = context.FromString(holder.transport_socket.typed_config.value)
        how(tls)
        holder.transport_socket.typed_config.Pack(tls)

    return spoil


def _manager(how: Callable[[Any], None]) -> Spoil:
    """Change the HTTP connection manager of a listener's first filter chain."""

    def spoil(listener: Any) -> None:
        config = listener.filter_chains[0].filters[0].typed_config
        manager = http.HttpConnectionManager.FromString(config.value)
        how(manager)
        config.Pack(manager)

    return spoil


def _upstream(how: Callable[[Any], None]) -> Spoil:
    return _tls(UpstreamTlsContext, how)


def _downstream(how: Callable[[Any], None]) -> Spoil:
    return _tls(DownstreamTlsContext, how)


def _no_regex_in_a_name(tls: Any) -> None:
    (matcher,) = (
        tls.common_tls_context.combined_validation_context.default_validation_context.match_typed_subject_alt_names
    )
    matcher.matcher.safe_regex.regex = "["


def _name_without_type(tls: Any) -> None:
    rules = tls.common_tls_context.combined_validation_context.default_validation_context
    rules.match_typed_subject_alt_names[0].san_type = 0


def _endpoint(how: Callable[[Any], None]) -> Spoil:
    return lambda assignment: how(assignment.endpoints[0].lb_endpoints[0])


_PAIRS = [authority().issue("culprit.example") for _ in range(2)]


def _pair(certificate: bytes, key: bytes) -> Spoil:
    return _each(
        tls_certificate__certificate_chain__inline_bytes=certificate, tls_certificate__private_key__inline_bytes=key
    )


def _two_chains_alike(listener: Any) -> None:
    listener.filter_chains.append(listener.filter_chains[0])
    listener.filter_chains[1].name = "again"


def _no_router(manager: Any) -> None:
    del manager.http_filters[-2:]  # of one that is asked for Envoy does not know yet whether it ends the chain


def _router_first(manager: Any) -> None:
    manager.http_filters.insert(0, manager.http_filters[-1])


ROUTES: Mapping[str, Bad] = {
    name: Bad("Route", spoil, words)
    for name, (spoil, words) in {
        "a regex that is none": (_each(match__safe_regex__regex="/[a-"), "missing ]"),
        "a regex that is too large": (_each(match__safe_regex__regex="(abc){500}"), "program size"),
        "a header's regex that is none": (
            lambda route: route.match.headers.add(name="x", string_match={"safe_regex": {"regex": "("}}),
            "missing )",
        ),
        "a header to match without a name": (lambda route: route.match.headers.add(), "Name"),
        "a query parameter to match without a name": (lambda route: route.match.query_parameters.add(), "Name"),
        "a prefix of whole elements that ends in a slash": (
            _each(match__path_separated_prefix="/x/"),
            "PathSeparatedPrefix",
        ),
        "a changed Host header": (_header("Host", "elsewhere"), "host"),
        "a changed pseudo-header": (_header(":path", "/elsewhere"), ":-prefixed"),
        "a header name with a line feed": (_header("x\ny", "z"), "HeaderValue"),
        "a header value with a line feed": (_header("x", "y\nz"), "HeaderValue"),
        "a header value of an unknown command": (_header("x", "%NO_SUCH_COMMAND%"), "NO_SUCH_COMMAND"),
        "a header value with half a command": (_header("x", "%REQ(x"), "%REQ(x"),
        "a header to remove without a name": (_each(request_headers_to_remove=[""]), "RequestHeadersToRemove"),
        "Host to be removed": (_each(request_headers_to_remove=["host"]), "host"),
        "weights that are too large together": (_weights(4294967295, 4294967295), "4294967295"),
        "weights that are all zero": (_weights(0, 0), "weight"),
        "a negative timeout": (_each(route__timeout__seconds=-1), "duration"),
        "a timeout beyond what a duration can be": (_each(route__timeout__seconds=1 << 62), "duration"),
        "a backoff that ends before it begins": (
            _each(
                route__retry_policy__retry_back_off__base_interval__seconds=2,
                route__retry_policy__retry_back_off__max_interval__seconds=1,
            ),
            "max_interval",
        ),
        "retries at an unknown priority": (
            _each(route__retry_policy__retry_priority__name="no-such-priority"),
            "no-such-priority",
        ),
        "a path that is rewritten twice": (
            _each(route__prefix_rewrite="/x", route__regex_rewrite__pattern__regex="y"),
            "rewrite",
        ),
        "a rewrite by a regex that is none": (_each(route__regex_rewrite__pattern__regex="("), "missing )"),
        "a status that is none": (_each(direct_response__status=99), "Status"),
        "a body from a file that does not exist": (
            _each(direct_response__status=200, direct_response__body__filename="/no/such/file"),
            "/no/such/file",
        ),
        "a redirect to two paths": (
            _each(redirect__path_redirect="/x", redirect__regex_rewrite__pattern__regex="("),
            "missing )",
        ),
        "a rate limit without actions": (lambda route: route.route.rate_limits.add(), "Actions"),
        "a hash of nothing": (lambda route: route.route.hash_policy.add(), "policy_specifier"),
        "the same upgrade twice": (
            lambda route: [route.route.upgrade_configs.add(upgrade_type="x") for _ in "12"],
            "upgrade",
        ),
        "a mirror to nowhere": (
            lambda route: route.route.request_mirror_policies.add(),
            "request mirror policy",
        ),
        "an unknown filter": (_unknown, "daemun.NoSuchFilter"),
        "CORS with a regex that is none": (
            _for_route(
                "envoy.filters.http.cors", CorsPolicy(allow_origin_string_match=[{"safe_regex": {"regex": "["}}])
            ),
            "missing ]",
        ),
        "a buffer without a size": (_for_route("envoy.filters.http.buffer", BufferPerRoute()), "override"),
        "no action at all": (lambda route: route.ClearField("route"), "action"),
    }.items()
}
CLUSTERS: Mapping[str, Bad] = {
    name: Bad("Cluster", spoil, words)
    for name, (spoil, words) in {
        "ciphers that do not exist": (
            _upstream(lambda tls: tls.common_tls_context.tls_params.cipher_suites.append("NO-SUCH-CIPHER")),
            "NO-SUCH-CIPHER",
        ),
        "a curve that does not exist": (
            _upstream(lambda tls: tls.common_tls_context.tls_params.ecdh_curves.append("NO-SUCH-CURVE")),
            "NO-SUCH-CURVE",
        ),
        "a name to prove by a regex that is none": (_upstream(_no_regex_in_a_name), "missing ]"),
        "a name to prove without a type": (_upstream(_name_without_type), "SanType"),
        "a server name that is too long": (_upstream(lambda tls: setattr(tls, "sni", "x" * 256)), "Sni"),
        "a transport that does not exist": (
            _each(
                transport_socket__name="none",
                transport_socket__typed_config__type_url="type.googleapis.com/daemun.NoSuchSocket",
            ),
            "daemun.NoSuchSocket",
        ),
        "endpoints from nowhere": (lambda cluster: cluster.ClearField("eds_cluster_config"), "EDS"),
        "no time to connect": (_each(connect_timeout__seconds=-5), "seconds: -5"),
        "a ring of the wrong size": (
            _each(
                lb_policy=2,
                ring_hash_lb_config__minimum_ring_size__value=9,
                ring_hash_lb_config__maximum_ring_size__value=3,
            ),
            "ring",
        ),
        "a health check without anything": (lambda cluster: cluster.health_checks.add(), "HealthCheck"),
        "more ejections than all": (_each(outlier_detection__max_ejection_percent__value=101), "MaxEjectionPercent"),
        "an address to speak from that is none": (
            _each(
                upstream_bind_config__source_address__address="nowhere",
                upstream_bind_config__source_address__port_value=0,
            ),
            "nowhere",
        ),
    }.items()
}
ENDPOINTS: Mapping[str, Bad] = {
    name: Bad("ClusterLoadAssignment", spoil, words)
    for name, (spoil, words) in {
        "an address that is none": (
            _endpoint(lambda one: setattr(one.endpoint.address.socket_address, "address", "300.0.0.1")),
            "300.0.0.1",
        ),
        "a port that is none": (
            _endpoint(lambda one: setattr(one.endpoint.address.socket_address, "port_value", 70000)),
            "PortValue",
        ),
        "a weight of nothing": (
            _endpoint(lambda one: setattr(one.load_balancing_weight, "value", 0)),
            "LoadBalancingWeight",
        ),
        "no provisioning at all": (_each(policy__overprovisioning_factor__value=0), "OverprovisioningFactor"),
        "a priority that is too low": (
            lambda assignment: setattr(assignment.endpoints[0], "priority", 200),
            "Priority",
        ),
        "another cluster's": (_each(cluster_name="somebody-else"), "somebody-else"),
    }.items()
}
LISTENERS: Mapping[str, Bad] = {
    name: Bad("Listener", spoil, words)
    for name, (spoil, words) in {
        "ciphers clients do not know": (
            _downstream(lambda tls: tls.common_tls_context.tls_params.cipher_suites.append("NO-SUCH-CIPHER")),
            "NO-SUCH-CIPHER",
        ),
        "no certificates": (
            _downstream(lambda tls: tls.common_tls_context.ClearField("tls_certificate_sds_secret_configs")),
            "certificate",
        ),
        "two chains for the same": (_two_chains_alike, "filter chain"),
        "no filter that ends the chain": (_manager(_no_router), "terminal"),
        "a filter that ends the chain too soon": (_manager(_router_first), "terminal"),
        "no prefix for statistics": (
            _manager(lambda manager: setattr(manager, "stat_prefix", "")),
            "the log of the proxy",
        ),
        "a window that is too small": (
            _manager(_each(http2_protocol_options__initial_stream_window_size__value=1)),
            "the log of the proxy",
        ),
        "the same upgrade twice for all": (_manager(_twice("upgrade_configs")), "upgrade"),
        "a listener filter that does not exist": (
            lambda listener: setattr(
                listener.listener_filters.add(name="x").typed_config,
                "type_url",
                "type.googleapis.com/daemun.NoSuchFilter",
            ),
            "daemun.NoSuchFilter",
        ),
        "an address to listen on that is none": (_each(address__socket_address__address="nowhere"), "nowhere"),
    }.items()
}
SECRETS: Mapping[str, Bad] = {
    name: Bad("Secret", spoil, words)
    for name, (spoil, words) in {
        "a key that is another's": (_pair(_PAIRS[0][0], _PAIRS[1][1]), "KEY_VALUES_MISMATCH"),
        "a certificate that is none": (_pair(b"nothing", _PAIRS[0][1]), "certificate chain"),
        "a key that is none": (_pair(_PAIRS[0][0], b"nothing"), "private key"),
        "a certificate that is empty": (_pair(b"", _PAIRS[0][1]), "certificate"),
    }.items()
}
