"""ratelimit: a limit that each proxy keeps by itself (Gloo, RateLimitRouteExtension.localRatelimit)."""

from collections.abc import Iterable
from typing import ClassVar

from envoy.extensions.filters.http.local_ratelimit.v3 import local_rate_limit_pb2 as local_v3

from daemun.api.gloo.ratelimit import RateLimitRouteExtension, RateLimitVhostExtension, TokenBucket
from daemun.features.buckets import bucket_faults, put_bucket
from daemun.features.feature import Fault, PerRoute, Scene
from daemun.features.percent import always
from daemun.gloo.served import Fields
from daemun.ir.route import Use

Spec = RateLimitRouteExtension | RateLimitVhostExtension
_LATER = "rate limits by a service come later"
_STAT = "http_local_rate_limiter"


class RateLimit(PerRoute[Spec]):
    """Envoy's local rate limit: a bucket of tokens per route, or per host, in each proxy. Others get 429."""

    kind: ClassVar = "ratelimit"
    filter: ClassVar = "envoy.filters.http.local_ratelimit"
    rare: ClassVar = "limits"
    serves: ClassVar = (
        Fields(RateLimitRouteExtension, ("localRatelimit",), {"rateLimits": _LATER, "includeVhRateLimits": _LATER}),
        Fields(RateLimitVhostExtension, ("localRatelimit",), {"rateLimits": _LATER}),
    )

    def faults(self, spec: Spec, where: str) -> Iterable[Fault]:
        """A bucket that cannot be."""
        if spec.local_ratelimit is not None:
            yield from bucket_faults(spec.local_ratelimit, f"{where}.localRatelimit")

    def does(self, spec: Spec, use: Use, scene: Scene) -> str:
        """How many."""
        del use, scene
        bucket = spec.local_ratelimit
        if bucket is None:
            return "limits nothing"
        return (
            f"lets {bucket.max_tokens} requests pass and {bucket.tokens_per_fill or 1} more every "
            f"{bucket.fill_interval or '1s'}, in each proxy; answers others with 429"
        )

    def idle(self) -> local_v3.LocalRateLimit:
        """No limit."""
        return local_v3.LocalRateLimit(stat_prefix=_STAT)

    def config(self, spec: Spec) -> local_v3.LocalRateLimit:
        """The bucket."""
        return limit(spec.local_ratelimit)


def limit(bucket: TokenBucket | None) -> local_v3.LocalRateLimit:
    """Envoy's configuration for a bucket; without one there is no limit."""
    config = local_v3.LocalRateLimit(stat_prefix=_STAT)
    if bucket is not None:
        put_bucket(bucket, config.token_bucket)
        config.filter_enabled.CopyFrom(always())
        config.filter_enforced.CopyFrom(always())
    return config
