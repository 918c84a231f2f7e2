"""Settings: how the control plane behaves."""

from typing import ClassVar, Literal, TypeAlias

from msgspec import field

from daemun.api.gloo.cloud import ConsulConsistencyModes, ConsulQueryOptions
from daemun.api.gloo.common import Empty, Extensions, ResourceRef
from daemun.api.gloo.extauth import ExtAuthSettings
from daemun.api.gloo.extproc import ExtProcSettings
from daemun.api.gloo.listener_filters import CachingSettings
from daemun.api.gloo.ratelimit import RateLimitServerSettings, RateLimitServiceSettings
from daemun.api.gloo.rbac import RbacSettings
from daemun.api.gloo.resource import GlooResource
from daemun.api.gloo.scalars import Duration, Int32, OneOf, UInt32
from daemun.api.gloo.ssl import SslParameters
from daemun.api.gloo.upstream import CircuitBreakerConfig
from daemun.api.meta import Api, LabelSelector, List

FdsMode: TypeAlias = Literal["BLACKLIST", "WHITELIST", "DISABLED"]
ProcessingRule: TypeAlias = Literal[
    "RULE_UNSPECIFIED",
    "RULE_DANGEROUS_TO_BREAKING",
    "RULE_DEPRECATED_FIELD_REMOVAL_DANGEROUS",
    "RULE_IGNORE_DESCRIPTION_CHANGES",
    "RULE_IGNORE_UNREACHABLE",
]


class KnativeOptions(Api, frozen=True):
    """The proxies of Knative."""

    cluster_ingress_proxy_address: str = ""
    knative_external_proxy_address: str = ""
    knative_internal_proxy_address: str = ""


class VaultTlsConfig(Api, frozen=True):
    """TLS to Vault."""

    ca_cert: str = ""
    ca_path: str = ""
    client_cert: str = ""
    client_key: str = ""
    tls_server_name: str = ""
    insecure: bool | None = None


class VaultAwsAuth(Api, frozen=True):
    """Vault is told who one is by AWS."""

    vault_role: str = ""
    region: str = ""
    iam_server_id_header: str = ""
    mount_path: str = ""
    access_key_id: str = ""
    secret_access_key: str = ""
    session_token: str = ""
    lease_increment: Int32 = 0


class VaultSecrets(Api, frozen=True):
    """Secrets in Vault."""

    ONE_OF: ClassVar[OneOf] = (("access_token", "aws"),)

    token: str = ""
    address: str = ""
    ca_cert: str = ""
    ca_path: str = ""
    client_cert: str = ""
    client_key: str = ""
    tls_server_name: str = ""
    insecure: bool | None = None
    root_key: str = ""
    path_prefix: str = ""
    tls_config: VaultTlsConfig | None = None
    access_token: str | None = None
    aws: VaultAwsAuth | None = None


class ConsulKv(Api, frozen=True):
    """Objects in Consul."""

    root_key: str = ""


class Directory(Api, frozen=True):
    """Objects in files."""

    directory: str = ""


class SecretSource(Api, frozen=True):
    """One place for Secrets."""

    ONE_OF: ClassVar[OneOf] = (("kubernetes", "vault", "directory"),)

    kubernetes: Empty | None = None
    vault: VaultSecrets | None = None
    directory: Directory | None = None


class SecretOptions(Api, frozen=True):
    """Places for Secrets, in order."""

    sources: List[SecretSource] = ()


class UdsOptions(Api, frozen=True):
    """Whether and of which Services Upstreams are made."""

    enabled: bool | None = None
    watch_labels: dict[str, str] = field(default_factory=dict)


class FdsOptions(Api, frozen=True):
    """Whether GraphQL is looked for."""

    graphql_enabled: bool | None = None


class DiscoveryOptions(Api, frozen=True):
    """What is looked for."""

    fds_mode: FdsMode = "BLACKLIST"
    uds_options: UdsOptions | None = None
    fds_options: FdsOptions | None = None


class ConsulServiceDiscoveryOptions(Api, frozen=True):
    """Where in Consul services are looked for."""

    data_centers: List[str] = ()


