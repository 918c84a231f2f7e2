"""What a question of Envoy's comes to: counts, and hits on each. Equal questions have the same plan."""

import msgspec

from daemun.base import wire
from daemun.ir.quotas import Quota

UNITS = {1: 1, 60: 2, 3600: 3, 86_400: 4, 30 * 86_400: 5, 365 * 86_400: 6, 7 * 86_400: 7}
"""Envoy's units (RateLimitResponse.RateLimit.Unit) by their seconds. A window of another length has none."""


class Count(msgspec.Struct, frozen=True):
    """A count that all who share the store have, and its quota. `name` is a digest: what clients send is not kept."""

    name: bytes
    quota: Quota
    told: bytes
    """The quota as the answer has it (RateLimitResponse.DescriptorStatus.current_limit)."""


class Hit(msgspec.Struct, frozen=True, gc=False):
    """So much on a count."""

    count: Count
    hits: int


class Plan(msgspec.Struct, eq=False, frozen=True):
    """The hits of a request, and for each of its descriptors which of them are its own."""

    hits: tuple[Hit, ...]
    descriptors: tuple[tuple[int, ...], ...]
    domain: str = ""


def told(quota: Quota) -> bytes:
    """The quota as a field of a status."""
    unit = UNITS.get(quota.seconds, 0)
    body = b"\x08" + wire.varint(quota.requests) + (b"\x10" + wire.varint(unit) if unit else b"")
    return wire.delimited(wire.tag(2), body)
