"""Several collections seen as one."""

from collections.abc import Iterable

from daemun.flow.collection import MISSING, Collection, Delta, K, Missing, V


class Union(Collection[K, V]):
    """All entries of several collections, whose keys must be disjoint."""

    def __init__(self, parts: tuple[Collection[K, V], ...], name: str) -> None:
        super().__init__(parts[0].graph, name)
        self._parts = parts
        self._dirty: dict[K, None] = {}
        for part in parts:
            part.followers.append(self._follow)
            if part.data:
                self._follow(part.data)

    def _follow(self, delta: Iterable[K]) -> None:
        self._dirty.update(dict.fromkeys(delta))
        self.graph.wake(self.rank)

    def run(self) -> Delta[K, V]:
        """Take over what changed, as it is in the parts now: a key may have moved from one to another."""
        delta: Delta[K, V] = {}
        dirty, self._dirty = self._dirty, {}
        for key in dirty:
            old: V | Missing = self.data.get(key, MISSING)
            new = self._find(key)
            if new is MISSING:
                self.data.pop(key, None)
            else:
                self.data[key] = new
            if old is not new:
                delta[key] = (old, new)
        return delta

    def _find(self, key: K) -> V | Missing:
        for part in self._parts:
            if key in part.data:
                return part.data[key]
        return MISSING


def union(*parts: Collection[K, V], name: str = "union") -> Union[K, V]:
    """One collection of all the entries of `parts`."""
    return Union(parts, name)
