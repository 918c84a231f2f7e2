"""ratelimit and its kin: limits by a service, and one that each proxy keeps by itself (Gloo, RateLimitRouteExtension).

The filters that ask are in the listener, one for each slot (`RateLimitServer`), so that a route says no more than which
descriptors its requests have, and a change of servers touches listeners only. Routes and hosts switch them on, so that
requests whose route is found late (`misses`) are limited, too.
"""

from collections.abc import Iterable
from typing import Any, ClassVar

from envoy.extensions.filters.http.local_ratelimit.v3 import local_rate_limit_pb2 as local_v3
from envoy.extensions.filters.http.ratelimit.v3 import rate_limit_pb2 as service_v3
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3

from daemun.api.gloo.ratelimit import RateLimitRouteExtension, RateLimitVhostExtension, TokenBucket
from daemun.features.buckets import bucket_faults, put_bucket
from daemun.features.descriptors import descriptor
from daemun.features.drafts import Configured, Draft, HostDraft, ManagerDraft
from daemun.features.feature import Fault, Feature, Scene, disabled_filter
from daemun.features.grpc_services import asked_again
from daemun.features.percent import always
from daemun.gloo.limits.actions import faults
from daemun.gloo.limits.limited import SLOTS, Limited, LimitServer, LimitServers, Slot
from daemun.gloo.served.fields import Fields
from daemun.ir.backend import OWN_LIMITS
from daemun.ir.route import Use

_LOCAL = "envoy.filters.http.local_ratelimit"
_STAT = "http_local_rate_limiter"
_NOWHERE = "no-ratelimit-service"
"""A cluster that never exists: a service that cannot be used is one that does not answer."""
_AGAIN = "connect-failure,refused-stream,reset"
"""Our own service is asked again when it is gone. When it says that it cannot tell (`unavailable`), that is the answer:
the request may have been counted."""
_OF_GLOO = tuple(dict.fromkeys(slot.filter for field, slot in SLOTS.items() if field != "rateLimitPolicy"))
"""The filters of all but policies, which stand for themselves."""


class ServiceLimit(Feature[Limited]):
    """Requests that are too many for the service are answered with 429.

    A route that has any such limits has not those of its host, unless it says so (Envoy's rule, and Gloo's).
    """

    guards: ClassVar = True

    @property
    def slot(self) -> Slot:
        """Which of the filters asks."""
        return SLOTS[self.kind]

    def does(self, spec: Limited, use: Use, scene: Scene) -> str:
        """What is counted."""
        del use
        if not scene.forwarded:
            return "limits nothing: only requests that go to a backend are counted"
        beside = ", and what its host says" if spec.include else ""
        return f"asks the rate limit service about {spec.told}{beside}; answers 429 where it is too much"

    def on_route(self, spec: Limited, use: Use, draft: Draft) -> None:
        """Its descriptors, in place of those of the host or beside them."""
        if not draft.forwards:
            return
        draft.action.rate_limits.extend(descriptor(rate, self.slot.stage) for rate in spec.rates)
        self._switch(spec, use, draft)
        if spec.include:
            # Whichever field says so, and whichever fields the host has: Envoy knows it of each filter by itself.
            for name in _OF_GLOO:
                draft.per_route(name, service_v3.RateLimitPerRoute(vh_rate_limits=service_v3.RateLimitPerRoute.INCLUDE))

    def on_host(self, spec: Limited, use: Use, draft: HostDraft) -> None:
        """The descriptors of all requests whose routes have none."""
        draft.proto.rate_limits.extend(descriptor(rate, self.slot.stage) for rate in spec.rates)
        self._switch(spec, use, draft)

    def _switch(self, spec: Limited, use: Use, draft: Configured) -> None:
        for backend in use.backends:
            if backend is not None:
                draft.cluster(backend)
        if spec.rates and self.slot.filter not in draft.proto.typed_per_filter_config:
            draft.per_route(self.slot.filter, service_v3.RateLimitPerRoute())


class RateLimitConfigs(ServiceLimit):
    """RateLimitConfigs that a host or route refers to."""

    kind: ClassVar = "rateLimitConfigs"
    rare: ClassVar = SLOTS["rateLimitConfigs"].filter


class RateLimitEarlyConfigs(ServiceLimit):
    """The same, before it is known who comes in."""

    kind: ClassVar = "rateLimitEarlyConfigs"
    rare: ClassVar = SLOTS["rateLimitEarlyConfigs"].filter


class RateLimitRegularConfigs(ServiceLimit):
    """The same, after that is known."""

    kind: ClassVar = "rateLimitRegularConfigs"
    rare: ClassVar = SLOTS["rateLimitRegularConfigs"].filter


class RateLimitBasic(ServiceLimit):
    """So many requests of each user, and of each address of those that nobody knows."""

    kind: ClassVar = "ratelimitBasic"
    rare: ClassVar = SLOTS["ratelimitBasic"].filter


class _Actions(ServiceLimit):
    """Actions that stand on a host or route."""

    def faults(self, spec: Any, where: str) -> Iterable[Fault]:
        """Actions that Envoy would not take."""
        for one in faults(spec.rate_limits, f"{where}.rateLimits"):
            yield one.where, one.text, one.mend


