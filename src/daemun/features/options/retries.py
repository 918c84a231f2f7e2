"""retries: requests that are tried again (Gloo, RetryPolicy)."""

import difflib
from collections.abc import Iterable
from typing import ClassVar

from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.extensions.retry.priority.previous_priorities.v3 import previous_priorities_config_pb2 as priorities_v3

from daemun.api.gloo.routing import RateLimitedRetryBackOff, RetryPolicy
from daemun.base.durations import nanoseconds
from daemun.features.drafts import Draft, HostDraft
from daemun.features.feature import Fault, Feature, Scene
from daemun.features.times import duration, duration_faults
from daemun.ir.route import Use

_MOST = 2**31 - 1
_CONDITIONS = (
    *("5xx", "gateway-error", "reset", "reset-before-request", "connect-failure", "envoy-ratelimited"),
    *("retriable-4xx", "refused-stream", "retriable-status-codes", "retriable-headers", "http3-post-connect-failure"),
    *("cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable"),
)
"""Envoy's, for HTTP and for gRPC (router filter, x-envoy-retry-on and x-envoy-retry-grpc-on)."""


class Retries(Feature[RetryPolicy]):
    """Envoy's retry policy, of a route or of all routes of a host that have none of their own."""

    kind: ClassVar = "retries"
    replaces: ClassVar = ("retry",)

    def faults(self, spec: RetryPolicy, where: str) -> Iterable[Fault]:
        """Pauses that cannot be."""
        yield from duration_faults(spec.per_try_timeout, f"{where}.perTryTimeout")
        limited = spec.rate_limited_retry_back_off
        if limited is not None:
            yield from _limited_faults(limited, f"{where}.rateLimitedRetryBackOff")
        pause = spec.retry_back_off
        if pause is None:
            return
        at = f"{where}.retryBackOff"
        yield from duration_faults(pause.base_interval, f"{at}.baseInterval", least=1_000_000)
        yield from duration_faults(pause.max_interval, f"{at}.maxInterval", least=1_000_000)
        if pause.max_interval and not pause.base_interval:
            yield f"{at}.baseInterval", "is missing, but maxInterval is there", "Set it too."
        elif pause.max_interval and nanoseconds(pause.base_interval or "0") > nanoseconds(pause.max_interval):
            yield f"{at}.maxInterval", f"{pause.max_interval} is less than baseInterval", "Use more."

    def omits(self, spec: RetryPolicy, where: str) -> Iterable[Fault]:
        """Conditions that Envoy does not know: it passes them over without a word."""
        for one in spec.retry_on.split(","):
            word = one.strip()
            if word and word not in _CONDITIONS:
                near = difflib.get_close_matches(word, _CONDITIONS, 1)
                mend = f"Did you mean {near[0]!r}?" if near else "Use 5xx, say."
                yield f"{where}.retryOn", f"{word!r} is no condition of Envoy's: it has no effect", mend

    def does(self, spec: RetryPolicy, use: Use, scene: Scene) -> str:
        """How often, and on what."""
        del use, scene
        times = spec.num_retries or 1
        return f"tries again up to {times} time{'' if times == 1 else 's'}, on {spec.retry_on or 'nothing'}"

    def on_route(self, spec: RetryPolicy, use: Use, draft: Draft) -> None:
        """In place of what the HTTPRoute says of retries; its time for each try stays where none is given here."""
        del use
        if draft.forwards:
            policy = draft.action.retry_policy
            policy.ClearField("retry_host_predicate")  # which others set
            policy.ClearField("host_selection_retry_max_attempts")
            _set(spec, policy)

    def on_host(self, spec: RetryPolicy, use: Use, draft: HostDraft) -> None:
        """For routes without a retry policy."""
        del use
        _set(spec, draft.proto.retry_policy)


def _limited_faults(spec: RateLimitedRetryBackOff, where: str) -> Iterable[Fault]:
    yield from duration_faults(spec.max_interval, f"{where}.maxInterval", least=1_000_000)
    if not spec.reset_headers:
        yield f"{where}.resetHeaders", "is missing", "Name a header that says when to try again."
    for index, header in enumerate(spec.reset_headers):
        if not header.name:
            yield f"{where}.resetHeaders[{index}].name", "is missing", "Name the header."


def _set(spec: RetryPolicy, policy: route_v3.RetryPolicy) -> None:
    policy.retry_on = spec.retry_on
    policy.num_retries.value = spec.num_retries or 1
    if spec.per_try_timeout:
        policy.per_try_timeout.CopyFrom(duration(spec.per_try_timeout))
    pause = spec.retry_back_off
    if pause is not None and pause.base_interval:
        policy.retry_back_off.base_interval.CopyFrom(duration(pause.base_interval))
        if pause.max_interval:
            policy.retry_back_off.max_interval.CopyFrom(duration(pause.max_interval))
    policy.retriable_status_codes.extend(spec.retriable_status_codes)
    limited = spec.rate_limited_retry_back_off
    if limited is not None:
        for header in limited.reset_headers:
            form = route_v3.RetryPolicy.ResetHeaderFormat.Value(header.format)
            policy.rate_limited_retry_back_off.reset_headers.add(name=header.name, format=form)
        if limited.max_interval:
            policy.rate_limited_retry_back_off.max_interval.CopyFrom(duration(limited.max_interval))
    if spec.previous_priorities is not None:
        often = min(spec.previous_priorities.update_frequency or 1, _MOST)
        policy.retry_priority.name = "envoy.retry_priorities.previous_priorities"
        policy.retry_priority.typed_config.Pack(
            priorities_v3.PreviousPrioritiesConfig(update_frequency=often), deterministic=True
        )
