"""Upstreams of functions: in their clusters requests become calls."""

from daemun.api.gloo.cloud import AwsDestinationSpec, AwsUpstreamSpec, LambdaFunctionSpec
from daemun.api.gloo.service_spec import GrpcServiceFunctions, GrpcServiceSpec, ServiceSpec
from daemun.api.gloo.upstream import UpstreamSpec
from daemun.envoy.upstreams.family import Draft, Family
from daemun.features.functions import aws_lambda
from daemun.gloo.served import Fields

_REST = "functions of REST services are not served; requests are sent on all the same"


class Functions(Family):
    """`aws`, and what is said of functions in `serviceSpec`."""

    serves = (
        Fields(UpstreamSpec, ("aws",)),
        Fields(
            AwsUpstreamSpec,
            (
                *("region", "secretRef", "lambdaFunctions", "roleArn", "awsAccountId"),
                *("disableRoleChaining", "destinationOverrides"),
            ),
        ),
        Fields(ServiceSpec, ("grpcJsonTranscoder", "grpc"), {"rest": _REST, "graphql": "stock Envoy has no GraphQL"}),
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
        if spec.aws is not None and not draft.through:
            draft.options.http_filters.append(aws_lambda.script_filter())
