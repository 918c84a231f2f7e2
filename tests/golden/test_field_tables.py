"""The tables of fields in the docs are what the code says (`make golden` writes them anew)."""

import os
from pathlib import Path

import pytest

from daemun.api.gloo import (
    cloud,
    extproc,
    failover,
    health,
    jwt,
    listener_filters,
    options,
    ratelimit,
    service_spec,
    settings,
    ssl,
    tracing,
    upstream,
)
from daemun.envoy.upstreams import SERVED
from daemun.features.served import OPTIONS
from daemun.gloo.served.fields import Served, table
from daemun.gloo.settings import fields as gloo_settings

DOCS = Path(__file__).parents[2] / "docs/gloo"
MARK = "<!-- Made from the code by `make golden`. -->\n"
UPSTREAM = {
    "Upstream": upstream.UpstreamSpec,
    "kube": upstream.KubeUpstreamSpec,
    "static": upstream.StaticUpstreamSpec,
    "static.hosts[]": upstream.StaticHost,
    "static.hosts[].healthCheckConfig": upstream.HostHealthCheckConfig,
    "pipe": upstream.PipeUpstreamSpec,
    "consul": cloud.ConsulUpstreamSpec,
    "…serviceSpec": service_spec.ServiceSpec,
    "…serviceSpec.grpc": service_spec.GrpcServiceSpec,
    "…serviceSpec.grpc.grpcServices[]": service_spec.GrpcServiceFunctions,
    "azure": cloud.AzureUpstreamSpec,
    "azure.functions[]": cloud.AzureFunctionSpec,
    "aws": cloud.AwsUpstreamSpec,
    "aws.lambdaFunctions[]": cloud.LambdaFunctionSpec,
    "aws.destinationOverrides": cloud.AwsDestinationSpec,
    "sslConfig": ssl.UpstreamSslConfig,
    "sslConfig.sds": ssl.SDSConfig,
    "healthChecks[]": health.HealthCheck,
    "healthChecks[].httpHealthCheck": health.HttpHealthCheck,
    "healthChecks[].customHealthCheck": health.CustomHealthCheck,
    "failover…lbEndpoints[].healthCheckConfig": failover.LbHealthCheckConfig,
}

OF_OPTIONS = {
    "RouteOptions": options.RouteOptions,
    "VirtualHostOptions": options.VirtualHostOptions,
    "WeightedDestinationOptions": options.WeightedDestinationOptions,
    "HttpListenerOptions": options.HttpListenerOptions,
    "ListenerOptions": options.ListenerOptions,
    "TcpListenerOptions": options.TcpListenerOptions,
    "grpcJsonTranscoder": listener_filters.GrpcJsonTranscoder,
    "httpConnectionManagerSettings.tracing": tracing.ListenerTracingSettings,
    "httpConnectionManagerSettings.tracing.zipkinConfig": tracing.ZipkinConfig,
    "httpConnectionManagerSettings.tracing.datadogConfig": tracing.DatadogConfig,
    "httpConnectionManagerSettings.tracing.openTelemetryConfig": tracing.OpenTelemetryConfig,
    "jwt…claimsToHeaders[]": jwt.ClaimToHeader,
    "extProc.overrides": extproc.ExtProcOverrides,
    "wasm.filters[]": listener_filters.WasmFilter,
    "ratelimit of a route": ratelimit.RateLimitRouteExtension,
    "ratelimit of a host": ratelimit.RateLimitVhostExtension,
}
OF_SETTINGS = {
    "Settings": settings.SettingsSpec,
    "gloo": settings.GlooOptions,
    "discovery": settings.DiscoveryOptions,
    "gloo.awsOptions": settings.AWSOptions,
    "gloo.awsOptions.serviceAccountCredentials": settings.ServiceAccountCredentials,
    "gloo.istioOptions": settings.IstioOptions,
    "gloo.invalidConfigPolicy": settings.InvalidConfigPolicy,
    "gateway": settings.GatewayOptions,
    "gateway.validation": settings.ValidationOptions,
    "gateway.virtualServiceOptions": settings.VirtualServiceOptions,
    "upstreamOptions": settings.UpstreamOptions,
    "secretOptions": settings.SecretOptions,
    "secretOptions.sources[]": settings.SecretSource,
    "vaultSecretSource": settings.VaultSecrets,
    "vaultSecretSource.tlsConfig": settings.VaultTlsConfig,
    "vaultSecretSource.aws": settings.VaultAwsAuth,
    "directorySecretSource": settings.Directory,
    "consul": settings.ConsulConfiguration,
}
PAGES = [
    ("upstreams.md", SERVED, UPSTREAM),
    ("options.md", OPTIONS, OF_OPTIONS),
    ("settings.md", gloo_settings.SERVED, OF_SETTINGS),
]
every = pytest.mark.parametrize(("page", "served", "messages"), PAGES)


@every
def test_tables(page: str, served: Served, messages: dict[str, type]) -> None:
    written = (DOCS / page).read_text()
    head, _, found = written.partition(MARK)
    expected = "\n" + "\n".join(table(served, message, title) for title, message in messages.items())
    if os.environ.get("DAEMUN_GOLDEN") == "write":
        (DOCS / page).write_text(head + MARK + expected)
        return
    assert found == expected


@every
def test_every_field_is_decided_and_what_is_not_served_is_in_a_table(
    page: str, served: Served, messages: dict[str, type]
) -> None:
    assert list(served.undecided()) == [], page
    assert {one.message for one in served.rows() if one.why_not} <= set(messages.values())
