"""Requests to services of Google Cloud, such as Cloud Run: they show a token of who the proxy is (gcp_authn)."""

from typing import ClassVar

from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.extensions.filters.http.gcp_authn.v3 import gcp_authn_pb2 as gcp_v3
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3
from google.protobuf import any_pb2

from daemun.features.drafts import Draft
from daemun.features.feature import Feature, Scene, disabled_filter
from daemun.ir.backend import GCP_METADATA
from daemun.ir.function import GCP_IDENTITY
from daemun.ir.route import Use

AUDIENCE = "envoy.filters.http.gcp_authn"
"""The filter, and where in a cluster's metadata it reads whom the token is for."""
_SECONDS = 5
_TOKENS = 100
"""Tokens that each worker of a proxy keeps, until they end."""


class GcpIdentity(Feature[str]):
    """Envoy's filter. Whom the token is for stands in the cluster; here it is the spec, to be told."""

    kind: ClassVar = GCP_IDENTITY
    rare: ClassVar = "gcp"

    def http_filter(self) -> hcm_v3.HttpFilter:
        """It asks the metadata server of the machine that the proxy runs on."""
        config = gcp_v3.GcpAuthnFilterConfig(cluster=GCP_METADATA.cluster)
        config.timeout.seconds = _SECONDS
        config.retry_policy.num_retries.value = 2
        config.cache_config.cache_size.value = _TOKENS
        return disabled_filter(AUDIENCE, config)

    def does(self, spec: str, use: Use, scene: Scene) -> str:
        """Whom it is for."""
        del use, scene
        return f"is for the service's own host, and shows a token of the proxy's identity in Google Cloud for {spec}"

    def on_route(self, spec: str, use: Use, draft: Draft) -> None:
        """Switched on; where the server cannot be reached the request goes without a token.

        Google finds the service by its host, so the request is for that, unless another one is asked for.
        """
        del spec, use
        draft.cluster(GCP_METADATA)
        draft.action.auto_host_rewrite.value = True
        draft.per_route(AUDIENCE, route_v3.FilterConfig(config=any_pb2.Any()))
