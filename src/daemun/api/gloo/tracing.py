"""Tracing: what is sampled, which tags spans have, and where they go."""

from typing import ClassVar, Literal, TypeAlias

from msgspec import field

from daemun.api.gloo.common import ResourceRef
from daemun.api.gloo.scalars import Int64, OneOf
from daemun.api.meta import Api, List

CollectorEndpointVersion: TypeAlias = Literal["DEPRECATED_AND_UNAVAILABLE_DO_NOT_USE", "HTTP_JSON", "HTTP_PROTO"]
ConstantDecision: TypeAlias = Literal["ALWAYS_OFF", "ALWAYS_ON", "ALWAYS_PARENT"]
TraceContext: TypeAlias = Literal["NONE", "TRACE_CONTEXT", "GRPC_TRACE_BIN", "CLOUD_TRACE_CONTEXT", "B3"]


class TracePercentages(Api, frozen=True):
    """How much is traced, in percent."""

    client_sample_percentage: float | None = None
    random_sample_percentage: float | None = None
    overall_sample_percentage: float | None = None


class RouteTracingSettings(Api, frozen=True):
    """Tracing of a route."""

    route_descriptor: str = ""
    trace_percentages: TracePercentages | None = None
    propagate: bool | None = None


class TracingTagEnvironmentVariable(Api, frozen=True):
    """A tag from a variable of the proxy's environment."""

    tag: str | None = None
    name: str | None = None
    default_value: str | None = None


class TracingTagLiteral(Api, frozen=True):
    """A tag that is always the same."""

    tag: str | None = None
    value: str | None = None


class ZipkinConfig(Api, frozen=True):
    """Spans go to a Zipkin collector."""

    ONE_OF: ClassVar[OneOf] = (("collector_upstream_ref", "cluster_name"),)

    collector_upstream_ref: ResourceRef | None = None
    cluster_name: str | None = None
    collector_endpoint: str = ""
    trace_id_128bit: bool | None = field(default=None, name="traceId128bit")
    shared_span_context: bool | None = None
    collector_endpoint_version: CollectorEndpointVersion = "DEPRECATED_AND_UNAVAILABLE_DO_NOT_USE"


class DatadogConfig(Api, frozen=True):
    """Spans go to a Datadog agent."""

    ONE_OF: ClassVar[OneOf] = (("collector_upstream_ref", "cluster_name"),)

    collector_upstream_ref: ResourceRef | None = None
    cluster_name: str | None = None
    service_name: str | None = None


class OpenTelemetryConfig(Api, frozen=True):
    """Spans go to an OpenTelemetry collector over gRPC."""

    ONE_OF: ClassVar[OneOf] = (("collector_upstream_ref", "cluster_name"),)

    collector_upstream_ref: ResourceRef | None = None
    cluster_name: str | None = None


class ProbabilitySampler(Api, frozen=True):
    """A share of all spans."""

    sampling_probability: float = 0.0


class ConstantSampler(Api, frozen=True):
    """All spans, none, or as the parent."""

    decision: ConstantDecision = "ALWAYS_OFF"


class RateLimitingSampler(Api, frozen=True):
    """So many spans a second."""

    qps: Int64 = 0


class OpenCensusTraceConfig(Api, frozen=True):
    """What is sampled, and how large a span may be."""

    ONE_OF: ClassVar[OneOf] = (("probability_sampler", "constant_sampler", "rate_limiting_sampler"),)

    probability_sampler: ProbabilitySampler | None = None
    constant_sampler: ConstantSampler | None = None
    rate_limiting_sampler: RateLimitingSampler | None = None
    max_number_of_attributes: Int64 = 0
    max_number_of_annotations: Int64 = 0
    max_number_of_message_events: Int64 = 0
    max_number_of_links: Int64 = 0


class OcagentGrpcAddress(Api, frozen=True):
    """The address of an OpenCensus agent."""

    target_uri: str = ""
    stat_prefix: str = ""


class OpenCensusConfig(Api, frozen=True):
    """Spans go to an OpenCensus agent. Envoy has removed it."""

    ONE_OF: ClassVar[OneOf] = (("http_address", "grpc_address"),)

    trace_config: OpenCensusTraceConfig | None = None
    ocagent_exporter_enabled: bool = False
    http_address: str | None = None
    grpc_address: OcagentGrpcAddress | None = None
    incoming_trace_context: List[TraceContext] = ()
    outgoing_trace_context: List[TraceContext] = ()


class ListenerTracingSettings(Api, frozen=True):
    """Tracing of a listener."""

    ONE_OF: ClassVar[OneOf] = (("zipkin_config", "datadog_config", "open_telemetry_config", "open_census_config"),)

    request_headers_for_tags: List[str] = ()
    verbose: bool | None = None
    trace_percentages: TracePercentages | None = None
    zipkin_config: ZipkinConfig | None = None
    datadog_config: DatadogConfig | None = None
    open_telemetry_config: OpenTelemetryConfig | None = None
    open_census_config: OpenCensusConfig | None = None
    environment_variables_for_tags: List[TracingTagEnvironmentVariable] = ()
    literals_for_tags: List[TracingTagLiteral] = ()
