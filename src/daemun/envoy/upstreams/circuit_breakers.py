"""How much an Upstream is burdened with at a time."""

from daemun.api.gloo.upstream import CircuitBreakerConfig, UpstreamSpec
from daemun.envoy.defaults import BREAKER
from daemun.envoy.upstreams.family import Draft, Family
from daemun.gloo.served.fields import Fields


class CircuitBreakers(Family):
    """`circuitBreakers`. What is not given is not bounded any tighter than for Services."""

    serves = (
        Fields(UpstreamSpec, ("circuitBreakers",)),
        Fields(CircuitBreakerConfig, ("maxConnections", "maxPendingRequests", "maxRequests", "maxRetries")),
    )

    def on_cluster(self, spec: UpstreamSpec, draft: Draft) -> None:
        """Envoy's thresholds."""
        wanted = spec.circuit_breakers or CircuitBreakerConfig()
        breaker = draft.cluster.circuit_breakers.thresholds.add()
        for name in ("max_connections", "max_pending_requests", "max_requests", "max_retries"):
            value = getattr(wanted, name)
            getattr(breaker, name).value = BREAKER if value is None else value
