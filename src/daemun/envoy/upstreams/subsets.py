"""Subsets of an Upstream's endpoints, of which a route may choose one."""

from daemun.api.gloo.service_spec import Subset, SubsetSelector, SubsetSpec
from daemun.api.gloo.upstream import UpstreamSpec
from daemun.envoy.upstreams.family import Draft, Family
from daemun.gloo.served.fields import Fields
from daemun.gloo.upstreams.registered import label, subset_tags


class Subsets(Family):
    """`kube.subsetSpec`, and the tags of `consul`. The subset itself is the route's to choose (`envoy.actions`)."""

    serves = (
        Fields(SubsetSpec, ("selectors", "fallbackPolicy", "defaultSubset")),
        Fields(SubsetSelector, ("keys", "singleHostPerSubset")),
        Fields(Subset, ("values",)),
    )
    places = (("lbSubsetConfig", "spec.kube.subsetSpec"),)

    def on_cluster(self, spec: UpstreamSpec, draft: Draft) -> None:
        """Endpoints are told apart by the labels of their pods, instances by their tags."""
        wanted = spec.kube.subset_spec if spec.kube else None
        if tags := subset_tags(spec.consul):
            wanted = SubsetSpec(selectors=(SubsetSelector(keys=tuple(map(label, tags))),))
        if wanted is None:
            return
        config = draft.cluster.lb_subset_config
        config.fallback_policy = (
            config.DESCRIPTOR.enum_types_by_name["LbSubsetFallbackPolicy"].values_by_name[wanted.fallback_policy].number
        )
        for selector in wanted.selectors:
            config.subset_selectors.add(keys=selector.keys, single_host_per_subset=selector.single_host_per_subset)
        if wanted.default_subset is not None:
            config.default_subset.update(wanted.default_subset.values)
