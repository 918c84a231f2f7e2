"""What a collection was before a batch that is not over."""

from collections.abc import Iterator, Mapping

from daemun.flow.values import MISSING, Delta, K, V


class Earlier(Mapping[K, V]):
    """Its data as they were, by what has changed so far."""

    __slots__ = ("_data", "_delta")

    def __init__(self, data: Mapping[K, V], delta: Delta[K, V]) -> None:
        self._data, self._delta = data, delta

    def __getitem__(self, key: K) -> V:
        change = self._delta.get(key)
        if change is None:
            return self._data[key]
        if change[0] is MISSING:
            raise KeyError(key)
        return change[0]

    def __iter__(self) -> Iterator[K]:
        for key in self._data:
            if key not in self._delta:
                yield key
        for key, (old, _) in self._delta.items():
            if old is not MISSING:
                yield key

    def __len__(self) -> int:
        changed = self._delta
        gone = sum(old is not MISSING for old, _ in changed.values())
        return len(self._data) - sum(key in self._data for key in changed) + gone
