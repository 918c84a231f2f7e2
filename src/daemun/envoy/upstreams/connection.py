"""Connections to an Upstream: timeouts, buffers, keep-alive, and what HTTP may be on them."""

from collections.abc import Iterable

from envoy.config.core.v3 import address_pb2
from envoy.extensions.http.header_formatters.preserve_case.v3 import preserve_case_pb2

from daemun.api.gloo.hcm import Http1ProtocolOptions
from daemun.api.gloo.upstream import ConnectionConfig, TcpKeepAlive, UpstreamSpec
from daemun.base.durations import nanoseconds
from daemun.envoy.defaults import BUFFER_BYTES, CONNECT_SECONDS
from daemun.envoy.upstreams.family import Draft, Family, Fault, duration, fill
from daemun.gloo.served.fields import Fields
from daemun.gloo.upstreams.upstream import ResolvedUpstream

_WHERE = "spec.connectionConfig"
_SECOND = 10**9
_MOST_SECONDS, _MOST_PROBES = 32767, 127
"""What Linux takes (MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL, MAX_TCP_KEEPCNT); of anything else a connection fails."""


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
        """Linux knows keep-alive in whole seconds only, and refuses to open connections with more than it can count."""
        config = upstream.spec.connection_config
        alive = config.tcp_keepalive if config else None
        if alive is None:
            return
        where = f"{_WHERE}.tcpKeepalive"
        for name, text in (("keepaliveTime", alive.keepalive_time), ("keepaliveInterval", alive.keepalive_interval)):
            seconds, rest = divmod(nanoseconds(text), _SECOND) if text else (1, 0)
            if rest:
                yield f"{where}.{name}", f"{text} is not a whole number of seconds", "Give whole seconds."
            elif not 1 <= seconds <= _MOST_SECONDS:
                mend = f"Give 1s to {_MOST_SECONDS}s."
                yield f"{where}.{name}", f"{text} is nothing that Linux takes, so no connection could be made", mend
        if alive.keepalive_probes > _MOST_PROBES:
            text = f"{alive.keepalive_probes} is more than Linux takes, so no connection could be made"
            yield f"{where}.keepaliveProbes", text, f"Give at most {_MOST_PROBES}."

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
