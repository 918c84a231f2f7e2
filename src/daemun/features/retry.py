"""retry: requests that are tried again (Gateway API, HTTPRouteRetry; GEP-1731)."""

from typing import ClassVar

from daemun.api.filters import HTTPRouteRetry
from daemun.base.durations import milliseconds
from daemun.features.drafts import Draft
from daemun.features.feature import Feature, Scene
from daemun.features.unsent import try_elsewhere
from daemun.ir.route import Use

_ON = "connect-failure,refused-stream,reset"
"""Connection errors are always tried again once a retry is asked for (GEP-1731)."""
_MOST = 2**32 - 1
_LONGEST = 10
"""The back-off grows up to this many times its base."""
_DAY = 86_400_000
"""Or a day: ten times the longest duration that can be written is more than Envoy can read."""


class Retry(Feature[HTTPRouteRetry]):
    """Envoy's retry policy of a route."""

    kind: ClassVar = "retry"

    def does(self, spec: HTTPRouteRetry, use: Use, scene: Scene) -> str:
        """How often, and on what."""
        del use, scene
        codes = ", ".join(str(code) for code in spec.codes) or "502, 503, 504"
        times = spec.attempts or 1
        return f"tries again up to {times} time{'' if times == 1 else 's'}, on connection errors and on {codes}"

    def on_route(self, spec: HTTPRouteRetry, use: Use, draft: Draft) -> None:
        """The status codes exactly as listed; without a list those that a gateway makes up itself."""
        del use
        if not draft.forwards:
            return
        policy = draft.action.retry_policy
        policy.num_retries.value = min(spec.attempts or 1, _MOST)
        try_elsewhere(policy)
        if spec.codes:
            policy.retry_on = f"{_ON},retriable-status-codes"
            policy.retriable_status_codes.extend(spec.codes)
        else:
            policy.retry_on = f"{_ON},gateway-error"
        base = milliseconds(spec.backoff) if spec.backoff else 0
        if base:
            policy.retry_back_off.base_interval.FromMilliseconds(base)
            policy.retry_back_off.max_interval.FromMilliseconds(max(base, min(base * _LONGEST, _DAY)))
