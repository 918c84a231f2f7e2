"""Warm clusters, and the leaves that wait for them, or for filters (`filters`).

A route that reaches Envoy before its cluster is warm answers 503, and ordering alone does not prevent that: Envoy
acknowledges an EDS cluster before it has its endpoints. So a leaf waits for the clusters it needs, for a limited
time, and nothing else waits with it.
"""

import heapq
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from daemun.base.names import Ref
from daemun.ir.resource import CLUSTER, ENDPOINT, Filter, Side
from daemun.xds.leaves import LeafKey
from daemun.xds.wanted import Wanted

BEFORE = 0
"""The serial of the response that brought a cluster the client had already when it connected."""


class Led(NamedTuple):
    """A resource that something in the client leads to."""

    resource: str


Needed = str | Filter | Side | Led
"""The name of a cluster, or a filter; or that there is no leaf of a side, or none that leads somewhere."""


class Place(NamedTuple):
    """A part of a resource that the stream serves."""

    type_url: str
    resource: str
    part: str


class Warmth:
    """Which clusters are warm in this client.

    A cluster is warm when the response with it was acknowledged and, if it takes its endpoints from EDS, a later
    response with those was too. It stays warm when it changes, because the old one serves until the new one is warm.
    Serials are the positions of responses in the stream.

    While some cluster warms up Envoy acknowledges none. But it asks for endpoints only of those that it has taken: one
    that waits for nothing else is warm with them.
    """

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._clusters: dict[str, int] = {}
        self._sent: dict[str, int] = {}
        self._endpoints: dict[str, int] = {}
        self._subscribed: set[str] = set()
        self._warm: set[str] = set()

    def is_warm(self, cluster: str) -> bool:
        """Whether traffic may be sent to the cluster; there is nothing to wait for if it is not wanted at all."""
        return cluster in self._warm or self._wanted.get(CLUSTER, cluster) is None

    def subscribed(self, name: str) -> None:
        """The client asks for the endpoints of a cluster: it is an EDS cluster."""
        self._subscribed.add(name)
        if self._clusters.get(name) == BEFORE and name not in self._endpoints:
            # The client has connected with this cluster, but has no endpoints for it yet.
            self._warm.discard(name)

    def unsubscribed(self, name: str) -> None:
        """It no longer does."""
        self._subscribed.discard(name)
        self._endpoints.pop(name, None)

    def sent(self, cluster: str, serial: int, *, late: bool) -> None:
        """The cluster goes to the client; whether it waits for others than us is what `late` says."""
        if late:
            self._sent.pop(cluster, None)
        else:
            self._sent[cluster] = serial

    def acked(self, type_url: str, name: str, serial: int) -> bool:
        """The client took a resource; says whether a cluster has become warm by it."""
        if type_url == CLUSTER:
            self._clusters[name] = serial
        elif type_url == ENDPOINT:
            self._endpoints[name] = serial
            if name in self._subscribed and name not in self._clusters and self._sent.get(name, serial) < serial:
                self._clusters[name] = self._sent[name]
        else:
            return False
        if name in self._warm or name not in self._clusters:
            return False
        by_eds = name in self._subscribed or self._wanted.get(ENDPOINT, name) is not None
        if by_eds and self._endpoints.get(name, BEFORE) <= self._clusters[name]:
            return False
        self._warm.add(name)
        return True

    def removed(self, cluster: str) -> None:
        """The client is told to forget the cluster."""
        self._warm.discard(cluster)
        self._clusters.pop(cluster, None)
        self._sent.pop(cluster, None)


class Held(NamedTuple):
    """A leaf that waits: since when, and the object that it comes from."""

    since: float
    ref: Ref


