"""Upstream: what requests are sent to."""

from typing import ClassVar, Literal, TypeAlias

from msgspec import field

from daemun.api.gloo.cloud import (
    AwsUpstreamSpec,
    AzureUpstreamSpec,
    ConsulUpstreamSpec,
    Ec2UpstreamSpec,
    GcpUpstreamSpec,
)
from daemun.api.gloo.common import Empty, HeaderValue
from daemun.api.gloo.failover import Failover
from daemun.api.gloo.hcm import Http1ProtocolOptions, HttpProtocolOptions
from daemun.api.gloo.health import HealthCheck, OutlierDetection
from daemun.api.gloo.resource import GlooResource
from daemun.api.gloo.scalars import Duration, OneOf, Struct, UInt32, UInt64
from daemun.api.gloo.service_spec import ServiceSpec, SubsetSpec
from daemun.api.gloo.ssl import UpstreamSslConfig
from daemun.api.meta import Api, List

ClusterProtocolSelection: TypeAlias = Literal["USE_CONFIGURED_PROTOCOL", "USE_DOWNSTREAM_PROTOCOL"]


class CircuitBreakerConfig(Api, frozen=True):
    """Bounds on what an Upstream is burdened with at a time."""

    max_connections: UInt32 | None = None
    max_pending_requests: UInt32 | None = None
    max_requests: UInt32 | None = None
    max_retries: UInt32 | None = None


class TcpKeepAlive(Api, frozen=True):
    """How connections are kept alive."""

    keepalive_probes: UInt32 = 0
    keepalive_time: Duration | None = None
    keepalive_interval: Duration | None = None


class ConnectionConfig(Api, frozen=True):
    """Connections to an Upstream."""

    max_requests_per_connection: UInt32 = 0
    connect_timeout: Duration | None = None
    tcp_keepalive: TcpKeepAlive | None = None
    per_connection_buffer_limit_bytes: UInt32 | None = None
    common_http_protocol_options: HttpProtocolOptions | None = None
    http1_protocol_options: Http1ProtocolOptions | None = None


class SlowStartConfig(Api, frozen=True):
    """New endpoints get their share little by little."""

    slow_start_window: Duration | None = None
    aggression: float | None = None
    min_weight_percent: float | None = None


class RoundRobin(Api, frozen=True):
    """One after the other."""

    slow_start_config: SlowStartConfig | None = None


class LeastRequest(Api, frozen=True):
    """The one with the fewest requests, of some."""

    choice_count: UInt32 = 0
    slow_start_config: SlowStartConfig | None = None


class RingHashConfig(Api, frozen=True):
    """How large the ring is."""

    minimum_ring_size: UInt64 = 0
    maximum_ring_size: UInt64 = 0


class RingHash(Api, frozen=True):
    """By a hash, on a ring."""

    ring_hash_config: RingHashConfig | None = None


class LoadBalancerConfig(Api, frozen=True):
    """How an endpoint is chosen."""

    ONE_OF: ClassVar[OneOf] = (("round_robin", "least_request", "random", "ring_hash", "maglev"),)

    healthy_panic_threshold: float | None = None
    update_merge_window: Duration | None = None
    round_robin: RoundRobin | None = None
    least_request: LeastRequest | None = None
    random: Empty | None = None
    ring_hash: RingHash | None = None
    maglev: Empty | None = None
    locality_weighted_lb_config: Empty | None = None
    use_hostname_for_hashing: bool | None = None


class KubeUpstreamSpec(Api, frozen=True):
    """A port of a Service."""

    service_name: str = ""
    service_namespace: str = ""
    service_port: UInt32 = 0
    selector: dict[str, str] = field(default_factory=dict)
    service_spec: ServiceSpec | None = None
    subset_spec: SubsetSpec | None = None


class HostHealthCheckConfig(Api, frozen=True):
    """How one host is asked whether it is well."""

    path: str = ""
    method: str = ""


class StaticHost(Api, frozen=True):
    """An address or hostname with a port."""

    addr: str = ""
    port: UInt32 = 0
    sni_addr: str = ""
    load_balancing_weight: UInt32 | None = None
    health_check_config: HostHealthCheckConfig | None = None
    metadata: dict[str, Struct] = field(default_factory=dict)


class StaticUpstreamSpec(Api, frozen=True):
    """Hosts that stand here."""

    hosts: List[StaticHost] = ()
    use_tls: bool | None = None
    service_spec: ServiceSpec | None = None
    auto_sni_rewrite: bool | None = None


class PipeUpstreamSpec(Api, frozen=True):
    """A Unix socket."""

    path: str = ""
    service_spec: ServiceSpec | None = None


class DiscoveryMetadata(Api, frozen=True):
    """What was found about an Upstream that was not written by hand."""

    labels: dict[str, str] = field(default_factory=dict)


class PreconnectPolicy(Api, frozen=True):
    """Connections that are made before they are needed."""

    per_upstream_preconnect_ratio: float | None = None
    predictive_preconnect_ratio: float | None = None


class UpstreamSpec(Api, frozen=True):
    """Where requests are sent, and how."""

    ONE_OF: ClassVar[OneOf] = (("kube", "static", "pipe", "aws", "azure", "consul", "aws_ec2", "gcp"),)

    discovery_metadata: DiscoveryMetadata | None = None
    ssl_config: UpstreamSslConfig | None = None
    circuit_breakers: CircuitBreakerConfig | None = None
    load_balancer_config: LoadBalancerConfig | None = None
    health_checks: List[HealthCheck] = ()
    outlier_detection: OutlierDetection | None = None
    kube: KubeUpstreamSpec | None = None
    static: StaticUpstreamSpec | None = None
    pipe: PipeUpstreamSpec | None = None
    aws: AwsUpstreamSpec | None = None
    azure: AzureUpstreamSpec | None = None
    consul: ConsulUpstreamSpec | None = None
    aws_ec2: Ec2UpstreamSpec | None = None
    gcp: GcpUpstreamSpec | None = None
    failover: Failover | None = None
    connection_config: ConnectionConfig | None = None
    protocol_selection: ClusterProtocolSelection = "USE_CONFIGURED_PROTOCOL"
    use_http2: bool | None = None
    initial_stream_window_size: UInt32 | None = None
    initial_connection_window_size: UInt32 | None = None
    max_concurrent_streams: UInt32 | None = None
    override_stream_error_on_invalid_http_message: bool | None = None
    http_proxy_hostname: str | None = None
    http_connect_ssl_config: UpstreamSslConfig | None = None
    http_connect_headers: List[HeaderValue] = ()
    ignore_health_on_host_removal: bool | None = None
    respect_dns_ttl: bool | None = None
    dns_refresh_rate: Duration | None = None
    proxy_protocol_version: str | None = None
    preconnect_policy: PreconnectPolicy | None = None
    disable_istio_auto_mtls: bool | None = None


class Upstream(GlooResource, frozen=True):
    """Something that requests are sent to."""

    spec: UpstreamSpec = field(default_factory=UpstreamSpec)
