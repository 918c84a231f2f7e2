"""RateLimitPolicy, Daemun's own kind: how much may come in by a Gateway, a listener, a route or one of its rules."""

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, field

from daemun.api.auth_policy import AuthTargetReference, Text
from daemun.api.meta import Api, List, Resource
from daemun.api.scalars import Duration
from daemun.base.durations import milliseconds

Count = Annotated[int, Meta(ge=1, le=4_000_000_000)]
_LEAST, _SECOND = 50, 1000
"""Milliseconds: Envoy fills no bucket more often, and the service counts whole seconds."""


class LimitKey(Api, frozen=True):
    """What each value of has a count of its own. `name` is that of a Header or of a Claim of the token."""

    type: Literal["ClientAddress", "Header", "Path", "Method", "Claim"]
    name: Text | None = None


class LocalLimit(Api, frozen=True):
    """So many requests `per` so much time, which each proxy counts by itself. A `burst` may come at once."""

    requests: Count
    per: Duration = "1s"
    burst: Count | None = None
    by: Annotated[List[LimitKey], Meta(max_length=8)] = ()


class GlobalLimit(Api, frozen=True):
    """The same, counted by the rate limit service for all proxies. One in `shadow` is counted and refuses nothing.

    A fixed window begins every so often for all; a sliding one ends now, at any moment.
    """

    requests: Count
    per: Duration = "1s"
    window: Literal["Fixed", "Sliding"] = "Fixed"
    shadow: bool = False
    by: Annotated[List[LimitKey], Meta(max_length=8)] = ()


class RateLimitPolicySpec(Api, frozen=True):
    """For what, and how much. All limits hold, each by itself."""

    target_refs: Annotated[List[AuthTargetReference], Meta(min_length=1, max_length=16)]
    local: Annotated[List[LocalLimit], Meta(max_length=16)] = ()
    global_: Annotated[List[GlobalLimit], Meta(max_length=16)] = field(default=(), name="global")


class RateLimitPolicy(Resource, frozen=True):
    """How much may come in. The policy for the more specific target counts, as a whole."""

    spec: RateLimitPolicySpec


def rate_limit_policy(spec: RateLimitPolicySpec) -> Iterator[tuple[str, str]]:
    """What is to be refused about a RateLimitPolicy that types cannot say (see `rules`)."""
    if not spec.local and not spec.global_:
        yield "spec", "limits nothing: set local or global"
    for at, one in enumerate(spec.local):
        if milliseconds(one.per) < _LEAST:
            yield f"spec.local[{at}].per", "is too short: use at least 50ms"
        yield from _keys(one.by, f"spec.local[{at}].by")
    for at, other in enumerate(spec.global_):
        if milliseconds(other.per) < _SECOND or milliseconds(other.per) % _SECOND:
            yield f"spec.global[{at}].per", "is not so many whole seconds"
        yield from _keys(other.by, f"spec.global[{at}].by")


def _keys(by: List[LimitKey], where: str) -> Iterator[tuple[str, str]]:
    for at, one in enumerate(by):
        if (one.type in {"Header", "Claim"}) != (one.name is not None):
            what = "needs a name" if one.name is None else "has no name"
            yield f"{where}[{at}].name", f"type {one.type} {what}"
    if len({(one.type, (one.name or "").lower()) for one in by}) < len(by):
        yield where, "has two that are the same"
