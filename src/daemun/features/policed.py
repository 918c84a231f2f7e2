"""RateLimitPolicy: limits that each proxy keeps by itself, and limits that all of them have together.

What a route says replaces what its host says as a whole, and neither touches Gloo's limits, nor they these: both are in
filters of their own, which take descriptors from their own configuration.
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from envoy.extensions.filters.http.local_ratelimit.v3 import local_rate_limit_pb2 as local_v3
from envoy.extensions.filters.http.ratelimit.v3 import rate_limit_pb2 as service_v3
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3

from daemun.features.descriptors import descriptor
from daemun.features.drafts import Configured, Draft, HostDraft
from daemun.features.feature import Feature, Scene, disabled_filter
from daemun.features.percent import always
from daemun.gloo.limits.limited import SLOTS, Bucket, Policed
from daemun.ir.route import Use

_EARLY, _LATE = "daemun.policed", "daemun.policed/known"
_ALL = 2**32 - 1
_KEPT = 10_000
"""So many values have buckets; those that were not asked about for longest lose theirs."""


class _Local(Feature[Policed]):
    """The place of a local filter."""

    def families(self, spec: Policed, alone: bool) -> Iterable[str]:
        """None: policies are uses of `RateLimitPolicies`."""
        del spec, alone
        return ()

    def does(self, spec: Policed, use: Use, scene: Scene) -> str:
        """It is only a place."""
        del spec, use, scene
        return ""

    def http_filter(self) -> hcm_v3.HttpFilter:
        """The filter, disabled."""
        return disabled_filter(self.rare, local_v3.LocalRateLimit(stat_prefix="policies"))


class LocalByPolicies(_Local):
    """The limits that do not ask who comes in, before anybody does."""

    kind: ClassVar = "local limits of policies"
    rare: ClassVar = _EARLY


class LocalByClaims(_Local):
    """Those that do, after that is known."""

    kind: ClassVar = "local limits of policies by claims"
    rare: ClassVar = _LATE


class RateLimitPolicies(Feature[Policed]):
    """How much may come in. Others get 429."""

    kind: ClassVar = "rateLimitPolicy"
    rare: ClassVar = SLOTS["rateLimitPolicy"].filter

    def families(self, spec: Policed, alone: bool) -> Iterable[str]:
        """The filters of what is limited."""
        del alone
        yield from {_LATE if one.late else _EARLY for one in spec.buckets}
        if spec.rates:
            yield self.rare

    def does(self, spec: Policed, use: Use, scene: Scene) -> str:
        """How many requests pass in a time."""
        del use
        beside = "" if scene.forwarded or not spec.rates else " (in all proxies together: only what goes to a backend)"
        return f"lets pass {spec.told}; answers others with 429{beside}"

    def on_route(self, spec: Policed, use: Use, draft: Draft) -> None:
        """Instead of what the host says, in all three places."""
        self._put(spec, use, draft, whole=True)

    def on_host(self, spec: Policed, use: Use, draft: HostDraft) -> None:
        """For all routes that say nothing."""
        self._put(spec, use, draft, whole=False)

    def _put(self, spec: Policed, use: Use, draft: Configured, *, whole: bool) -> None:
        for backend in use.backends:
            if backend is not None:
                draft.cluster(backend)
        for name, late in ((_EARLY, False), (_LATE, True)):
            mine = [one for one in spec.buckets if one.late == late]
            if mine or whole:
                draft.per_route(name, _buckets(mine))
        rates = [descriptor(rate) for rate in spec.rates]
        if rates or whole:
            draft.per_route(self.rare, service_v3.RateLimitPerRoute(rate_limits=rates))


def _buckets(buckets: Sequence[Bucket]) -> local_v3.LocalRateLimit:
    """What a local filter does; without buckets nothing."""
    config = local_v3.LocalRateLimit(stat_prefix="policies")
    # Envoy wants a bucket for what no descriptor fits. This one is never empty.
    config.token_bucket.max_tokens = config.token_bucket.tokens_per_fill.value = _ALL
    config.token_bucket.fill_interval.seconds = 1
    if not buckets:
        return config
    config.filter_enabled.CopyFrom(always())
    config.filter_enforced.CopyFrom(always())
    config.max_dynamic_descriptors.value = _KEPT
    for one in buckets:
        config.rate_limits.append(descriptor(one.rate))
        made = config.descriptors.add()
        for key, value in one.keys:
            made.entries.add(key=key, value=value)
        made.token_bucket.max_tokens, made.token_bucket.tokens_per_fill.value = one.most, one.more
        made.token_bucket.fill_interval.FromMilliseconds(one.every)
    return config
