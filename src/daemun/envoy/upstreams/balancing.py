"""How one of an Upstream's endpoints is chosen."""

from collections.abc import Iterable

from envoy.config.cluster.v3 import cluster_pb2

from daemun.api.gloo.upstream import (
    LeastRequest,
    LoadBalancerConfig,
    RingHash,
    RingHashConfig,
    RoundRobin,
    SlowStartConfig,
    UpstreamSpec,
)
from daemun.base.addresses import is_ip
from daemun.envoy.upstreams.family import Draft, Family, Fault, duration
from daemun.gloo.served.fields import Fields
from daemun.gloo.upstreams.upstream import ResolvedUpstream

_LEAST_RING, _MOST_RING = 1024, 8_388_608
"""The sizes of a ring of which nothing is said (Envoy, RingHashLbConfig); more than the second there cannot be."""
_WHERE = "spec.loadBalancerConfig"


class Balancing(Family):
    """`loadBalancerConfig`. Without a way to choose it is that of Services: the one with fewer requests of two."""

    serves = (
        Fields(UpstreamSpec, ("loadBalancerConfig",)),
        Fields(
            LoadBalancerConfig,
            (
                "healthyPanicThreshold",
                "updateMergeWindow",
                "roundRobin",
                "leastRequest",
                "random",
                "ringHash",
                "maglev",
                "localityWeightedLbConfig",
                "useHostnameForHashing",
            ),
        ),
        Fields(RoundRobin, ("slowStartConfig",)),
        Fields(LeastRequest, ("choiceCount", "slowStartConfig")),
        Fields(RingHash, ("ringHashConfig",)),
        Fields(RingHashConfig, ("minimumRingSize", "maximumRingSize")),
        Fields(SlowStartConfig, ("slowStartWindow", "aggression", "minWeightPercent")),
    )
    places = (
        ("ringHashLbConfig", f"{_WHERE}.ringHash.ringHashConfig"),
        ("leastRequestLbConfig", f"{_WHERE}.leastRequest"),
        ("roundRobinLbConfig", f"{_WHERE}.roundRobin"),
        ("commonLbConfig", _WHERE),
    )

    def faults(self, upstream: ResolvedUpstream) -> Iterable[Fault]:
        """A ring without a size. Of such a cluster Envoy never says that it refuses it, nor anything of the others."""
        config = upstream.spec.load_balancer_config
        ring = config.ring_hash.ring_hash_config if config and config.ring_hash else None
        if ring is not None:
            least, most = int(ring.minimum_ring_size) or _LEAST_RING, int(ring.maximum_ring_size) or _MOST_RING
            if least > most:
                text = f"at least {least} entries, but at most {most}"
                mend = f"Give both, the least first ({_LEAST_RING} and {_MOST_RING} if not given)."
                yield f"{_WHERE}.ringHash.ringHashConfig", text, mend

    def notes(self, spec: UpstreamSpec) -> Iterable[Fault]:
        """Envoy knows the hostnames of those only that it looks up."""
        hosts = spec.static.hosts if spec.static else ()
        wanted = spec.load_balancer_config and spec.load_balancer_config.use_hostname_for_hashing
        if wanted and all(is_ip(host.addr) for host in hosts):
            text = "has no effect: endpoints without hostnames are hashed by their addresses"
            yield f"{_WHERE}.useHostnameForHashing", text, "Remove it."

    def on_cluster(self, spec: UpstreamSpec, draft: Draft) -> None:
        """Envoy's policy, with what it takes."""
        cluster = draft.cluster
        cluster.lb_policy = cluster.LEAST_REQUEST
        config = spec.load_balancer_config
        if config is None:
            return
        if config.round_robin is not None:
            cluster.lb_policy = cluster.ROUND_ROBIN
            _slow_start(config.round_robin.slow_start_config, cluster, cluster.round_robin_lb_config)
        elif config.least_request is not None:
            if config.least_request.choice_count:
                cluster.least_request_lb_config.choice_count.value = config.least_request.choice_count
            _slow_start(config.least_request.slow_start_config, cluster, cluster.least_request_lb_config)
        elif config.random is not None:
            cluster.lb_policy = cluster.RANDOM
        elif config.ring_hash is not None:
            cluster.lb_policy = cluster.RING_HASH
            ring = config.ring_hash.ring_hash_config or RingHashConfig()
            if int(ring.minimum_ring_size):
                cluster.ring_hash_lb_config.minimum_ring_size.value = int(ring.minimum_ring_size)
            if int(ring.maximum_ring_size):
                cluster.ring_hash_lb_config.maximum_ring_size.value = int(ring.maximum_ring_size)
        elif config.maglev is not None:
            cluster.lb_policy = cluster.MAGLEV
        _common(config, draft)


def _common(config: LoadBalancerConfig, draft: Draft) -> None:
    """What holds of every policy."""
    common = draft.cluster.common_lb_config
    if config.healthy_panic_threshold is not None:
        common.healthy_panic_threshold.value = config.healthy_panic_threshold
    if config.update_merge_window:
        duration(common.update_merge_window, config.update_merge_window)
    if config.locality_weighted_lb_config is not None:
        common.locality_weighted_lb_config.SetInParent()
    if config.use_hostname_for_hashing and draft.named:
        common.consistent_hashing_lb_config.use_hostname_for_hashing = True


def _slow_start(
    wanted: SlowStartConfig | None,
    cluster: cluster_pb2.Cluster,
    config: cluster_pb2.Cluster.RoundRobinLbConfig | cluster_pb2.Cluster.LeastRequestLbConfig,
) -> None:
    if wanted is None:
        return
    config.slow_start_config.SetInParent()
    if wanted.slow_start_window:
        duration(config.slow_start_config.slow_start_window, wanted.slow_start_window)
    if wanted.aggression is not None:
        config.slow_start_config.aggression.default_value = wanted.aggression
        config.slow_start_config.aggression.runtime_key = f"{cluster.name}/slow_start.aggression"
    if wanted.min_weight_percent is not None:
        config.slow_start_config.min_weight_percent.value = wanted.min_weight_percent
