"""Several collections seen as one."""

from collections.abc import Iterator, Mapping
from typing import Any

from daemun.flow.collection import Collection
from daemun.flow.values import LIGHT_STEP, MISSING, Delta, K, Missing, V


class _Parts(Mapping[K, V]):
    """The data of all parts. (A ChainMap does the same, and takes five times as long.)"""

    __slots__ = ("_parts",)

    def __init__(self, parts: tuple[Mapping[K, V], ...]) -> None:
        self._parts = parts

    def get(self, key: K, default: Any = None) -> Any:
        for part in self._parts:
            found = part.get(key, MISSING)
            if found is not MISSING:
                return found
        return default

    def __getitem__(self, key: K) -> V:
        found: V | Missing = self.get(key, MISSING)
        if found is MISSING:
            raise KeyError(key)
        return found

    def __iter__(self) -> Iterator[K]:
        for part in self._parts:
            yield from part

    def __len__(self) -> int:
        return sum(map(len, self._parts))


class Union(Collection[K, V]):
    """All entries of several collections, whose keys must be disjoint. It keeps no copy of them."""

    def __init__(self, parts: tuple[Collection[K, V], ...], name: str) -> None:
        super().__init__(parts[0].graph, name)
        self.data = _Parts(tuple(part.data for part in parts))
        self._outside = _Parts(parts)
        self._before: dict[K, V | Missing] = {}
        for part in parts:
            part.followers.append(self._follow)
            if part.data:
                self._follow({key: (MISSING, value) for key, value in part.data.items()})

    # What is outside sees the parts as they were before a batch that rests.

    def __getitem__(self, key: K) -> V:
        return self._outside[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._outside)

    def __len__(self) -> int:
        return len(self._outside)

    def _follow(self, delta: Delta[K, V]) -> None:
        for key, (old, _) in delta.items():
            # A key may move from one part to another in a batch: then only one of them had it before.
            if self._before.get(key, MISSING) is MISSING:
                self._before[key] = old
        self.graph.wake(self.rank)

    def run(self, delta: Delta[K, V]) -> Iterator[None]:
        """Tell what changed, as it is in the parts now."""
        before, self._before = self._before, {}
        for count, (key, old) in enumerate(before.items(), 1):
            if not count % LIGHT_STEP:
                yield
            new: V | Missing = self.data.get(key, MISSING)
            if old is not new:
                delta[key] = (old, new)


def union(*parts: Collection[K, V], name: str = "union") -> Union[K, V]:
    """One collection of all the entries of `parts`."""
    return Union(parts, name)
