"""What may be answered while changes are under way.

Each object of a change is, for each request, as it was before or as it is after: objects travel apart, and some wait
for their clusters. But nothing goes before all is there that its own namespace said until then: what takes its place is
there first (ARCHITECTURE.md, law 6).
"""

import itertools
import time
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from support.fuzz.hosts import ROUTES, fits
from support.fuzz.objects import Change, Key, Objects
from support.fuzz.outcomes import Answer, Outcomes
from support.fuzz.routing import Request, matches
from support.objects.documents import Doc

RECENT = 12
"""Routes that are asked for more often, as they have just changed."""
MOST = 10
"""Objects that are told apart; further ones of a change are as they are all together."""


class Moment(NamedTuple):
    """The objects from some time on, and what has changed then."""

    since: float
    change: Change
    objects: Objects
    outcomes: Outcomes


class Unit(NamedTuple):
    """Objects that change together, at some moment."""

    moment: int
    namespaces: frozenset[str]
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
            every = (Outcomes(objects).of(request) for objects in self._mixes(request, first, last))
            found = self._mixed[request, first, last] = frozenset(itertools.chain.from_iterable(every))
        return found

    def _mixes(self, request: Request, first: int, last: int) -> Iterator[Objects]:
        units = list(self._units(request, first, last))
        start = {key: one for key, one in self.moments[first].objects.every.items() if concerns(key, one, request)}
        for done in itertools.product((False, True), repeat=len(units)):
            left = [unit for unit, is_done in zip(units, done, strict=True) if not is_done]
            chosen = [unit for unit, is_done in zip(units, done, strict=True) if is_done]
            if not any(_waits_for(unit, other) for unit in chosen if unit.going for other in left):
                mix: dict[Key, Doc | None] = dict(start)
                for unit in chosen:
                    mix.update({key: self.moments[unit.moment].change[key] for key in unit.keys})
                yield Objects({key: one for key, one in mix.items() if one is not None})

    def _units(self, request: Request, first: int, last: int) -> Iterator[Unit]:
        """What changes by itself: each object that the request may be for, and all others of one change."""
        for at in range(first + 1, last + 1):
            change = self.moments[at].change
            keys = [key for key in change if any(concerns(key, one, request) for one in self._both(key, at))]
            single = sorted(keys, key=lambda key: not any(takes(key, one, request) for one in self._both(key, at)))
            for key in single[:MOST]:
                yield Unit(at, frozenset([key.namespace]), change[key] is None, (key,))
            if rest := tuple(single[MOST:]):
                going = all(change[key] is None for key in rest)
                yield Unit(at, frozenset(key.namespace for key in rest), going, rest)

    def _both(self, key: Key, at: int) -> list[Doc]:
        found = (self.moments[at - 1].objects.every.get(key), self.moments[at].change[key])
        return [one for one in found if one is not None]


def _waits_for(going: Unit, other: Unit) -> bool:
    return other.moment <= going.moment and not other.going and not going.namespaces.isdisjoint(other.namespaces)


def concerns(key: Key, document: Doc, request: Request) -> bool:
    """Whether an object may have to do with a request."""
    hostnames = document["spec"].get("hostnames") if key.kind in ROUTES else None
    return not hostnames or any(fits(one, request.host) for one in hostnames)


def takes(key: Key, document: Doc, request: Request) -> bool:
    """Whether an object is a route with a match for a request, or no route."""
    if key.kind not in ROUTES:
        return True
    every = (match for rule in document["spec"]["rules"] for match in rule.get("matches") or [{}])
    return any(matches(key.kind, match, request) for match in every)
