"""Services of Google Cloud: whom the tokens are for that requests show."""

from envoy.extensions.filters.http.gcp_authn.v3 import gcp_authn_pb2 as gcp_v3

from daemun.api.gloo.cloud import GcpUpstreamSpec
from daemun.api.gloo.upstream import UpstreamSpec
from daemun.envoy.upstreams.family import Draft, Family
from daemun.features.functions.gcp_identity import AUDIENCE
from daemun.gloo.functions.gcp import audience
from daemun.gloo.served.fields import Fields


class Gcp(Family):
    """`gcp`. The host is one like those of static Upstreams; the filter that gets a token is the listener's."""

    serves = (Fields(UpstreamSpec, ("gcp",)), Fields(GcpUpstreamSpec, ("host", "audience")))

    def on_cluster(self, spec: UpstreamSpec, draft: Draft) -> None:
        """The filter reads it in the cluster's metadata."""
        if spec.gcp is not None and not draft.through:
            wanted = gcp_v3.Audience(url=audience(spec.gcp))
            draft.cluster.metadata.typed_filter_metadata[AUDIENCE].Pack(wanted, deterministic=True)
