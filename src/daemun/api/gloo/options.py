"""The options of listeners, virtual hosts, routes and weighted destinations."""

from typing import ClassVar, Literal, TypeAlias

from msgspec import field

from daemun.api.gloo.access_log import AccessLoggingService
from daemun.api.gloo.common import Empty, Extensions, RegexMatchAndSubstitute
from daemun.api.gloo.dlp import DlpConfig, DlpFilterConfig
from daemun.api.gloo.extauth import ExtAuthExtension, ExtAuthSettings
from daemun.api.gloo.extproc import ExtProcRouteSettings, ExtProcSettings
from daemun.api.gloo.forward_proxy import DynamicForwardProxy
from daemun.api.gloo.hcm import HttpConnectionManagerSettings
from daemun.api.gloo.jwt import JwtRouteExtension, JwtStagedRouteExtension, JwtStagedVhostExtension, JwtVhostExtension
from daemun.api.gloo.listener_filters import (
    CachingSettings,
    ConnectionLimit,
    GrpcJsonTranscoder,
    GrpcWeb,
    Gzip,
    HeaderValidationSettings,
    ListenerHealthCheck,
    ProxyLatency,
    ProxyProtocol,
    Router,
    StatefulSession,
    Tap,
    TcpProxySettings,
    WasmPluginSource,
)
from daemun.api.gloo.ratelimit import (
    IngressRateLimit,
    LocalRateLimitSettings,
    RateLimitConfigRefs,
    RateLimitRouteExtension,
    RateLimitServerSettings,
    RateLimitVhostExtension,
    TokenBucket,
)
from daemun.api.gloo.rbac import RbacExtensionSettings
from daemun.api.gloo.routing import (
    Buffer,
    BufferPerRoute,
    CorsPolicy,
    CsrfPolicy,
    HeaderManipulation,
    ProtocolUpgradeConfig,
    RetryPolicy,
    RouteActionHashConfig,
    RouteFaults,
    RouteShadowing,
    Stats,
)
from daemun.api.gloo.scalars import Duration, Int64, OneOf, Struct, UInt32
from daemun.api.gloo.tracing import RouteTracingSettings
from daemun.api.gloo.transformation import Transformations, TransformationStages
from daemun.api.gloo.waf import WafSettings
from daemun.api.meta import Api, List

SocketState: TypeAlias = Literal["STATE_PREBIND", "STATE_BOUND", "STATE_LISTENING"]


class ConnectionBalanceConfig(Api, frozen=True):
    """Connections are spread evenly over the proxy's threads."""

    exact_balance: Empty | None = None


class SocketOption(Api, frozen=True):
    """An option of the listener's socket."""

    ONE_OF: ClassVar[OneOf] = (("int_value", "buf_value"),)

    description: str = ""
    level: Int64 = 0
    name: Int64 = 0
    int_value: Int64 | None = None
    buf_value: bytes | None = None
    state: SocketState = "STATE_PREBIND"


class ListenerOptions(Api, frozen=True):
    """Options of a listener of any kind."""

    access_logging_service: AccessLoggingService | None = None
    extensions: Extensions | None = None
    per_connection_buffer_limit_bytes: UInt32 | None = None
    socket_options: List[SocketOption] = ()
    proxy_protocol: ProxyProtocol | None = None
    connection_balance_config: ConnectionBalanceConfig | None = None
    listener_access_logging_service: AccessLoggingService | None = None


class RouteConfigurationOptions(Api, frozen=True):
    """Options of all routes of a listener."""

    max_direct_response_body_size_bytes: UInt32 | None = None
    most_specific_header_mutations_wins: bool | None = None


class HttpListenerOptions(Api, frozen=True):
    """Options of an HTTP listener."""

    ONE_OF: ClassVar[OneOf] = (("disable_ext_proc", "ext_proc"),)

    grpc_web: GrpcWeb | None = None
    http_connection_manager_settings: HttpConnectionManagerSettings | None = None
    health_check: ListenerHealthCheck | None = None
    extensions: Extensions | None = None
    waf: WafSettings | None = None
    dlp: DlpFilterConfig | None = None
    wasm: WasmPluginSource | None = None
    extauth: ExtAuthSettings | None = None
    ratelimit_server: RateLimitServerSettings | None = None
    caching: CachingSettings | None = None
    disable_ext_proc: bool | None = None
    ext_proc: ExtProcSettings | None = None
    gzip: Gzip | None = None
    proxy_latency: ProxyLatency | None = None
    buffer: Buffer | None = None
    csrf: CsrfPolicy | None = None
    grpc_json_transcoder: GrpcJsonTranscoder | None = None
    sanitize_cluster_header: bool | None = None
    leftmost_xff_address: bool | None = None
    dynamic_forward_proxy: DynamicForwardProxy | None = None
    connection_limit: ConnectionLimit | None = None
    network_local_ratelimit: TokenBucket | None = None
    http_local_ratelimit: LocalRateLimitSettings | None = None
    router: Router | None = None
    tap: Tap | None = None
    stateful_session: StatefulSession | None = None
    header_validation_settings: HeaderValidationSettings | None = None


