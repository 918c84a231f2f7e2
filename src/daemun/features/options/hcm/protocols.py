"""Which HTTP is spoken, and how: versions, upgrades, what the server calls itself."""

from collections.abc import Iterable

from envoy.config.core.v3 import extension_pb2 as extension_v3
from envoy.config.core.v3 import protocol_pb2 as protocol_v3
from envoy.extensions.http.header_formatters.preserve_case.v3 import preserve_case_pb2

from daemun.api.gloo.hcm import HttpConnectionManagerSettings as Spec
from daemun.features.drafts import ManagerDraft
from daemun.features.feature import Fault
from daemun.features.wrapped import put_all

_HTTP1 = {
    "accept_http10": "accept_http_10",
    "default_host_for_http10": "default_host_for_http_10",
    "allow_chunked_length": "allow_chunked_length",
    "enable_trailers": "enable_trailers",
}
_HTTP2 = (
    "max_concurrent_streams",
    "initial_stream_window_size",
    "initial_connection_window_size",
    "override_stream_error_on_invalid_http_message",
)
_PRESERVE_CASE = "envoy.http.stateful_header_formatters.preserve_case"


def faults(spec: Spec, where: str) -> Iterable[Fault]:
    """Upgrades that name no protocol."""
    for index, one in enumerate(spec.upgrades):
        if one.websocket is None and one.connect is None and one.connect_terminate is None:
            yield f"{where}.upgrades[{index}]", "names no protocol", "Set websocket or connect."


def put_protocols(spec: Spec, draft: ManagerDraft) -> None:
    """As Envoy's fields of the same names."""
    manager = draft.proto
    manager.codec_type = manager.CodecType.Value(spec.codec_type)
    put_all(manager, spec, ("server_name", "proxy_100_continue"))
    if spec.server_header_transformation is not None or spec.server_name is not None:
        transformation = spec.server_header_transformation or "OVERWRITE"
        manager.server_header_transformation = manager.ServerHeaderTransformation.Value(transformation)
    put_all(manager.http_protocol_options, spec, _HTTP1)
    if spec.http2_protocol_options is not None:
        put_all(manager.http2_protocol_options, spec.http2_protocol_options, _HTTP2)
    names = _names(spec)
    if names is not None:
        manager.http_protocol_options.header_key_format.CopyFrom(names)
    for one in spec.upgrades:
        if one.websocket is not None:
            _upgrade(draft, "websocket", one.websocket.enabled)
        if one.connect is not None:
            _upgrade(draft, "CONNECT", one.connect.enabled)
        if one.connect_terminate is not None:
            _upgrade(draft, "CONNECT", one.connect_terminate.enabled)


def _names(spec: Spec) -> protocol_v3.Http1ProtocolOptions.HeaderKeyFormat | None:
    """How header names are written in HTTP/1; by default in lower case."""
    names = protocol_v3.Http1ProtocolOptions.HeaderKeyFormat()
    if spec.proper_case_header_key_format:
        names.proper_case_words.SetInParent()
        return names
    if spec.preserve_case_header_key_format:
        formatter = extension_v3.TypedExtensionConfig(name=_PRESERVE_CASE)
        formatter.typed_config.Pack(preserve_case_pb2.PreserveCaseFormatterConfig(), deterministic=True)
        names.stateful_formatter.CopyFrom(formatter)
        return names
    return None


def _upgrade(draft: ManagerDraft, name: str, enabled: bool | None) -> None:
    """On unless it is said to be off; of a name only one can be there."""
    known = {one.upgrade_type: one for one in draft.proto.upgrade_configs}
    config = known.get(name) or draft.proto.upgrade_configs.add(upgrade_type=name)
    config.enabled.value = enabled is not False
