"""Several collections seen as one."""

from daemun.flow.collection import MISSING, Collection, Delta, K, V


class Union(Collection[K, V]):
    """All entries of several collections, whose keys must be disjoint."""

    def __init__(self, parts: tuple[Collection[K, V], ...], name: str) -> None:
        super().__init__(parts[0].graph, name)
        self._pending: list[Delta[K, V]] = []
        for part in parts:
            part.followers.append(self._follow)
            if part.data:
                self._follow({key: (MISSING, value) for key, value in part.data.items()})

    def _follow(self, delta: Delta[K, V]) -> None:
        self._pending.append(delta)
        self.graph.wake(self.rank)

    def run(self) -> Delta[K, V]:
        """Take over the changes of the parts."""
        out: Delta[K, V] = {}
        pending, self._pending = self._pending, []
        for delta in pending:
            for key, (old, new) in delta.items():
                first = out[key][0] if key in out else old
                if new is MISSING:
                    self.data.pop(key, None)
                else:
                    self.data[key] = new
                out[key] = (first, new)
        return out


def union(*parts: Collection[K, V], name: str = "union") -> Union[K, V]:
    """One collection of all the entries of `parts`."""
    return Union(parts, name)
