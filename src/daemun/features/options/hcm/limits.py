"""How long things may take, and how large they may be."""

from daemun.api.gloo.hcm import HttpConnectionManagerSettings as Spec
from daemun.features.drafts import ManagerDraft
from daemun.features.wrapped import put_all

_TIMES_OF_MANAGER = (
    "stream_idle_timeout",
    "request_timeout",
    "request_headers_timeout",
    "drain_timeout",
    "delayed_close_timeout",
)
_TIMES_OF_HTTP = ("idle_timeout", "max_connection_duration", "max_stream_duration")
TIMES = (*_TIMES_OF_MANAGER, *_TIMES_OF_HTTP)
"""The fields that are durations."""


def put_limits(spec: Spec, draft: ManagerDraft) -> None:
    """As Envoy's fields of the same names; zero is none where Envoy has it so."""
    put_all(draft.proto, spec, (*_TIMES_OF_MANAGER, "max_request_headers_kb"))
    put_all(
        draft.proto.common_http_protocol_options,
        spec,
        (*_TIMES_OF_HTTP, "max_headers_count", "max_requests_per_connection"),
    )
