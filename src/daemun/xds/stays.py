"""What goes, but stays while what may take its place still waits: something of the same namespace, of whatever type.

Requests would otherwise be answered by neither. It stays no longer than what waits may wait, counted from when it was
to go, however often something new begins to wait; and not if something waits for it to go.
"""

from collections.abc import Container, Iterable
from typing import NamedTuple

from daemun.base.names import Ref
from daemun.ir.resource import Leaf, Side
from daemun.xds.leaves import LeafKey
from daemun.xds.warm import Holds, Place


class Stay(NamedTuple):
    """One that stays: since when, and what that depends on."""

    since: float
    whose: frozenset[str | Ref]
    sides: frozenset[Side]


class Stays:
    """The parts that stay, the resources (by their heads), and single leaves of parts that are still wanted."""

    def __init__(self, holds: Holds, seconds: float) -> None:
        self._holds = holds
        self._seconds = seconds
        self._every: dict[tuple[Place, LeafKey | None], Stay] = {}
        self._leaves: dict[Place, set[LeafKey]] = {}
        self._told: set[tuple[Place, LeafKey | None]] = set()

    def stay(
        self,
        place: Place,
        leaves: Iterable[Leaf],
        now: float,
        leaf: LeafKey | None = None,
        whose: Iterable[str | Ref] = (),
    ) -> frozenset[str | Ref]:
        """For whom this, of which the client has these leaves, stays for now: all of the place, or one leaf; for nobody
        if it need not. It stays for what waits of these objects and namespaces, if any are given; otherwise of its own.
        """
        one = self._every.get((place, leaf))
        if one is None:
            every = list(leaves)
            own = (leaf.origin.ref.namespace for leaf in every if not leaf.blank)
            one = Stay(now, frozenset(whose or own), frozenset(leaf.side for leaf in every if leaf.side))
        self._told.discard((place, leaf))
        if self._over(one, now):
            self._drop(place, leaf)
            return frozenset()
        self._every[place, leaf] = one
        if leaf is not None:
            self._leaves.setdefault(place, set()).add(leaf)
        return one.whose

    def forget(self, place: Place, but: Container[LeafKey | None] = ()) -> None:
        """It is wanted again, or gone, and so are its leaves; but for these, of which None is all of the place."""
        for leaf in [one for one in (None, *self._leaves.get(place, ())) if one not in but]:
            self._drop(place, leaf)

    def over(self, now: float) -> list[Place]:
        """Where something need not stay any more, for each once."""
        due = self._due()
        if not self._holds.stirred and (due is None or now < due):
            return []
        self._holds.stirred = False
        found = [key for key, one in self._every.items() if key not in self._told and self._over(one, now)]
        self._told.update(found)
        return [place for place, _ in found]

    def deadline(self, now: float) -> float | None:
        """When something need not stay any more."""
        return now if self._every and self._holds.stirred else self._due()

    def _drop(self, place: Place, leaf: LeafKey | None) -> None:
        if self._every.pop((place, leaf), None) is None:
            return
        self._told.discard((place, leaf))
        if leaf is not None:
            self._leaves[place].discard(leaf)
            if not self._leaves[place]:
                del self._leaves[place]

    def _over(self, one: Stay, now: float) -> bool:
        waits = now < one.since + self._seconds and self._holds.waits_from(one.whose)
        return not waits or any(map(self._holds.waited_for, one.sides))

    def _due(self) -> float | None:
        """They are in the order of their times."""
        since = next((one.since for key, one in self._every.items() if key not in self._told), None)
        return None if since is None else since + self._seconds