class ConsulConfiguration(Api, frozen=True):
    """How Consul is reached."""

    address: str = ""
    datacenter: str = ""
    username: str = ""
    password: str = ""
    token: str = ""
    ca_file: str = ""
    ca_path: str = ""
    cert_file: str = ""
    key_file: str = ""
    insecure_skip_verify: bool | None = None
    wait_time: Duration | None = None
    service_discovery: ConsulServiceDiscoveryOptions | None = None
    http_address: str = ""
    dns_address: str = ""
    dns_polling_interval: Duration | None = None


class ConsulUpstreamDiscoveryConfiguration(Api, frozen=True):
    """How services in Consul become Upstreams."""

    use_tls_tagging: bool = False
    tls_tag_name: str = ""
    root_ca: ResourceRef | None = None
    split_tls_services: bool = False
    consistency_mode: ConsulConsistencyModes = "DefaultMode"
    query_options: ConsulQueryOptions | None = None
    service_tags_allowlist: List[str] = ()
    eds_blocking_queries: bool | None = None


class KubernetesRateLimits(Api, frozen=True):
    """How often the API server may be asked."""

    qps: float = field(default=0.0, name="QPS")
    burst: UInt32 = 0


class KubernetesConfiguration(Api, frozen=True):
    """How the API server is asked."""

    rate_limits: KubernetesRateLimits | None = None


class GrafanaIntegration(Api, frozen=True):
    """Dashboards in Grafana."""

    default_dashboard_folder_id: UInt32 | None = None
    dashboard_prefix: str = ""
    extra_metric_query_parameters: str = ""


class MetricLabels(Api, frozen=True):
    """Labels of metrics, and where in an object their values are."""

    label_to_path: dict[str, str] = field(default_factory=dict)


class ObservabilityOptions(Api, frozen=True):
    """What can be seen of the control plane."""

    grafana_integration: GrafanaIntegration | None = None
    config_status_metric_labels: dict[str, MetricLabels] = field(default_factory=dict)


class UpstreamOptions(Api, frozen=True):
    """What holds for all Upstreams."""

    ssl_parameters: SslParameters | None = None
    global_annotations: dict[str, str] = field(default_factory=dict)


class ServiceAccountCredentials(Api, frozen=True):
    """AWS is told who one is by a ServiceAccount."""

    cluster: str = ""
    uri: str = ""
    timeout: Duration | None = None
    region: str = ""


class AWSOptions(Api, frozen=True):
    """How AWS is told who one is."""

    ONE_OF: ClassVar[OneOf] = (("enable_credentials_discovey", "service_account_credentials"),)

    enable_credentials_discovey: bool | None = None
    service_account_credentials: ServiceAccountCredentials | None = None
    propagate_original_routing: bool | None = None
    credential_refresh_delay: Duration | None = None
    fallback_to_first_function: bool | None = None


class InvalidConfigPolicy(Api, frozen=True):
    """What routes answer that cannot be served."""

    replace_invalid_routes: bool = False
    invalid_route_response_code: UInt32 = 0
    invalid_route_response_body: str = ""


class IstioOptions(Api, frozen=True):
    """Whether proxies take part in a mesh of Istio's."""

    append_x_forwarded_host: bool | None = None
    enable_auto_mtls: bool | None = None
    enable_integration: bool | None = None


class GlooOptions(Api, frozen=True):
    """How configuration becomes Envoy's."""

    xds_bind_addr: str = ""
    validation_bind_addr: str = ""
    circuit_breakers: CircuitBreakerConfig | None = None
    endpoints_warming_timeout: Duration | None = None
    aws_options: AWSOptions | None = None
    invalid_config_policy: InvalidConfigPolicy | None = None
    disable_kubernetes_destinations: bool = False
    disable_grpc_web: bool | None = None
    disable_proxy_garbage_collection: bool | None = None
    regex_max_program_size: UInt32 | None = None
    rest_xds_bind_addr: str = ""
    enable_rest_eds: bool | None = None
    failover_upstream_dns_polling_interval: Duration | None = None
    remove_unused_filters: bool | None = None
    proxy_debug_bind_addr: str = ""
    log_transformation_request_response_info: bool | None = None
    transformation_escape_characters: bool | None = None
    istio_options: IstioOptions | None = None


