"""What may be answered while changes are under way.

Each object of a change is, for each request, as it was before or as it is after: objects travel apart, and some wait
for their clusters. But nothing goes before all is there that its own namespace said until then: what takes its place is
there first (ARCHITECTURE.md, law 6). A route or ListenerSet that is let in or put out by something else (a Gateway,
labels of its namespace, a route of the other kind) travels apart from that, and from others, too.
"""

import itertools
import time
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from support.fuzz.bearing import Bearing, takes
from support.fuzz.hosts import ROUTES
from support.fuzz.objects import Change, Key, Objects
from support.fuzz.outcomes import Answer, Outcomes
from support.fuzz.routing import Request
from support.objects.documents import Doc

RECENT = 12
"""Routes that are asked for more often, as they have just changed."""
MOST = 9
"""Objects that are told apart; further ones of a change and namespace are as they are all together."""


class Moment(NamedTuple):
    """The objects from some time on, and what has changed then."""

    since: float
    change: Change
    objects: Objects
    outcomes: Outcomes


class Unit(NamedTuple):
    """Objects that change together, at some moment."""

    moment: int
    namespace: str
    going: bool
    keys: tuple[Key, ...]


class History:
    """All moments, and those of them at which the proxies had everything."""

    def __init__(self, objects: Objects) -> None:
        self.moments = [Moment(time.monotonic(), {}, objects, Outcomes(objects))]
        self._times = [self.moments[0].since]
        self._synced = [(0.0, 0)]
        self._recent: list[tuple[Key, Doc]] = []
        self._mixed: dict[tuple[Request, int, int], frozenset[Answer]] = {}

    @property
    def now(self) -> Moment:
        """The last one."""
        return self.moments[-1]

    @property
    def recent(self) -> list[tuple[Key, Doc]]:
        """The routes that the last changes have brought, changed or taken away, as before and as after."""
        return self._recent

    def note(self, change: Change) -> None:
        """A change is made now."""
        before = self.now.objects
        objects = before.after(change)
        touched = [(key, one) for key in change for at in (before, objects) if (one := at.every.get(key)) is not None]
        self._recent = [*(one for one in touched if one[0].kind in ROUTES), *self._recent][:RECENT]
        self._times.append(time.monotonic())
        self.moments.append(Moment(self._times[-1], change, objects, Outcomes(objects)))

    def synced(self) -> None:
        """The proxies have everything now."""
        self._synced.append((time.monotonic(), len(self.moments) - 1))

    def right(self, answer: Answer, request: Request, began: float, ended: float) -> bool:
        """Whether a request that began and ended then may have this answer."""
        first, last = self.within(began, ended)
        return any(
            answer in self.moments[at].outcomes.of(request) for at in range(last, first - 1, -1)
        ) or answer in self.mixed(request, first, last)

    def within(self, began: float, ended: float) -> tuple[int, int]:
        """The first and the last moment that may count for a request."""
        first = self._synced[bisect_right(self._synced, (began, len(self.moments))) - 1][1]
        return first, bisect_right(self._times, ended) - 1

    def mixed(self, request: Request, first: int, last: int) -> frozenset[Answer]:
        """What may be answered while some of the changes after the first moment are done, and others are not."""
        found = self._mixed.get((request, first, last))
        if found is None:
            every = (one.of(request) for one in self._mixes(request, first, last))
            found = self._mixed[request, first, last] = frozenset(itertools.chain.from_iterable(every))
        return found

    def _mixes(self, request: Request, first: int, last: int) -> Iterator[Outcomes]:
        changes = (self._both(key, at) for at in range(first + 1, last + 1) for key in self.moments[at].change)
        changed = [(key, one) for key, both in changes for one in both]
        bears = Bearing(
            request, [*self.moments[first].objects.routes, *(one for one in changed if one[0].kind in ROUTES)]
        )
        units = _few(list(self._units(request, bears, first, last)))
        start = {key: one for key, one in self.moments[first].objects.every.items() if bears.bears(key, one)}
        absences = list(self._absences(request, first, last))
        for done in itertools.product((False, True), repeat=len(units)):
            left = [unit for unit, is_done in zip(units, done, strict=True) if not is_done]
            chosen = [unit for unit, is_done in zip(units, done, strict=True) if is_done]
            if not any(_waits_for(unit, other) for unit in chosen if unit.going for other in left):
                mix: dict[Key, Doc | None] = dict(start)
                for unit in chosen:
                    mix.update({key: self.moments[unit.moment].change[key] for key in unit.keys})
                objects = Objects({key: one for key, one in mix.items() if one is not None})
                yield from (Outcomes(objects, away) for away in absences)

    def _units(self, request: Request, bears: Bearing, first: int, last: int) -> Iterator[Unit]:
        """What changes by itself: each object, but routes of the host without a match only say that it is there."""
        for at in range(first + 1, last + 1):
            others: dict[tuple[str, bool], list[Key]] = {}
            for key, one in self.moments[at].change.items():
                _, both = self._both(key, at)
                if any(takes(key, each, request) and bears.bears(key, each) for each in both):
                    yield Unit(at, key.namespace, one is None, (key,))
                elif any(bears.bears(key, each) for each in both):
                    others.setdefault((key.namespace, one is None), []).append(key)
            for (namespace, going), keys in others.items():
                yield Unit(at, namespace, going, tuple(keys))

    def _absences(self, request: Request, first: int, last: int) -> Iterator[frozenset[Key]]:
        """Which routes and ListenerSets may be away, as they are let in or put out, and neither come nor go."""
        moments = self.moments[first : last + 1]
        near = [one.outcomes.hosts.near(request.port, request.host) for one in moments]
        loose = [
            key
            for key in sorted(set.union(*near) - set.intersection(*near), reverse=True)  # ListenerSets first
            if all(key in each.objects.every for each in moments)
        ]
        taking = [key for key in loose if any(takes(key, each.objects.every[key], request) for each in moments)]
        groups = [taking[:1], taking[1:2], taking[2:3], taking[3:], [key for key in loose if key not in taking]]
        for away in itertools.product(*(((), tuple(group)) if group else ((),) for group in groups)):
            yield frozenset(itertools.chain.from_iterable(away))

    def _both(self, key: Key, at: int) -> tuple[Key, list[Doc]]:
        """An object before and after a change, as far as it is there."""
        found = (self.moments[at - 1].objects.every.get(key), self.moments[at].change[key])
        return key, [one for one in found if one is not None]


def _few(units: list[Unit]) -> list[Unit]:
    """No more than can be told apart in a moment: the first ones of those that are of the same change and namespace."""
    joined: dict[tuple[int, str, bool], list[Key]] = {}
    for unit in units[MOST:]:
        joined.setdefault(unit[:3], []).extend(unit.keys)
    return [*units[:MOST], *(Unit(*one, tuple(keys)) for one, keys in joined.items())]


def _waits_for(going: Unit, other: Unit) -> bool:
    return other.moment <= going.moment and not other.going and going.namespace == other.namespace
