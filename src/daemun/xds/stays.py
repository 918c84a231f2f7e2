"""What goes, but stays while what may take its place still waits: something of the same namespace, of whatever type.

Requests would otherwise be answered by neither. It stays no longer than what waits may wait, counted from when it was
to go, however often something new begins to wait; and not if something waits for it to go.
"""

from collections.abc import Iterable
from typing import NamedTuple

from daemun.ir.resource import Part, Side
from daemun.xds.warm import Holds, Place


class Stay(NamedTuple):
    """One that stays: since when, and what that depends on."""

    since: float
    namespaces: frozenset[str]
    sides: frozenset[Side]


class Stays:
    """The parts that stay, and the resources (by their heads)."""

    def __init__(self, holds: Holds, seconds: float) -> None:
        self._holds = holds
        self._seconds = seconds
        self._every: dict[Place, Stay] = {}
        self._told: set[Place] = set()

    def stay(self, place: Place, parts: Iterable[Part], now: float) -> bool:
        """Whether this, of which the client has these parts, stays for now."""
        one = self._every.get(place)
        if one is None:
            every = list(parts)
            leaves = [leaf for part in every for leaf in part.leaves if not leaf.blank]
            namespaces = frozenset(leaf.origin.ref.namespace for leaf in leaves)
            one = Stay(now, namespaces, frozenset(leaf.side for part in every for leaf in part.leaves if leaf.side))
        self._told.discard(place)
        if self._over(one, now):
            self._every.pop(place, None)
            return False
        self._every[place] = one
        return True

    def forget(self, place: Place) -> None:
        """It is wanted again, or gone."""
        if self._every.pop(place, None):
            self._told.discard(place)

    def over(self, now: float) -> list[Place]:
        """What need not stay any more, of each once."""
        due = self._due()
        if not self._holds.stirred and (due is None or now < due):
            return []
        self._holds.stirred = False
        found = [place for place, one in self._every.items() if place not in self._told and self._over(one, now)]
        self._told.update(found)
        return found

    def deadline(self, now: float) -> float | None:
        """When something need not stay any more."""
        return now if self._every and self._holds.stirred else self._due()

    def _over(self, one: Stay, now: float) -> bool:
        waits = now < one.since + self._seconds and self._holds.waits_from(one.namespaces)
        return not waits or any(map(self._holds.waited_for, one.sides))

    def _due(self) -> float | None:
        """They are in the order of their times."""
        since = next((one.since for place, one in self._every.items() if place not in self._told), None)
        return None if since is None else since + self._seconds
