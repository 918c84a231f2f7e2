"""Upstreams of functions: in their clusters requests become calls."""

from envoy.extensions.filters.http.upstream_codec.v3 import upstream_codec_pb2

from daemun.api.gloo.cloud import (
    AwsDestinationSpec,
    AwsUpstreamSpec,
    AzureFunctionSpec,
    AzureUpstreamSpec,
    LambdaFunctionSpec,
)
from daemun.api.gloo.service_spec import GrpcServiceFunctions, GrpcServiceSpec, ServiceSpec
from daemun.api.gloo.upstream import UpstreamSpec
from daemun.envoy.upstreams.family import Draft, Family
from daemun.features.functions import aws_lambda, azure_functions
from daemun.gloo.served.fields import Fields

_CODEC = "envoy.filters.http.upstream_codec"


class Functions(Family):
    """`aws` and `azure`, and what is said of functions in `serviceSpec`."""

    serves = (
        Fields(UpstreamSpec, ("aws", "azure")),
        Fields(AzureUpstreamSpec, ("functionAppName", "secretRef", "functions")),
        Fields(AzureFunctionSpec, ("functionName", "authLevel")),
        Fields(
            AwsUpstreamSpec,
            (
                *("region", "secretRef", "lambdaFunctions", "roleArn", "awsAccountId"),
                *("disableRoleChaining", "destinationOverrides"),
            ),
        ),
        Fields(ServiceSpec, ("grpcJsonTranscoder", "grpc", "rest"), {"graphql": "stock Envoy has no GraphQL"}),
        Fields(GrpcServiceSpec, ("descriptors", "grpcServices")),
        Fields(GrpcServiceFunctions, ("packageName", "serviceName"), moot=("functionNames",)),
        Fields(LambdaFunctionSpec, ("logicalName", "lambdaFunctionName", "qualifier")),
        Fields(
            AwsDestinationSpec,
            (
                *("logicalName", "invocationStyle", "requestTransformation", "responseTransformation"),
                *("unwrapAsAlb", "unwrapAsApiGateway", "wrapAsApiGateway"),
            ),
        ),
    )

    def on_cluster(self, spec: UpstreamSpec, draft: Draft) -> None:
        """The script that calls, before what signs; a connection that passes through is never let in by the API."""
        if draft.through:
            return
        if spec.aws is not None:
            draft.options.http_filters.append(aws_lambda.script_filter())
        for function, key in draft.upstream.keys.items():
            draft.options.http_filters.append(azure_functions.key_filter(function, key))
            draft.secrets[key.resource] = None
        if draft.upstream.keys:
            draft.options.http_filters.add(name=_CODEC).typed_config.Pack(upstream_codec_pb2.UpstreamCodec())
