"""Tracing: what is sampled, which tags spans have, and the Upstream that takes them."""

from collections.abc import Iterable
from typing import Any

from envoy.config.trace.v3 import datadog_pb2, opentelemetry_pb2, zipkin_pb2
from google.protobuf.message import Message

from daemun.api.gloo.hcm import HttpConnectionManagerSettings as Spec
from daemun.api.gloo.tracing import DatadogConfig, ListenerTracingSettings, OpenTelemetryConfig, ZipkinConfig
from daemun.features.drafts import ManagerDraft
from daemun.features.feature import Fault
from daemun.features.percent import percent_faults
from daemun.features.transformations.spans import OPERATION
from daemun.features.wrapped import put_all
from daemun.gloo.served.fields import Fields
from daemun.ir.route import Use

_ZIPKIN = ("collector_endpoint", "trace_id_128bit", "shared_span_context")
_SHARES = {
    "client_sample_percentage": "client_sampling",
    "random_sample_percentage": "random_sampling",
    "overall_sample_percentage": "overall_sampling",
}
_MEND = "Name an Upstream with collectorUpstreamRef."
_NO_CLUSTER = {"clusterName": "it names a cluster of Envoy's bootstrap, and Daemun's has none; name an Upstream"}
SERVES = (
    Fields(
        ListenerTracingSettings,
        (
            "requestHeadersForTags",
            "verbose",
            "tracePercentages",
            "zipkinConfig",
            "datadogConfig",
            "openTelemetryConfig",
            "environmentVariablesForTags",
            "literalsForTags",
        ),
        {"openCensusConfig": "Envoy has removed OpenCensus"},
    ),
    Fields(
        ZipkinConfig,
        (
            "collectorUpstreamRef",
            "collectorEndpoint",
            "traceId128bit",
            "sharedSpanContext",
            "collectorEndpointVersion",
        ),
        _NO_CLUSTER,
    ),
    Fields(DatadogConfig, ("collectorUpstreamRef", "serviceName"), _NO_CLUSTER),
    Fields(OpenTelemetryConfig, ("collectorUpstreamRef",), _NO_CLUSTER),
)
Provider = ZipkinConfig | DatadogConfig | OpenTelemetryConfig


def _provider(tracing: ListenerTracingSettings) -> tuple[str, Provider] | None:
    if tracing.zipkin_config is not None:
        return "zipkinConfig", tracing.zipkin_config
    if tracing.datadog_config is not None:
        return "datadogConfig", tracing.datadog_config
    if tracing.open_telemetry_config is not None:
        return "openTelemetryConfig", tracing.open_telemetry_config
    return None


def faults(spec: Spec, where: str) -> Iterable[Fault]:
    """Shares that cannot be, and collectors that are not named."""
    if spec.tracing is None:
        return
    here = f"{where}.tracing"
    shares = spec.tracing.trace_percentages
    if shares is not None:
        yield from percent_faults(shares.client_sample_percentage, f"{here}.tracePercentages.clientSamplePercentage")
        yield from percent_faults(shares.random_sample_percentage, f"{here}.tracePercentages.randomSamplePercentage")
        yield from percent_faults(shares.overall_sample_percentage, f"{here}.tracePercentages.overallSamplePercentage")
    found = _provider(spec.tracing)
    if found is not None and found[1].collector_upstream_ref is None and found[1].cluster_name is None:
        yield f"{here}.{found[0]}", "names no collector", _MEND
    zipkin = spec.tracing.zipkin_config
    if zipkin is not None and not zipkin.collector_endpoint:
        yield f"{here}.zipkinConfig.collectorEndpoint", "is missing", "It is /api/v2/spans, most of the time."


def upstreams(spec: Spec) -> Iterable[tuple[str, Any]]:
    """The collector."""
    found = _provider(spec.tracing) if spec.tracing is not None else None
    if found is not None and found[1].collector_upstream_ref is not None:
        yield f"tracing.{found[0]}.collectorUpstreamRef", found[1].collector_upstream_ref


def put_tracing(spec: Spec, use: Use, draft: ManagerDraft) -> None:
    """On if a collector is there; spans of a share that is not given are all sampled."""
    tracing = spec.tracing
    if tracing is None:
        return
    found = _provider(tracing)
    backend = next((one for one in use.backends if one is not None), None)
    if found is None or backend is None:
        return  # nobody would take the spans
    proto = draft.proto.tracing
    proto.verbose = bool(tracing.verbose)
    proto.operation = OPERATION
    for ours, envoys in _SHARES.items():
        value = getattr(tracing.trace_percentages, ours, None)
        getattr(proto, envoys).value = 100.0 if value is None else value
    for name in tracing.request_headers_for_tags:
        proto.custom_tags.add(tag=name, request_header={"name": name})
    for variable in tracing.environment_variables_for_tags:
        environment = {"name": variable.name or "", "default_value": variable.default_value or ""}
        proto.custom_tags.add(tag=variable.tag or "", environment=environment)
    for literal in tracing.literals_for_tags:
        proto.custom_tags.add(tag=literal.tag or "", literal={"value": literal.value or ""})
    name, config = _config(found[1], draft.cluster(backend))
    proto.provider.name = name
    proto.provider.typed_config.Pack(config, deterministic=True)


def _config(provider: Provider, cluster: str) -> tuple[str, Message]:
    match provider:
        case ZipkinConfig():
            zipkin = zipkin_pb2.ZipkinConfig(collector_cluster=cluster)
            put_all(zipkin, provider, _ZIPKIN)
            protobuf = provider.collector_endpoint_version == "HTTP_PROTO"
            zipkin.collector_endpoint_version = zipkin.HTTP_PROTO if protobuf else zipkin.HTTP_JSON
            return "envoy.tracers.zipkin", zipkin
        case DatadogConfig():
            service = provider.service_name or "envoy"
            return "envoy.tracers.datadog", datadog_pb2.DatadogConfig(collector_cluster=cluster, service_name=service)
        case OpenTelemetryConfig():
            grpc = {"envoy_grpc": {"cluster_name": cluster}, "timeout": {"seconds": 1}}
            return "envoy.tracers.opentelemetry", opentelemetry_pb2.OpenTelemetryConfig(grpc_service=grpc)
