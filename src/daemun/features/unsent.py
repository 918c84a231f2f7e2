"""What no backend has seen of a request: it may be sent to another endpoint, whatever request it is."""

from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.extensions.retry.host.previous_hosts.v3 import previous_hosts_pb2

_UNSENT = "connect-failure,refused-stream,reset-before-request"
"""Nothing of it was sent, or the backend says that it has done nothing with it."""
_TIMES = 2
_ELSEWHERE = 20
"""How often another endpoint is looked for before one is tried again. One that refuses has the fewest requests, so that
least_request finds it first: of two endpoints three times in four."""


def resend_unsent(policy: route_v3.RetryPolicy) -> None:
    """What is done with requests unless somebody asks for retries: only these are sent again."""
    policy.retry_on = _UNSENT
    policy.num_retries.value = _TIMES
    try_elsewhere(policy)


def try_elsewhere(policy: route_v3.RetryPolicy) -> None:
    """Keep retries from the endpoints that were tried, if there are others."""
    elsewhere = policy.retry_host_predicate.add(name="envoy.retry_host_predicates.previous_hosts")
    elsewhere.typed_config.Pack(previous_hosts_pb2.PreviousHostsPredicate(), deterministic=True)
    policy.host_selection_retry_max_attempts = _ELSEWHERE
