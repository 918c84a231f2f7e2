"""RateLimitConfigs, resolved: which descriptors requests get for them, and what the service is told.

All that belongs to one stands beneath an entry that no other object's limits have, so that nobody reaches the limits of
somebody else (Gloo does the same).
"""

from collections.abc import Iterator

import msgspec

from daemun.api.gloo.ratelimit import RateLimitConfig
from daemun.base.names import Name, Ref
from daemun.flow import Reader
from daemun.gatewayapi.findings import Finding
from daemun.gloo.limits import actions, quotas
from daemun.gloo.limits.limited import OURS, Rate
from daemun.ir.origin import Origin
from daemun.ir.quotas import LIMITS, SERVER, Descriptor, Limits, encoded
from daemun.ir.resource import Leaf, Part, PartKey, part

GROUP, KIND = "ratelimit.solo.io", "RateLimitConfig"
_RAW = "spec.raw"


class ResolvedLimits(msgspec.Struct, frozen=True, gc=False):
    """A RateLimitConfig: what the service is told, and the descriptors of requests. With `errors` it is not used."""

    ref: Ref
    limits: Limits
    rates: tuple[Rate, ...]
    errors: tuple[Finding, ...] = ()

    def __repr__(self) -> str:
        return f"<ResolvedLimits {self.ref}>"


class Door(msgspec.Struct, frozen=True, gc=False):
    """All that routes know of a RateLimitConfig, so that other numbers do not concern them."""

    rates: tuple[Rate, ...]
    fault: str = ""

    def __repr__(self) -> str:
        return "<Door>"


def config_rule(_: Reader, name: Name, config: RateLimitConfig) -> Iterator[tuple[Name, ResolvedLimits]]:
    """From a RateLimitConfig to what it comes to."""
    root = f"{name.namespace}.{name.name}"
    reading = quotas.Reading()
    raw = config.spec.raw
    found: tuple[Rate, ...] = ()
    limits = Limits(root, OURS)
    if raw is None:
        reading.errors.append(Finding("Invalid", _RAW, "is missing", "Write its descriptors and rateLimits."))
    else:
        tree = reading.tree(raw.descriptors, f"{_RAW}.descriptors")
        sets = reading.sets(raw.set_descriptors, f"{_RAW}.setDescriptors", (("generic_key", root),))
        limits = Limits(root, OURS, (Descriptor("generic_key", root, descriptors=tree),) if tree else (), sets)
        reading.errors.extend(actions.faults(raw.rate_limits, f"{_RAW}.rateLimits"))
        found = tuple(actions.rates(raw.rate_limits, root))
    yield name, ResolvedLimits(Ref(GROUP, KIND, *name), limits, found, tuple(reading.errors))


def door_rule(_: Reader, name: Name, config: ResolvedLimits) -> Iterator[tuple[Name, Door]]:
    """From a RateLimitConfig to all that routes know of it."""
    yield name, Door(config.rates, str(config.errors[0]) if config.errors else "")


def limits_rule(_: Reader, __: Name, config: ResolvedLimits) -> Iterator[tuple[PartKey, Part]]:
    """From a RateLimitConfig to the resource of the service."""
    if not config.errors:
        yield told(config.limits, Origin(config.ref))


def told(limits: Limits, origin: Origin) -> tuple[PartKey, Part]:
    """Limits as a resource for the service. No proxy gets one."""
    return PartKey(SERVER, LIMITS, limits.name), part("", [Leaf(encoded(limits), origin)])
