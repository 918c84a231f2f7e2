"""connectionLimit, networkLocalRatelimit and httpLocalRatelimit: limits that each proxy keeps for a listener (Gloo,
HttpListenerOptions)."""

from collections.abc import Iterable
from typing import ClassVar

from envoy.extensions.common.ratelimit.v3 import ratelimit_pb2
from envoy.extensions.filters.http.local_ratelimit.v3 import local_rate_limit_pb2 as http_v3
from envoy.extensions.filters.network.connection_limit.v3 import connection_limit_pb2
from envoy.extensions.filters.network.local_ratelimit.v3 import local_rate_limit_pb2 as network_v3

from daemun.api.gloo.listener_filters import ConnectionLimit as ConnectionSpec
from daemun.api.gloo.ratelimit import LocalRateLimitSettings, TokenBucket
from daemun.features.buckets import bucket_faults, put_bucket
from daemun.features.drafts import ChainDraft, ManagerDraft
from daemun.features.feature import Fault, Feature, Scene
from daemun.features.percent import always
from daemun.features.times import duration_faults
from daemun.features.wrapped import put
from daemun.ir.route import Use


class ConnectionLimit(Feature[ConnectionSpec]):
    """Envoy's limit on connections that are open at a time."""

    kind: ClassVar = "connectionLimit"

    def faults(self, spec: ConnectionSpec, where: str) -> Iterable[Fault]:
        """No limit, or one of nothing."""
        if not spec.max_active_connections:
            yield f"{where}.maxActiveConnections", "is missing or 0", "Say how many there may be."
        yield from duration_faults(spec.delay_before_close, f"{where}.delayBeforeClose")

    def does(self, spec: ConnectionSpec, use: Use, scene: Scene) -> str:
        """How many connections may be open."""
        del use, scene
        return f"keeps at most {spec.max_active_connections} connections open, in each proxy; closes others"

    def on_chain(self, spec: ConnectionSpec, use: Use, draft: ChainDraft) -> None:
        """Before anything is read of a connection."""
        del use
        config = connection_limit_pb2.ConnectionLimit(stat_prefix="connection_limit")
        put(config, "max_connections", spec.max_active_connections)
        put(config, "delay", spec.delay_before_close)
        draft.filter("envoy.filters.network.connection_limit", config)


class NetworkLocalRateLimit(Feature[TokenBucket]):
    """Envoy's limit on new connections."""

    kind: ClassVar = "networkLocalRatelimit"

    def faults(self, spec: TokenBucket, where: str) -> Iterable[Fault]:
        """A bucket that cannot be."""
        return bucket_faults(spec, where)

    def does(self, spec: TokenBucket, use: Use, scene: Scene) -> str:
        """How many connections are taken in a time."""
        del use, scene
        return f"takes {_told(spec)} connections, in each proxy; closes others"

    def on_chain(self, spec: TokenBucket, use: Use, draft: ChainDraft) -> None:
        """One bucket for all connections of the listener."""
        del use
        config = network_v3.LocalRateLimit(stat_prefix="network_local_rate_limiter")
        put_bucket(spec, config.token_bucket)
        draft.filter("envoy.filters.network.local_ratelimit", config)


class LocalRateLimit(NetworkLocalRateLimit):
    """The same for connections of a tcpGateway."""

    kind: ClassVar = "localRatelimit"


class HttpLocalRateLimit(Feature[LocalRateLimitSettings]):
    """Envoy's local rate limit for all requests of a listener. One of a route or host counts beside it."""

    kind: ClassVar = "httpLocalRatelimit"
    rare: ClassVar = "limits"

    def faults(self, spec: LocalRateLimitSettings, where: str) -> Iterable[Fault]:
        """A bucket that cannot be."""
        if spec.default_limit is not None:
            yield from bucket_faults(spec.default_limit, f"{where}.defaultLimit")

    def does(self, spec: LocalRateLimitSettings, use: Use, scene: Scene) -> str:
        """How many requests pass in a time."""
        del use, scene
        if spec.default_limit is None:
            return "limits nothing"
        each = "of each connection" if spec.local_rate_limit_per_downstream_connection else "in each proxy"
        return f"lets {_told(spec.default_limit)} requests pass, {each}; answers others with 429"

    def on_manager(self, spec: LocalRateLimitSettings, use: Use, draft: ManagerDraft) -> None:
        """One bucket for all requests of the listener, or for those of a connection."""
        del use
        if spec.default_limit is None:
            return
        config = http_v3.LocalRateLimit(stat_prefix="listener_local_rate_limiter")
        put_bucket(spec.default_limit, config.token_bucket)
        config.filter_enabled.CopyFrom(always())
        config.filter_enforced.CopyFrom(always())
        config.local_rate_limit_per_downstream_connection = bool(spec.local_rate_limit_per_downstream_connection)
        if spec.enable_x_ratelimit_headers:
            config.enable_x_ratelimit_headers = ratelimit_pb2.DRAFT_VERSION_03
        # By the name of the filter that routes configure, theirs would be taken from their buckets twice.
        draft.always(self.kind, "daemun.listener_local_ratelimit", config)


def _told(bucket: TokenBucket) -> str:
    return f"{bucket.max_tokens} and {bucket.tokens_per_fill or 1} more every {bucket.fill_interval or '1s'}"
