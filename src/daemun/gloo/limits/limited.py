"""What a rate limit on a host or route comes to, and the servers that are asked: the specs of its uses."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

import msgspec

from daemun.api.gloo.ratelimit import MetadataKey, RateLimitAction, TokenBucket
from daemun.ir.backend import BackendKey
from daemun.ir.quotas import Limits

When = Literal["early", "main", "late"]
"""When the service is asked: before it is known who comes in, after it, or whenever the listener's server says."""

CUSTOM, OURS = "custom", "daemun"
"""The domain of the limits in Settings (Gloo's word), and that of all other limits."""


class Slot(NamedTuple):
    """One of Envoy's filters that ask, and its `stage`: which of the limits of hosts and routes are for it."""

    name: str
    stage: int
    domain: str
    when: When

    @property
    def filter(self) -> str:
        """The name of the filter, and of the family that is there only where it is used."""
        return f"daemun.ratelimit/{self.name}"


SLOTS: Mapping[str, Slot] = MappingProxyType(
    {
        "ratelimitEarly": Slot("early", 1, CUSTOM, "early"),
        "ratelimit": Slot("custom", 2, CUSTOM, "main"),
        "ratelimitRegular": Slot("regular", 3, CUSTOM, "late"),
        "rateLimitEarlyConfigs": Slot("early-configs", 4, OURS, "early"),
        "rateLimitConfigs": Slot("configs", 5, OURS, "main"),
        "rateLimitRegularConfigs": Slot("regular-configs", 6, OURS, "late"),
        "ratelimitBasic": Slot("configs", 5, OURS, "main"),
        "rateLimitPolicy": Slot("policy", 7, OURS, "main"),
    }
)
"""The slots by the fields of Gloo's options, and that of policies. What is asked of one is one question."""


class Computed(msgspec.Struct, frozen=True, gc=False):
    """An entry whose value Envoy computes, by an expression in CEL."""

    key: str
    text: str


class Rate(msgspec.Struct, frozen=True, gc=False):
    """One descriptor of a request; none if one of its `entries` is not there, which a `loose` one is then without.

    `limit` is where in the request's metadata a limit stands, in place of the service's.
    """

    entries: tuple[RateLimitAction | Computed, ...]
    loose: bool = False
    limit: MetadataKey | None = None


class Limited(msgspec.Struct, frozen=True, gc=False):
    """What the service is asked on a host or route. `include`: the limits of the host hold, too.

    `local` is what each proxy keeps by itself. `quotas` are limits that are the field's own.
    """

    rates: tuple[Rate, ...] = ()
    include: bool = False
    local: TokenBucket | None = None
    quotas: tuple[Limits, ...] = ()
    told: str = ""


class Bucket(msgspec.Struct, frozen=True, gc=False):
    """What each proxy counts for each value of a descriptor. `keys` are the descriptor's; an empty value is any.

    It holds `most` requests, and gets `more` every so many milliseconds.
    """

    rate: Rate
    keys: tuple[tuple[str, str], ...]
    most: int
    more: int
    every: int
    late: bool = False
    """Who comes in must be known."""


class Policed(Limited, frozen=True, gc=False):
    """What a RateLimitPolicy comes to: what the service is asked, and what each proxy counts by itself."""

    buckets: tuple[Bucket, ...] = ()


class LimitServer(msgspec.Struct, frozen=True, gc=False):
    """A rate limit service; `timeout` is in milliseconds. Without a `backend` it is as if it did not answer.

    It is asked `early`, before it is known who comes in. What it does not answer passes, unless it is `strict`.
    """

    backend: BackendKey | None
    timeout: int = 100
    strict: bool = False
    headers: bool = False
    early: bool = False
    authority: str = ""


class LimitServers(msgspec.Struct, frozen=True, gc=False):
    """Which service is asked in which domain."""

    custom: LimitServer
    ours: LimitServer

    def of(self, domain: str) -> LimitServer:
        """The one that knows the limits of a domain."""
        return self.custom if domain == CUSTOM else self.ours
