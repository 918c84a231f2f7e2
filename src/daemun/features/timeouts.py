"""timeouts: how long a request, and each try of it, may take (Gateway API, HTTPRouteTimeouts; GEP-1742)."""

from typing import ClassVar

from daemun.api.filters import HTTPRouteTimeouts
from daemun.base.durations import milliseconds
from daemun.features.drafts import Draft
from daemun.features.feature import Feature, Scene
from daemun.features.unsent import resend_unsent
from daemun.ir.limits import IDLE_SECONDS
from daemun.ir.route import Use


class Timeouts(Feature[HTTPRouteTimeouts]):
    """Envoy's timeouts of a route. Zero means none, in both."""

    kind: ClassVar = "timeouts"

    def does(self, spec: HTTPRouteTimeouts, use: Use, scene: Scene) -> str:
        """How long is waited."""
        del use, scene
        told = [f"{spec.request} for the whole request"] if spec.request else []
        told.extend([f"{spec.backend_request} for each try"] if spec.backend_request else [])
        return f"waits at most {' and '.join(told)}, then answers 504 (0s: no limit)" if told else "sets no timeout"

    def on_route(self, spec: HTTPRouteTimeouts, use: Use, draft: Draft) -> None:
        """The whole request by the route's timeout, each try by the retry policy's, which need not retry."""
        del use
        if not draft.forwards:
            return
        if spec.request:
            whole = milliseconds(spec.request)
            draft.action.timeout.FromMilliseconds(whole)
            if not 0 < whole <= IDLE_SECONDS * 1000:
                # The listener's own limit on silence would come first.
                draft.action.idle_timeout.FromMilliseconds(whole)
        if spec.backend_request:
            each = milliseconds(spec.backend_request)
            if each:
                draft.action.retry_policy.per_try_timeout.FromMilliseconds(each)
                if not draft.action.retry_policy.HasField("num_retries"):
                    resend_unsent(draft.action.retry_policy)
