"""Settings of HTTP connections."""

from typing import ClassVar, Literal, TypeAlias

from daemun.api.gloo.common import CidrRange
from daemun.api.gloo.routing import EarlyHeaderManipulation, ProtocolUpgradeConfig
from daemun.api.gloo.scalars import Duration, OneOf, UInt32
from daemun.api.gloo.tracing import ListenerTracingSettings
from daemun.api.meta import Api, List

HeadersWithUnderscoresAction: TypeAlias = Literal["ALLOW", "REJECT_REQUEST", "DROP_HEADER"]
ForwardClientCertDetails: TypeAlias = Literal[
    "SANITIZE", "FORWARD_ONLY", "APPEND_FORWARD", "SANITIZE_SET", "ALWAYS_FORWARD_ONLY"
]
HeadersWithUnderscoreAction: TypeAlias = Literal["ALLOW", "REJECT_CLIENT_REQUEST", "DROP_HEADER"]
ServerHeaderTransformation: TypeAlias = Literal["OVERWRITE", "APPEND_IF_ABSENT", "PASS_THROUGH"]
PathWithEscapedSlashesAction: TypeAlias = Literal[
    "IMPLEMENTATION_SPECIFIC_DEFAULT",
    "KEEP_UNCHANGED",
    "REJECT_REQUEST",
    "UNESCAPE_AND_REDIRECT",
    "UNESCAPE_AND_FORWARD",
]
CodecType: TypeAlias = Literal["AUTO", "HTTP1", "HTTP2"]


class HttpProtocolOptions(Api, frozen=True):
    """What HTTP may be, of any version."""

    idle_timeout: Duration | None = None
    max_headers_count: UInt32 = 0
    max_stream_duration: Duration | None = None
    headers_with_underscores_action: HeadersWithUnderscoresAction = "ALLOW"


class Http1ProtocolOptions(Api, frozen=True):
    """What HTTP/1.1 may be."""

    ONE_OF: ClassVar[OneOf] = (("proper_case_header_key_format", "preserve_case_header_key_format"),)

    enable_trailers: bool = False
    proper_case_header_key_format: bool | None = None
    preserve_case_header_key_format: bool | None = None
    override_stream_error_on_invalid_http_message: bool | None = None


class Http2ProtocolOptions(Api, frozen=True):
    """What HTTP/2 may be."""

    max_concurrent_streams: UInt32 | None = None
    initial_stream_window_size: UInt32 | None = None
    initial_connection_window_size: UInt32 | None = None
    override_stream_error_on_invalid_http_message: bool | None = None


class SetCurrentClientCertDetails(Api, frozen=True):
    """What of the client's certificate goes on to the backend."""

    subject: bool | None = None
    cert: bool | None = None
    chain: bool | None = None
    dns: bool | None = None
    uri: bool | None = None


class UuidRequestIdConfigSettings(Api, frozen=True):
    """What request ids tell of tracing."""

    pack_trace_reason: bool | None = None
    use_request_id_for_trace_sampling: bool | None = None


class InternalAddressConfig(Api, frozen=True):
    """Which clients are one's own."""

    unix_sockets: bool | None = None
    cidr_ranges: List[CidrRange] = ()


class HttpConnectionManagerSettings(Api, frozen=True):
    """How a listener speaks HTTP: headers that are set, limits, timeouts, versions.

    Of three of its enums Daemun's default is another than Gloo's, so that what is not set is told from the first name.
    """

    ONE_OF: ClassVar[OneOf] = (("proper_case_header_key_format", "preserve_case_header_key_format"),)

    skip_xff_append: bool | None = None
    via: str | None = None
    xff_num_trusted_hops: UInt32 | None = None
    use_remote_address: bool | None = None
    generate_request_id: bool | None = None
    proxy_100_continue: bool | None = None
    stream_idle_timeout: Duration | None = None
    idle_timeout: Duration | None = None
    max_request_headers_kb: UInt32 | None = None
    request_timeout: Duration | None = None
    request_headers_timeout: Duration | None = None
    drain_timeout: Duration | None = None
    delayed_close_timeout: Duration | None = None
    server_name: str | None = None
    strip_any_host_port: bool | None = None
    accept_http10: bool | None = None
    default_host_for_http10: str | None = None
    allow_chunked_length: bool | None = None
    enable_trailers: bool | None = None
    proper_case_header_key_format: bool | None = None
    preserve_case_header_key_format: bool | None = None
    tracing: ListenerTracingSettings | None = None
    forward_client_cert_details: ForwardClientCertDetails = "SANITIZE"
    set_current_client_cert_details: SetCurrentClientCertDetails | None = None
    preserve_external_request_id: bool | None = None
    upgrades: List[ProtocolUpgradeConfig] = ()
    max_connection_duration: Duration | None = None
    max_stream_duration: Duration | None = None
    max_headers_count: UInt32 | None = None
    headers_with_underscores_action: HeadersWithUnderscoreAction | None = None
    max_requests_per_connection: UInt32 | None = None
    server_header_transformation: ServerHeaderTransformation | None = None
    path_with_escaped_slashes_action: PathWithEscapedSlashesAction | None = None
    codec_type: CodecType = "AUTO"
    merge_slashes: bool | None = None
    normalize_path: bool | None = None
    uuid_request_id_config: UuidRequestIdConfigSettings | None = None
    http2_protocol_options: Http2ProtocolOptions | None = None
    internal_address_config: InternalAddressConfig | None = None
    append_x_forwarded_port: bool | None = None
    early_header_manipulation: EarlyHeaderManipulation | None = None