class RateLimitEarly(_Actions):
    """Limits before it is known who comes in."""

    kind: ClassVar = "ratelimitEarly"
    rare: ClassVar = SLOTS["ratelimitEarly"].filter

    def omits(self, spec: Any, where: str) -> Iterable[Fault]:
        """A limit that each proxy keeps by itself is there once."""
        if spec.local_ratelimit is not None:
            yield f"{where}.localRatelimit", "is not served here", "Write it below ratelimit."


class RateLimitRegular(RateLimitEarly):
    """Limits after it is known who comes in."""

    kind: ClassVar = "ratelimitRegular"
    rare: ClassVar = SLOTS["ratelimitRegular"].filter


class RateLimit(_Actions):
    """The same, and Envoy's local rate limit: a bucket of tokens per route, or per host, in each proxy."""

    kind: ClassVar = "ratelimit"
    rare: ClassVar = "limits"
    serves: ClassVar = (
        Fields(RateLimitRouteExtension, ("localRatelimit", "rateLimits", "includeVhRateLimits")),
        Fields(RateLimitVhostExtension, ("localRatelimit", "rateLimits")),
    )

    def families(self, spec: Limited, alone: bool) -> Iterable[str]:
        """The filters of what is limited."""
        del alone
        if spec.local is not None:
            yield self.rare
        if spec.rates or spec.include:
            yield self.slot.filter

    def faults(self, spec: Any, where: str) -> Iterable[Fault]:
        """Actions that Envoy would not take, or a bucket that cannot be."""
        yield from super().faults(spec, where)
        if spec.local_ratelimit is not None:
            yield from bucket_faults(spec.local_ratelimit, f"{where}.localRatelimit")

    def does(self, spec: Limited, use: Use, scene: Scene) -> str:
        """What is counted, and how many requests the proxy itself lets pass."""
        told = [super().does(spec, use, scene)] if spec.rates or spec.include else []
        if spec.local is not None:
            told.append(
                f"lets {spec.local.max_tokens} requests pass and {spec.local.tokens_per_fill or 1} more every "
                f"{spec.local.fill_interval or '1s'}, in each proxy; answers others with 429"
            )
        return "; ".join(told) or "limits nothing"

    def http_filter(self) -> hcm_v3.HttpFilter:
        """The local filter, disabled."""
        return disabled_filter(_LOCAL, local_v3.LocalRateLimit(stat_prefix=_STAT))

    def on_route(self, spec: Limited, use: Use, draft: Draft) -> None:
        """Both on all of a route's requests."""
        super().on_route(spec, use, draft)
        if spec.local is not None:
            draft.per_route(_LOCAL, bucket(spec.local))

    def on_host(self, spec: Limited, use: Use, draft: HostDraft) -> None:
        """Both on all requests of a host."""
        super().on_host(spec, use, draft)
        if spec.local is not None:
            draft.per_route(_LOCAL, bucket(spec.local))


class RateLimitServer(Feature[LimitServers]):
    """Which services are asked, and how: the filters of all slots."""

    kind: ClassVar = "ratelimitServer"
    rare: ClassVar = SLOTS["ratelimit"].filter
    """The feature itself needs no filter; the family is that of `RateLimit`, which has another one beside it."""

    def families(self, spec: LimitServers, alone: bool) -> Iterable[str]:
        """It only says how the others are asked."""
        del spec, alone
        return ()

    def does(self, spec: LimitServers, use: Use, scene: Scene) -> str:
        """Which service is asked."""
        del use, scene
        backend = spec.custom.backend
        return f"has rate limits asked of {backend.cluster if backend else 'nobody'}"

    def on_manager(self, spec: LimitServers, use: Use, draft: ManagerDraft) -> None:
        """One filter for each slot, before who comes in is asked or after that."""
        del use
        for slot in dict.fromkeys(SLOTS.values()):
            server = spec.of(slot.domain)
            early = slot.when == "early" or (slot.when == "main" and server.early)
            place = RateLimit.kind if early else RateLimitRegular.kind
            draft.switchable(place, slot.filter, asking(slot.domain, slot.name, server, slot.stage), slot.filter)


def asking(domain: str, name: str, server: LimitServer, stage: int = 0) -> service_v3.RateLimit:
    """The filter that asks a service."""
    config = service_v3.RateLimit(domain=domain, stage=stage, failure_mode_deny=server.strict, stat_prefix=name)
    config.timeout.FromMilliseconds(server.timeout)
    config.rate_limit_service.transport_api_version = 2  # V3
    to = config.rate_limit_service.grpc_service.envoy_grpc
    to.cluster_name = server.backend.cluster if server.backend is not None else _NOWHERE
    to.authority = server.authority
    if server.backend == OWN_LIMITS:
        config.rate_limit_service.grpc_service.retry_policy.CopyFrom(asked_again(_AGAIN, server.timeout))
    config.disable_x_envoy_ratelimited_header = False
    if server.headers:
        config.enable_x_ratelimit_headers = service_v3.RateLimit.DRAFT_VERSION_03
    return config


def bucket(spec: TokenBucket | None) -> local_v3.LocalRateLimit:
    """Envoy's configuration for a bucket; without one there is no limit."""
    config = local_v3.LocalRateLimit(stat_prefix=_STAT)
    if spec is not None:
        put_bucket(spec, config.token_bucket)
        config.filter_enabled.CopyFrom(always())
        config.filter_enforced.CopyFrom(always())
    return config
