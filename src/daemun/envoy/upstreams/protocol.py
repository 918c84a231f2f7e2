"""The version of HTTP that an Upstream is spoken to in, and the bounds of HTTP/2."""

from daemun.api.gloo.upstream import UpstreamSpec
from daemun.envoy.upstreams.family import Draft, Family
from daemun.gloo.served.fields import Fields

_HTTP2 = (
    "initial_stream_window_size",
    "initial_connection_window_size",
    "max_concurrent_streams",
    "override_stream_error_on_invalid_http_message",
)


class Protocol(Family):
    """`useHttp2`, `protocolSelection` and the bounds of HTTP/2, which have no effect where it is not spoken."""

    serves = (
        Fields(
            UpstreamSpec,
            (
                "useHttp2",
                "protocolSelection",
                "initialStreamWindowSize",
                "initialConnectionWindowSize",
                "maxConcurrentStreams",
                "overrideStreamErrorOnInvalidHttpMessage",
            ),
        ),
    )

    def on_cluster(self, spec: UpstreamSpec, draft: Draft) -> None:
        """Choose the version, and bound HTTP/2 where that is spoken."""
        explicit = draft.options.explicit_http_config
        if spec.protocol_selection == "USE_DOWNSTREAM_PROTOCOL":
            both = draft.options.use_downstream_protocol_config
            both.http_protocol_options.SetInParent()
            http2 = both.http2_protocol_options
        elif draft.needs_http2 if spec.use_http2 is None else spec.use_http2:
            http2 = explicit.http2_protocol_options
        else:
            explicit.http_protocol_options.SetInParent()
            return
        http2.SetInParent()
        for name in _HTTP2:
            value = getattr(spec, name)
            if value is not None:
                getattr(http2, name).value = value