class VirtualServiceOptions(Api, frozen=True):
    """What holds for all VirtualServices."""

    one_way_tls: bool | None = None


class ValidationOptions(Api, frozen=True):
    """What the webhook admits."""

    proxy_validation_server_addr: str = ""
    validation_webhook_tls_cert: str = ""
    validation_webhook_tls_key: str = ""
    ignore_gloo_validation_failure: bool = False
    always_accept: bool | None = None
    allow_warnings: bool | None = None
    warn_route_short_circuiting: bool | None = None
    disable_transformation_validation: bool | None = None
    validation_server_grpc_max_size_bytes: Int32 | None = None
    server_enabled: bool | None = None
    warn_missing_tls_secret: bool | None = None


class GatewayOptions(Api, frozen=True):
    """How classic resources become a Proxy."""

    validation_server_addr: str = ""
    validation: ValidationOptions | None = None
    read_gateways_from_all_namespaces: bool = False
    always_sort_route_table_routes: bool = False
    compressed_proxy_spec: bool = False
    virtual_service_options: VirtualServiceOptions | None = None
    persist_proxy_spec: bool | None = None
    enable_gateway_controller: bool | None = None
    isolate_virtual_hosts_by_ssl_config: bool | None = None
    translate_empty_gateways: bool | None = None


class ConsoleOptions(Api, frozen=True):
    """What the console may do."""

    read_only: bool | None = None
    api_explorer_enabled: bool | None = None


class SchemaChangeValidationOptions(Api, frozen=True):
    """Which changes of a GraphQL schema are refused."""

    reject_breaking_changes: bool | None = None
    processing_rules: List[ProcessingRule] = ()


class GraphqlOptions(Api, frozen=True):
    """How GraphQLApis are handled."""

    schema_change_validation_options: SchemaChangeValidationOptions | None = None


class SettingsSpec(Api, frozen=True):
    """How the control plane behaves."""

    ONE_OF: ClassVar[OneOf] = (
        ("kubernetes_config_source", "directory_config_source", "consul_kv_source"),
        ("kubernetes_secret_source", "vault_secret_source", "directory_secret_source"),
        ("kubernetes_artifact_source", "directory_artifact_source", "consul_kv_artifact_source"),
    )

    discovery_namespace: str = ""
    watch_namespaces: List[str] = ()
    kubernetes_config_source: Empty | None = None
    directory_config_source: Directory | None = None
    consul_kv_source: ConsulKv | None = None
    kubernetes_secret_source: Empty | None = None
    vault_secret_source: VaultSecrets | None = None
    directory_secret_source: Directory | None = None
    secret_options: SecretOptions | None = None
    kubernetes_artifact_source: Empty | None = None
    directory_artifact_source: Directory | None = None
    consul_kv_artifact_source: ConsulKv | None = None
    refresh_rate: Duration | None = None
    dev_mode: bool = False
    linkerd: bool = False
    knative: KnativeOptions | None = None
    discovery: DiscoveryOptions | None = None
    gloo: GlooOptions | None = None
    gateway: GatewayOptions | None = None
    consul: ConsulConfiguration | None = None
    consul_discovery: ConsulUpstreamDiscoveryConfiguration | None = None
    kubernetes: KubernetesConfiguration | None = None
    extensions: Extensions | None = None
    ratelimit: RateLimitServiceSettings | None = None
    ratelimit_server: RateLimitServerSettings | None = None
    rbac: RbacSettings | None = None
    extauth: ExtAuthSettings | None = None
    named_extauth: dict[str, ExtAuthSettings] = field(default_factory=dict)
    caching_server: CachingSettings | None = None
    observability_options: ObservabilityOptions | None = None
    upstream_options: UpstreamOptions | None = None
    console_options: ConsoleOptions | None = None
    graphql_options: GraphqlOptions | None = None
    ext_proc: ExtProcSettings | None = None
    watch_namespace_selectors: List[LabelSelector] = ()


class Settings(GlooResource, frozen=True):
    """The settings of the control plane. The one named `default` counts."""

    spec: SettingsSpec = field(default_factory=SettingsSpec)