class TcpListenerOptions(Api, frozen=True):
    """Options of a TCP listener."""

    tcp_proxy_settings: TcpProxySettings | None = None
    connection_limit: ConnectionLimit | None = None
    local_ratelimit: TokenBucket | None = None


class VirtualHostOptions(Api, frozen=True):
    """Options of all routes of some domains."""

    ONE_OF: ClassVar[OneOf] = (
        ("ratelimit_early", "rate_limit_early_configs"),
        ("ratelimit", "rate_limit_configs"),
        ("ratelimit_regular", "rate_limit_regular_configs"),
        ("jwt", "jwt_staged"),
    )

    extensions: Extensions | None = None
    retries: RetryPolicy | None = None
    stats: Stats | None = None
    header_manipulation: HeaderManipulation | None = None
    cors: CorsPolicy | None = None
    transformations: Transformations | None = None
    ratelimit_basic: IngressRateLimit | None = None
    ratelimit_early: RateLimitVhostExtension | None = None
    rate_limit_early_configs: RateLimitConfigRefs | None = None
    ratelimit: RateLimitVhostExtension | None = None
    rate_limit_configs: RateLimitConfigRefs | None = None
    ratelimit_regular: RateLimitVhostExtension | None = None
    rate_limit_regular_configs: RateLimitConfigRefs | None = None
    waf: WafSettings | None = None
    jwt: JwtVhostExtension | None = None
    jwt_staged: JwtStagedVhostExtension | None = None
    rbac: RbacExtensionSettings | None = None
    extauth: ExtAuthExtension | None = None
    dlp: DlpConfig | None = None
    buffer_per_route: BufferPerRoute | None = None
    csrf: CsrfPolicy | None = None
    include_request_attempt_count: bool | None = None
    include_attempt_count_in_response: bool | None = None
    staged_transformations: TransformationStages | None = None
    ext_proc: ExtProcRouteSettings | None = None


class MaxStreamDuration(Api, frozen=True):
    """How long a stream may last; gRPC clients may say it themselves, up to a bound."""

    max_stream_duration: Duration | None = None
    grpc_timeout_header_max: Duration | None = None
    grpc_timeout_header_offset: Duration | None = None


class RouteOptions(Api, frozen=True):
    """Options of a route."""

    ONE_OF: ClassVar[OneOf] = (
        ("host_rewrite", "auto_host_rewrite", "host_rewrite_path_regex", "host_rewrite_header"),
        ("ratelimit_early", "rate_limit_early_configs"),
        ("ratelimit", "rate_limit_configs"),
        ("ratelimit_regular", "rate_limit_regular_configs"),
        ("jwt", "jwt_staged"),
    )

    transformations: Transformations | None = None
    faults: RouteFaults | None = None
    prefix_rewrite: str | None = None
    timeout: Duration | None = None
    retries: RetryPolicy | None = None
    extensions: Extensions | None = None
    tracing: RouteTracingSettings | None = None
    shadowing: RouteShadowing | None = None
    header_manipulation: HeaderManipulation | None = None
    host_rewrite: str | None = None
    auto_host_rewrite: bool | None = None
    host_rewrite_path_regex: RegexMatchAndSubstitute | None = None
    host_rewrite_header: str | None = None
    append_x_forwarded_host: bool | None = None
    cors: CorsPolicy | None = None
    lb_hash: RouteActionHashConfig | None = None
    upgrades: List[ProtocolUpgradeConfig] = ()
    ratelimit_basic: IngressRateLimit | None = None
    ratelimit_early: RateLimitRouteExtension | None = None
    rate_limit_early_configs: RateLimitConfigRefs | None = None
    ratelimit: RateLimitRouteExtension | None = None
    rate_limit_configs: RateLimitConfigRefs | None = None
    ratelimit_regular: RateLimitRouteExtension | None = None
    rate_limit_regular_configs: RateLimitConfigRefs | None = None
    waf: WafSettings | None = None
    jwt: JwtRouteExtension | None = None
    jwt_staged: JwtStagedRouteExtension | None = None
    rbac: RbacExtensionSettings | None = None
    extauth: ExtAuthExtension | None = None
    dlp: DlpConfig | None = None
    buffer_per_route: BufferPerRoute | None = None
    csrf: CsrfPolicy | None = None
    staged_transformations: TransformationStages | None = None
    envoy_metadata: dict[str, Struct] = field(default_factory=dict)
    regex_rewrite: RegexMatchAndSubstitute | None = None
    max_stream_duration: MaxStreamDuration | None = None
    idle_timeout: Duration | None = None
    ext_proc: ExtProcRouteSettings | None = None


class WeightedDestinationOptions(Api, frozen=True):
    """Options of one of several destinations."""

    header_manipulation: HeaderManipulation | None = None
    transformations: Transformations | None = None
    extensions: Extensions | None = None
    extauth: ExtAuthExtension | None = None
    buffer_per_route: BufferPerRoute | None = None
    csrf: CsrfPolicy | None = None
    staged_transformations: TransformationStages | None = None
