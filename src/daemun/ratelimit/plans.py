"""Plans by questions. What was asked before is not read again: most questions are, byte for byte."""

from collections.abc import Collection, Iterator

import msgspec
from envoy.extensions.common.ratelimit.v3 import ratelimit_pb2
from envoy.service.ratelimit.v3 import rls_pb2

from daemun.ir.quotas import Limits, Quota, decoded
from daemun.ratelimit.matching import Domain, Entries, count_of, holding
from daemun.ratelimit.plan import UNITS, Count, Hit, Plan

_MOST = 32_768
"""Plans that are kept: twice, those asked for lately and those before them."""
_MOST_HITS = 1 << 32
_SECONDS = {unit: seconds for seconds, unit in UNITS.items()}


class Plans:
    """Which counts a question concerns, by the limits that there are."""

    def __init__(self) -> None:
        self._limits: dict[str, Limits] = {}
        self._domains: dict[str, Domain] | None = None
        self._recent: dict[bytes, Plan] = {}
        self._earlier: dict[bytes, Plan] = {}
        self.complete = False
        """Whether all limits that there are have come once."""

    def __len__(self) -> int:
        return len(self._limits)

    def put(self, limits: Limits) -> None:
        """Limits that are new or have changed."""
        self._limits[limits.name] = limits
        self._changed()

    def take(self, name: str, value: bytes) -> None:
        """The same, as the control plane tells it. Raises ValueError if it cannot be read."""
        try:
            limits = decoded(value)
        except msgspec.MsgspecError as error:
            raise ValueError(str(error)) from None
        if limits.name != name:
            raise ValueError(f"it calls itself {limits.name}")
        self.put(limits)

    def settled(self) -> None:
        """All limits that there are have come once."""
        self.complete = True

    async def faults(self, names: Collection[str]) -> list[str]:
        """None: limits that can be read can be kept."""
        del names
        return []

    def remove(self, name: str) -> None:
        """Limits that are no more."""
        if self._limits.pop(name, None) is not None:
            self._changed()

    def of(self, question: bytes) -> Plan:
        """The plan of a RateLimitRequest. Raises DecodeError if it is none."""
        found = self._recent.get(question)
        if found is None:
            found = self._earlier.get(question) or self._made(question)
            if len(self._recent) >= _MOST:
                self._earlier, self._recent = self._recent, {}
            self._recent[question] = found
        return found

    def _changed(self) -> None:
        self._domains = None
        self._recent, self._earlier = {}, {}

    def _by_domain(self) -> dict[str, Domain]:
        """Made when it is asked for: limits come many at once."""
        if self._domains is None:
            found: dict[str, list[Limits]] = {}
            for _, one in sorted(self._limits.items()):
                found.setdefault(one.domain, []).append(one)
            self._domains = {name: Domain(limits) for name, limits in found.items()}
        return self._domains

    def _made(self, question: bytes) -> Plan:
        message = rls_pb2.RateLimitRequest.FromString(question)
        domain = self._by_domain().get(message.domain)
        if domain is None:
            return Plan((), ((),) * len(message.descriptors))
        entries = [_entries(one) for one in message.descriptors]
        found = [domain.matches(own) for own in entries]
        hits: list[Hit] = []
        own: list[tuple[int, ...]] = []
        places: dict[bytes, int] = {}
        for descriptor, at, counts in zip(message.descriptors, entries, holding(found), strict=True):
            much = _hits(message, descriptor)
            indices = []
            for count in _overridden(message.domain, descriptor, at, counts):
                # Two descriptors that say the same are one.
                if count.name not in places:
                    places[count.name] = len(hits)
                    hits.append(Hit(count, much))
                indices.append(places[count.name])
            own.append(tuple(indices))
        return Plan(tuple(hits), tuple(own), message.domain)


def _entries(descriptor: ratelimit_pb2.RateLimitDescriptor) -> Entries:
    return tuple((one.key, one.value) for one in descriptor.entries)


def _hits(message: rls_pb2.RateLimitRequest, descriptor: ratelimit_pb2.RateLimitDescriptor) -> int:
    """A descriptor's own number goes before that of the request, of which none means one."""
    if descriptor.HasField("hits_addend"):
        return min(int(descriptor.hits_addend.value), _MOST_HITS)
    return int(message.hits_addend) or 1


def _overridden(
    domain: str, descriptor: ratelimit_pb2.RateLimitDescriptor, entries: Entries, counts: list[Count]
) -> Iterator[Count]:
    """The counts of a descriptor that may bring its own limit (RateLimitDescriptor.limit), in the place of any."""
    seconds = _SECONDS.get(descriptor.limit.unit, 0) if descriptor.HasField("limit") else 0
    if not seconds:
        yield from counts
        return
    quota = Quota(
        descriptor.limit.requests_per_unit, seconds, shadow=all(one.quota.shadow for one in counts or [_HARD])
    )
    yield count_of(domain, "override", entries, quota)


_HARD = Count(b"", Quota(0, 1), b"")
