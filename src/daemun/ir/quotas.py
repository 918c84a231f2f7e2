"""How much may come in, as the rate limit service is told: everything resolved.

The front ends read Settings, RateLimitConfigs and the options of routes, and end in `Limits`; the service needs nothing
else. They travel as JSON over an authenticated xDS stream and never through Envoy: routes say only which descriptors
(Envoy, `RateLimitDescriptor`) a request has, and the service which of them are limited.
"""

import msgspec

LIMITS = "type.googleapis.com/daemun.ratelimit.v1.Limits"
"""The xDS type of limits. It is Daemun's own: its value is the JSON of `Limits`, and no proxy asks for it."""
SERVER = "*/ratelimit"
"""Who the service is among the clients of the xDS server: no Gateway can be in such a namespace."""
SET = ("generic_key", "daemun.set")
"""The first entry of a request's descriptor that is compared with sets, in any order, rather than with the tree."""


class Quota(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """So many requests in so many `seconds`.

    A fixed window begins at a multiple of its length (Unix time); a `sliding` one ends now, at any moment. What is only
    `shadow` is counted and told, and refuses nothing.
    """

    requests: int
    seconds: int
    sliding: bool = False
    shadow: bool = False


class Descriptor(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A limit for what has this value under this key, and those below it. Without a `value` each value has its own.

    Of the limits that a request meets only those of the greatest `weight` hold, and those that `always` do.
    """

    key: str
    value: str = ""
    quota: Quota | None = None
    weight: int = 0
    always: bool = False
    descriptors: tuple["Descriptor", ...] = ()


class SetDescriptor(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A limit for what has all of these keys with these values; one without a value has a count for each.

    The first set in the list that fits holds, and those that `always` do.
    """

    entries: tuple[tuple[str, str], ...]
    quota: Quota | None = None
    always: bool = False


class Limits(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The limits of one object, by the name that tells it apart. Several may be of one `domain` (Envoy's word)."""

    name: str
    domain: str
    descriptors: tuple[Descriptor, ...] = ()
    sets: tuple[SetDescriptor, ...] = ()


def encoded(limits: Limits) -> bytes:
    """The JSON of limits, the same for equal limits."""
    return msgspec.json.encode(limits, order="sorted")


def decoded(data: bytes) -> Limits:
    """The limits of `encoded`. Raises msgspec.DecodeError for anything else."""
    return msgspec.json.decode(data, type=Limits)
