"""Several collections seen as one."""

from collections.abc import Iterator, Mapping
from typing import Any

from daemun.flow.collection import Collection
from daemun.flow.values import LIGHT_STEP, MISSING, Delta, K, Missing, V


class _Parts(Mapping[K, V]):
    """The data of all parts. (A ChainMap does the same, and takes five times as long.)"""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[Mapping[K, V], ...]) -> None:
        self.parts = parts

    def get(self, key: K, default: Any = None) -> Any:
        for part in self.parts:
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
        for part in self.parts:
            yield from part

    def __len__(self) -> int:
        return sum(map(len, self.parts))


class Union(Collection[K, V]):
    """All entries of several collections, whose keys must be disjoint. It keeps no copy of them."""

    def __init__(self, parts: tuple[Collection[K, V], ...], name: str) -> None:
        super().__init__(parts[0].graph, name)
        self.data: _Parts[K, V] = _Parts(tuple(one for part in parts for one in _flat(part.data)))
        self._outside = _Parts(parts)
        self._changes: Delta[K, V] = {}
        self._new = True
        """Nothing of it was told yet."""
        for part in parts:
            part.followers.append(self._follow)
        if self.data:
            self.graph.wake(self.rank)

    # What is outside sees the parts as they were before a batch that rests.

    def __getitem__(self, key: K) -> V:
        return self._outside[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._outside)

    def __len__(self) -> int:
        return len(self._outside)

    def _follow(self, delta: Delta[K, V]) -> None:
        self.graph.wake(self.rank)
        if self._new:
            return
        changes = self._changes
        for key, change in delta.items():
            known = changes.setdefault(key, change)
            if known is not change:
                # A key may move from one part to another in a batch: then only one of them has it, and only one had it.
                changes[key] = (_of_two(known[0], change[0]), _of_two(known[1], change[1]))

    def run(self, delta: Delta[K, V]) -> Iterator[None]:
        """Tell what changed, as it is in the parts now."""
        if self._new:
            self._new = False
            for part in self.data.parts:
                for count, (key, value) in enumerate(part.items(), 1):
                    if not count % LIGHT_STEP:
                        yield
                    delta[key] = (MISSING, value)
            return
        changes, self._changes = self._changes, {}
        for count, (key, change) in enumerate(changes.items(), 1):
            if not count % LIGHT_STEP:
                yield
            if change[0] is not change[1]:
                delta[key] = change


def _flat(data: Mapping[K, V]) -> tuple[Mapping[K, V], ...]:
    return data.parts if isinstance(data, _Parts) else (data,)


def _of_two(one: V | Missing, other: V | Missing) -> V | Missing:
    return other if one is MISSING else one


def union(*parts: Collection[K, V], name: str = "union") -> Union[K, V]:
    """One collection of all the entries of `parts`."""
    return Union(parts, name)
