"""The distinct values of indexes, as a collection: what is used at all, by whomever."""

from collections.abc import Iterable, Iterator
from typing import Any

from daemun.flow.collection import Collection, Index
from daemun.flow.values import LIGHT_STEP, MISSING, Delta, I


class Distinct(Collection[I, I]):
    """Every value that occurs in at least one of the indexes. A tenth user of a value is no change."""

    def __init__(self, indexes: tuple[Index[I, Any, Any], ...], name: str) -> None:
        super().__init__(indexes[0].of.graph, name)
        self.data: dict[I, I] = {}
        self._indexes = indexes
        self._dirty: dict[I, None] = {}
        for index in indexes:
            index.followers.append(self._follow)
            if index.keys:
                self._follow(index.keys)

    def _follow(self, touched: Iterable[I]) -> None:
        self._dirty.update(dict.fromkeys(touched))
        self.graph.wake(self.rank)

    def run(self, delta: Delta[I, I]) -> Iterator[None]:
        """Tell which values appeared and which vanished."""
        dirty, self._dirty = self._dirty, {}
        for count, value in enumerate(dirty, 1):
            if not count % LIGHT_STEP:
                yield
            used = any(value in index.keys for index in self._indexes)
            if used and value not in self.data:
                self.data[value] = value
                delta[value] = (MISSING, value)
            elif not used and value in self.data:
                del self.data[value]
                delta[value] = (value, MISSING)


def distinct(*indexes: Index[I, Any, Any], name: str = "distinct") -> Distinct[I]:
    """The distinct values of the indexes."""
    return Distinct(indexes, name)
