"""Connections that are made before they are needed."""

from daemun.api.gloo.upstream import PreconnectPolicy, UpstreamSpec
from daemun.envoy.upstreams.family import Draft, Family
from daemun.gloo.served.fields import Fields


class Preconnect(Family):
    """`preconnectPolicy`."""

    serves = (
        Fields(UpstreamSpec, ("preconnectPolicy",)),
        Fields(PreconnectPolicy, ("perUpstreamPreconnectRatio", "predictivePreconnectRatio")),
    )
    places = (
        ("preconnectPolicy.perUpstreamPreconnectRatio", "spec.preconnectPolicy.perUpstreamPreconnectRatio"),
        ("preconnectPolicy.predictivePreconnectRatio", "spec.preconnectPolicy.predictivePreconnectRatio"),
    )

    def on_cluster(self, spec: UpstreamSpec, draft: Draft) -> None:
        """How many connections are made for each that is needed."""
        wanted = spec.preconnect_policy
        if wanted is None:
            return
        policy = draft.cluster.preconnect_policy
        if wanted.per_upstream_preconnect_ratio is not None:
            policy.per_upstream_preconnect_ratio.value = wanted.per_upstream_preconnect_ratio
        if wanted.predictive_preconnect_ratio is not None:
            policy.predictive_preconnect_ratio.value = wanted.predictive_preconnect_ratio
