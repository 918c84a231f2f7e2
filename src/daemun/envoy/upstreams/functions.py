"""Upstreams of functions: in their clusters requests become calls."""

from daemun.api.gloo.cloud import AwsDestinationSpec, AwsUpstreamSpec, LambdaFunctionSpec
from daemun.api.gloo.upstream import UpstreamSpec
from daemun.envoy.upstreams.family import Draft, Family
from daemun.features.functions import aws_lambda
from daemun.gloo.served import Fields


class Functions(Family):
    """`aws`."""

    serves = (
        Fields(UpstreamSpec, ("aws",)),
        Fields(
            AwsUpstreamSpec,
            (
                *("region", "secretRef", "lambdaFunctions", "roleArn", "awsAccountId"),
                *("disableRoleChaining", "destinationOverrides"),
            ),
        ),
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
