"""Several collections seen as one."""

from collections import ChainMap

from daemun.flow.collection import MISSING, Collection, Delta, K, Missing, V


class Union(Collection[K, V]):
    """All entries of several collections, whose keys must be disjoint. It keeps no copy of them."""

    def __init__(self, parts: tuple[Collection[K, V], ...], name: str) -> None:
        super().__init__(parts[0].graph, name)
        self.data = ChainMap(*(part.data for part in parts))
        self._before: dict[K, V | Missing] = {}
        for part in parts:
            part.followers.append(self._follow)
            if part.data:
                self._follow({key: (MISSING, value) for key, value in part.data.items()})

    def _follow(self, delta: Delta[K, V]) -> None:
        for key, (old, _) in delta.items():
            # A key may move from one part to another in a batch: then only one of them had it before.
            if self._before.get(key, MISSING) is MISSING:
                self._before[key] = old
        self.graph.wake(self.rank)

    def run(self) -> Delta[K, V]:
        """Tell what changed, as it is in the parts now."""
        delta: Delta[K, V] = {}
        before, self._before = self._before, {}
        for key, old in before.items():
            new: V | Missing = self.data.get(key, MISSING)
            if old is not new:
                delta[key] = (old, new)
        return delta


def union(*parts: Collection[K, V], name: str = "union") -> Union[K, V]:
    """One collection of all the entries of `parts`."""
    return Union(parts, name)