class Holds:
    """The leaves that wait for clusters and filters, since when, and who is to be woken by what."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[tuple[str, str], dict[str, dict[LeafKey, Held]]] = {}
        self._resources: Counter[str] = Counter()
        self._whose: Counter[str | Ref] = Counter()
        self._waiting: dict[Needed, set[Place]] = {}
        self._due: list[tuple[float, Place]] = []
        self.stirred = False
        """Whether nothing waits any more of some object or namespace, or something for the end of a side: `Stays`."""

    def hold(self, place: Place, key: LeafKey, ref: Ref, lacking: Iterable[Needed], now: float) -> bool:
        """Whether this leaf still has to wait for these. The clock starts when it is first asked."""
        if place[:2] not in self._since:
            self._since[place[:2]] = {}
            self._resources[place.type_url] += 1
        leaves = self._since[place[:2]].setdefault(place.part, {})
        if key not in leaves:
            leaves[key] = Held(now, ref)
            self._whose.update((ref, ref.namespace))
            heapq.heappush(self._due, (now + self._seconds, place))
        over = now >= leaves[key].since + self._seconds
        for one in lacking:
            if not over or isinstance(one, tuple):  # it goes without a cluster then, but not without a filter
                self._waiting.setdefault(one, set()).add(place)
                self.stirred = self.stirred or isinstance(one, Side)
        return not over

    def expect(self, place: Place, lacking: Iterable[Needed]) -> None:
        """Have this place woken by these, however long that takes: nothing in it waits for them."""
        for one in lacking:
            self._waiting.setdefault(one, set()).add(place)

    def retain(self, place: Place, keys: set[LeafKey]) -> None:
        """Forget the clocks of all other leaves of this part: they wait no longer."""
        parts = self._since.get(place[:2])
        leaves = parts.get(place.part) if parts else None
        if parts is None or leaves is None:
            return
        for key in leaves.keys() - keys:
            self._release(leaves.pop(key))
        if not leaves:
            del parts[place.part]
        if not parts:
            self.drop(place.type_url, place.resource)

    def acked(self, place: Place, now: float) -> None:
        """The client took this part: leaves whose time was over have been sent, and a later change waits anew."""
        leaves = self._since.get(place[:2], {}).get(place.part)
        if leaves:
            self.retain(place, {key for key, one in leaves.items() if now < one.since + self._seconds})

    def drop(self, type_url: str, resource: str) -> None:
        """Forget a resource that the client no longer has."""
        parts = self._since.pop((type_url, resource), None)
        if parts is None:
            return
        self._resources[type_url] -= 1
        for leaves in parts.values():
            for one in leaves.values():
                self._release(one)

    def __bool__(self) -> bool:
        return bool(self._whose)

    def waits_from(self, whose: Iterable[str | Ref]) -> bool:
        """Whether anything waits that comes from one of these objects or namespaces, of whatever type."""
        return any(one in self._whose for one in whose)

    def holding(self, type_url: str) -> bool:
        """Whether anything of this type waits."""
        return self._resources[type_url] > 0

    def woken(self, one: Needed) -> set[Place]:
        """The parts that waited for this cluster or filter."""
        return self._waiting.pop(one, set())

    def filters_of(self, extension: str) -> list[Filter]:
        """The filters of an extension that something waits for."""
        filters = [one for one in self._waiting if isinstance(one, tuple) and not isinstance(one, Side | Led)]
        return [one for one in filters if one[0] == extension]

    def waited_for(self, one: Needed) -> bool:
        """Whether something waits for it."""
        return one in self._waiting

    def sides(self) -> list[Side]:
        """The sides whose end something waits for."""
        return [one for one in self._waiting if isinstance(one, Side)]

    def overdue(self, now: float) -> list[Place]:
        """The parts in which a leaf has waited long enough."""
        places = []
        while self._due and self._due[0][0] <= now:
            places.append(heapq.heappop(self._due)[1])
        return places

    def deadline(self) -> float | None:
        """When the next leaf has waited long enough."""
        return self._due[0][0] if self._due else None

    def _release(self, one: Held) -> None:
        for whose in (one.ref, one.ref.namespace):
            self._whose[whose] -= 1
            if not self._whose[whose]:
                del self._whose[whose]
                self.stirred = True
