"""Connections to an Upstream: timeouts, buffers, keep-alive, and what HTTP may be on them."""

from collections.abc import Iterable

from envoy.config.core.v3 import address_pb2
from envoy.extensions.http.header_formatters.preserve_case.v3 import preserve_case_pb2

from daemun.api.gloo.hcm import Http1ProtocolOptions
from daemun.api.gloo.upstream import ConnectionConfig, TcpKeepAlive, UpstreamSpec
from daemun.base.durations import nanoseconds
from daemun.envoy.defaults import BUFFER_BYTES, CONNECT_SECONDS
from daemun.envoy.upstreams.family import Draft, Family, Fault, duration, fill
from daemun.gloo.served import Fields
from daemun.gloo.upstreams import ResolvedUpstream

_WHERE = "spec.connectionConfig"
_SECOND = 10**9


class Connections(Family):
    """`connectionConfig`."""

    serves = (
        Fields(UpstreamSpec, ("connectionConfig",)),
        Fields(
            ConnectionConfig,
            (
                "maxRequestsPerConnection",
                "connectTimeout",
                "tcpKeepalive",
                "perConnectionBufferLimitBytes",
                "commonHttpProtocolOptions",
                "http1ProtocolOptions",
            ),
        ),
        Fields(TcpKeepAlive, ("keepaliveProbes", "keepaliveTime", "keepaliveInterval")),
    )
    places = (
        ("connectTimeout", f"{_WHERE}.connectTimeout"),
        ("upstreamConnectionOptions", f"{_WHERE}.tcpKeepalive"),
        ("typedExtensionProtocolOptions", _WHERE),
    )

    def faults(self, upstream: ResolvedUpstream) -> Iterable[Fault]:
        """Linux knows keep-alive in whole seconds only."""
        config = upstream.spec.connection_config
        alive = config.tcp_keepalive if config else None
        for name, text in (
            ("keepaliveTime", alive and alive.keepalive_time),
            ("keepaliveInterval", alive and alive.keepalive_interval),
        ):
            if text and nanoseconds(text) % _SECOND:
                yield f"{_WHERE}.tcpKeepalive.{name}", f"{text} is not a whole number of seconds", "Give whole seconds."

    def on_cluster(self, spec: UpstreamSpec, draft: Draft) -> None:
        """What is not given is as for Services."""
        config = spec.connection_config or ConnectionConfig()
        cluster = draft.cluster
        cluster.connect_timeout.seconds = CONNECT_SECONDS
        if config.connect_timeout:
            duration(cluster.connect_timeout, config.connect_timeout)
        limit = config.per_connection_buffer_limit_bytes
        cluster.per_connection_buffer_limit_bytes.value = BUFFER_BYTES if limit is None else limit
        if config.tcp_keepalive:
            _keep_alive(config.tcp_keepalive, cluster.upstream_connection_options.tcp_keepalive)
        common = draft.options.common_http_protocol_options
        if config.max_requests_per_connection:
            common.max_requests_per_connection.value = config.max_requests_per_connection
        if config.common_http_protocol_options:
            fill(common, config.common_http_protocol_options)
        if config.http1_protocol_options:
            _http1(config.http1_protocol_options, draft)


def _keep_alive(wanted: TcpKeepAlive, alive: address_pb2.TcpKeepalive) -> None:
    alive.SetInParent()
    if wanted.keepalive_probes:
        alive.keepalive_probes.value = wanted.keepalive_probes
    if wanted.keepalive_time:
        alive.keepalive_time.value = nanoseconds(wanted.keepalive_time) // _SECOND
    if wanted.keepalive_interval:
        alive.keepalive_interval.value = nanoseconds(wanted.keepalive_interval) // _SECOND


def _http1(wanted: Http1ProtocolOptions, draft: Draft) -> None:
    """What HTTP/1.1 may be, where it is spoken at all."""
    options = draft.options
    if options.HasField("use_downstream_protocol_config"):
        http1 = options.use_downstream_protocol_config.http_protocol_options
    elif options.explicit_http_config.HasField("http_protocol_options"):
        http1 = options.explicit_http_config.http_protocol_options
    else:
        return
    http1.enable_trailers = wanted.enable_trailers
    if wanted.override_stream_error_on_invalid_http_message is not None:
        http1.override_stream_error_on_invalid_http_message.value = wanted.override_stream_error_on_invalid_http_message
    if wanted.proper_case_header_key_format:
        http1.header_key_format.proper_case_words.SetInParent()
    elif wanted.preserve_case_header_key_format:
        formatter = http1.header_key_format.stateful_formatter
        formatter.name = "preserve_case"
        formatter.typed_config.Pack(preserve_case_pb2.PreserveCaseFormatterConfig(), deterministic=True)
