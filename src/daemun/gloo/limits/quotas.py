"""Gloo's descriptors as the rate limit service is told of them, and what is wrong with them."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from daemun.api.gloo.ratelimit import Descriptor, RateLimit, RateLimitUnit, SetDescriptor
from daemun.gatewayapi.findings import Finding
from daemun.ir import quotas as ir

_SECONDS: Mapping[RateLimitUnit, int] = MappingProxyType({"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86400})
_INVALID = "Invalid"


class Reading:
    """Reads descriptors. What is wrong with one goes to `errors`, and it is left out with all below it."""

    def __init__(self) -> None:
        self.errors: list[Finding] = []

    def tree(self, descriptors: Iterable[Descriptor], where: str) -> tuple[ir.Descriptor, ...]:
        """Limits that are compared entry by entry."""
        found: dict[tuple[str, str], ir.Descriptor] = {}
        for index, one in enumerate(descriptors):
            at = f"{where}[{index}]"
            if not one.key:
                self._wrong(f"{at}.key", "is empty", "Say what is limited.")
            elif (one.key, one.value) in found:
                self._wrong(at, "is for the same key and value as one before", "Remove one of them.")
            else:
                found[one.key, one.value] = ir.Descriptor(
                    one.key,
                    one.value,
                    self.quota(one.rate_limit, f"{at}.rateLimit"),
                    one.weight,
                    one.always_apply,
                    self.tree(one.descriptors, f"{at}.descriptors"),
                )
        return tuple(found.values())

    def sets(
        self, descriptors: Iterable[SetDescriptor], where: str, root: tuple[tuple[str, str], ...] = ()
    ) -> tuple[ir.SetDescriptor, ...]:
        """Limits that are compared in any order. One without entries is for all that comes in sets."""
        found = []
        for index, one in enumerate(descriptors):
            at = f"{where}[{index}]"
            if not all(entry.key for entry in one.simple_descriptors):
                self._wrong(f"{at}.simpleDescriptors", "has an entry without a key", "Say what is limited.")
                continue
            entries = tuple((entry.key, entry.value) for entry in one.simple_descriptors)
            quota = self.quota(one.rate_limit, f"{at}.rateLimit")
            if one.rate_limit is None:
                self._wrong(f"{at}.rateLimit", "is missing", "Say how many requests may pass.")
            found.append(ir.SetDescriptor((*root, *entries), quota, one.always_apply))
        return tuple(found)

    def quota(self, limit: RateLimit | None, where: str) -> ir.Quota | None:
        """So many requests in a unit of time."""
        if limit is None:
            return None
        seconds = _SECONDS.get(limit.unit)
        if seconds is None:
            self._wrong(f"{where}.unit", "is missing", "Use SECOND, MINUTE, HOUR or DAY.")
            return None
        return ir.Quota(limit.requests_per_unit, seconds)

    def _wrong(self, where: str, text: str, mend: str) -> None:
        self.errors.append(Finding(_INVALID, where, text, mend))
