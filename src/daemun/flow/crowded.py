"""The entries of index values that have many: what is to be handled one by one where a whole bag would be too much."""

from collections.abc import Iterable, Iterator
from typing import Generic

from daemun.flow.bags import count, items
from daemun.flow.collection import Collection, Index
from daemun.flow.values import LIGHT_STEP, MISSING, STEP, Delta, I, K, Missing, V


class Crowded(Collection[tuple[I, K], V], Generic[I, K, V]):
    """Every entry found under an index value with more than `above` entries, by value and key.

    A change of one entry costs the same however many there are. When a value becomes crowded all its entries appear,
    and when it no longer is they all vanish.
    """

    def __init__(self, index: Index[I, K, V], above: int, name: str) -> None:
        super().__init__(index.of.graph, name)
        self.data: dict[tuple[I, K], V] = {}
        self._index = index
        self._above = above
        self._crowds: dict[I, dict[K, None]] = {}
        self._before: dict[K, V | Missing] = {}
        index.of.followers.append(self._follow)
        if index.of.data:
            self._follow({key: (MISSING, value) for key, value in index.of.data.items()})

    def _follow(self, delta: Delta[K, V]) -> None:
        for key, (old, _) in delta.items():
            self._before.setdefault(key, old)
        self.graph.wake(self.rank)

    def run(self, delta: Delta[tuple[I, K], V]) -> Iterator[None]:
        """Tell what changed under values that are crowded, were so, or become so."""
        found: dict[I, dict[K, None]] = {}
        yield from self._touched(found)
        for number, (value, touched) in enumerate(found.items(), 1):
            if not number % LIGHT_STEP:
                yield
            bag = self._index.keys
            if count(bag, value) <= self._above:
                for key in self._crowds.pop(value, ()):
                    delta[value, key] = (self.data.pop((value, key)), MISSING)
                continue
            crowd = self._crowds.get(value)
            if crowd is None:
                crowd = self._crowds[value] = {}
                yield from self._take_in(delta, value, crowd, items(bag, value))
            else:
                yield from self._take_in(delta, value, crowd, touched)

    def _take_in(
        self, delta: Delta[tuple[I, K], V], value: I, crowd: dict[K, None], keys: Iterable[K]
    ) -> Iterator[None]:
        """Bring these entries of a crowded value up to date."""
        members = items(self._index.keys, value)
        for number, key in enumerate(keys, 1):
            if not number % LIGHT_STEP:
                yield
            old: V | Missing = self.data.get((value, key), MISSING)
            new: V | Missing = self._index.of.data[key] if key in members else MISSING
            if old is new or (old is not MISSING and old == new):
                continue
            delta[value, key] = (old, new)
            if new is MISSING:
                del self.data[value, key], crowd[key]
            else:
                self.data[value, key] = new
                crowd[key] = None

    def _touched(self, found: dict[I, dict[K, None]]) -> Iterator[None]:
        """Find the index values of what has changed, and the keys that changed there."""
        before, self._before = self._before, {}
        for number, (key, old) in enumerate(before.items(), 1):
            if not number % STEP:
                yield
            for value in (old, self._index.of.data.get(key, MISSING)):
                if value is not MISSING:
                    for at in self._index.by(key, value):
                        found.setdefault(at, {})[key] = None


def crowded(index: Index[I, K, V], above: int, name: str = "crowded") -> Crowded[I, K, V]:
    """The entries found under values that have more than `above`."""
    return Crowded(index, above, name)
