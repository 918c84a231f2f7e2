"""Filters of a listener, each with its own few settings."""

from typing import ClassVar, Literal, TypeAlias

from daemun.api.gloo.common import Empty, FilterStage, HeaderValue, ResourceRef, StringMatcher
from daemun.api.gloo.scalars import Duration, OneOf, Struct, UInt32
from daemun.api.meta import Api, List

CompressionLevel: TypeAlias = Literal["DEFAULT", "BEST", "SPEED"]
CompressionStrategy: TypeAlias = Literal["DEFAULT", "FILTERED", "HUFFMAN", "RLE"]
Measurement: TypeAlias = Literal[
    "LAST_INCOMING_FIRST_OUTGOING",
    "FIRST_INCOMING_FIRST_OUTGOING",
    "LAST_INCOMING_LAST_OUTGOING",
    "FIRST_INCOMING_LAST_OUTGOING",
]
VmType: TypeAlias = Literal["V8", "WAVM"]


class Gzip(Api, frozen=True):
    """Compresses responses."""

    memory_level: UInt32 | None = None
    content_length: UInt32 | None = None
    compression_level: CompressionLevel = "DEFAULT"
    compression_strategy: CompressionStrategy = "DEFAULT"
    content_type: List[str] = ()
    disable_on_etag_header: bool = False
    remove_accept_encoding_header: bool = False
    window_bits: UInt32 | None = None


class GrpcWeb(Api, frozen=True):
    """Whether gRPC-Web is not served."""

    disable: bool = False


class PrintOptions(Api, frozen=True):
    """How messages are written as JSON."""

    add_whitespace: bool = False
    always_print_primitive_fields: bool = False
    always_print_enums_as_ints: bool = False
    preserve_proto_field_names: bool = False


class DescriptorConfigMap(Api, frozen=True):
    """A descriptor set in a ConfigMap."""

    config_map_ref: ResourceRef | None = None
    key: str = ""


class GrpcJsonTranscoder(Api, frozen=True):
    """Serves gRPC services as JSON."""

    ONE_OF: ClassVar[OneOf] = (("proto_descriptor", "proto_descriptor_bin", "proto_descriptor_config_map"),)

    proto_descriptor: str | None = None
    proto_descriptor_bin: bytes | None = None
    proto_descriptor_config_map: DescriptorConfigMap | None = None
    services: List[str] = ()
    print_options: PrintOptions | None = None
    match_incoming_request_route: bool = False
    ignored_query_parameters: List[str] = ()
    auto_mapping: bool = False
    ignore_unknown_query_parameters: bool = False
    convert_grpc_status: bool = False


class ListenerHealthCheck(Api, frozen=True):
    """A path at which the proxy says whether it serves."""

    path: str = ""


class ConnectionLimit(Api, frozen=True):
    """How many connections there may be."""

    max_active_connections: UInt32 | None = None
    delay_before_close: Duration | None = None


class Router(Api, frozen=True):
    """Settings of the router."""

    suppress_envoy_headers: bool | None = None
    dynamic_stats: bool | None = None


class HeaderValidationSettings(Api, frozen=True):
    """What is not checked of a request."""

    disable_http1_method_validation: Empty | None = None


class ProxyLatency(Api, frozen=True):
    """How long the proxy itself takes."""

    request: Measurement = "LAST_INCOMING_FIRST_OUTGOING"
    measure_request_internally: bool = False
    response: Measurement = "LAST_INCOMING_FIRST_OUTGOING"
    charge_cluster_stat: bool | None = None
    charge_listener_stat: bool | None = None
    emit_dynamic_metadata: bool | None = None


class ProxyProtocolKeyValuePair(Api, frozen=True):
    """Where a value goes in the metadata."""

    metadata_namespace: str = ""
    key: str = ""


class ProxyProtocolRule(Api, frozen=True):
    """A TLV that is kept."""

    tlv_type: UInt32 = 0
    on_tlv_present: ProxyProtocolKeyValuePair | None = None


class ProxyProtocol(Api, frozen=True):
    """Connections begin with the PROXY protocol."""

    rules: List[ProxyProtocolRule] = ()
    allow_requests_without_proxy_protocol: bool = False


class TunnelingHeader(Api, frozen=True):
    """A header of the CONNECT request."""

    header: HeaderValue | None = None
    append: bool | None = None


class TunnelingConfig(Api, frozen=True):
    """TCP goes on through an HTTP CONNECT."""

    hostname: str = ""
    headers_to_add: List[TunnelingHeader] = ()


class TcpProxySettings(Api, frozen=True):
    """How TCP is passed on."""

    max_connect_attempts: UInt32 | None = None
    idle_timeout: Duration | None = None
    tunneling_config: TunnelingConfig | None = None
    access_log_flush_interval: Duration | None = None


class CachingSettings(Api, frozen=True):
    """A service that keeps responses."""

    caching_service_ref: ResourceRef | None = None
    allowed_vary_headers: List[StringMatcher] = ()
    timeout: Duration | None = None
    max_payload_size: UInt32 | None = None


class TapGrpcService(Api, frozen=True):
    """A gRPC service that is told of requests."""

    tap_server: ResourceRef | None = None


class TapHttpService(Api, frozen=True):
    """An HTTP service that is told of requests."""

    tap_server: ResourceRef | None = None
    timeout: Duration | None = None


class TapSink(Api, frozen=True):
    """Who is told of requests."""

    ONE_OF: ClassVar[OneOf] = (("grpc_service", "http_service"),)

    grpc_service: TapGrpcService | None = None
    http_service: TapHttpService | None = None


class Tap(Api, frozen=True):
    """Copies of requests and responses for somebody who looks at them."""

    sinks: List[TapSink] = ()
    max_buffered_rx_bytes: UInt32 | None = None
    max_buffered_tx_bytes: UInt32 | None = None
    record_headers_received_time: bool | None = None
    record_downstream_connection: bool | None = None


class WasmFilter(Api, frozen=True):
    """A filter in WebAssembly."""

    ONE_OF: ClassVar[OneOf] = (("image", "file_path"),)

    image: str | None = None
    file_path: str | None = None
    config: Struct | None = None
    filter_stage: FilterStage | None = None
    name: str = ""
    root_id: str = ""
    vm_type: VmType = "V8"
    fail_open: bool = False


class WasmPluginSource(Api, frozen=True):
    """Filters in WebAssembly."""

    filters: List[WasmFilter] = ()


class SessionCookie(Api, frozen=True):
    """The cookie that holds a session."""

    name: str = ""
    path: str = ""
    ttl: Duration | None = None


class CookieBasedSessionState(Api, frozen=True):
    """Sessions in a cookie."""

    cookie: SessionCookie | None = None


class HeaderBasedSessionState(Api, frozen=True):
    """Sessions in a header."""

    header_name: str = ""


class StatefulSession(Api, frozen=True):
    """Keeps a client with the endpoint that it first met."""

    ONE_OF: ClassVar[OneOf] = (("cookie_based", "header_based"),)

    cookie_based: CookieBasedSessionState | None = None
    header_based: HeaderBasedSessionState | None = None
    strict: bool = False
