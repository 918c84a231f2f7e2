"""Which keys of a source the rules read, so that an edge can fetch just those.

The bags in which a collection remembers its readers tell it: a key that comes into a bag was not read by that rule
before, and a key that leaves one may not be read by anybody any more.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from daemun.flow.collection import ALL

K = TypeVar("K", bound=Hashable)

Sink = Callable[[set[K], set[K]], None]
"""Told which keys are read now and were not before, and which are read no more."""


class _Noting(dict[Any, Any]):
    """Bags that note which keys came and went."""

    __slots__ = ("_touched",)

    def __init__(self, touched: set[Any]) -> None:
        super().__init__()
        self._touched = touched

    def __setitem__(self, key: Any, value: Any) -> None:
        if key not in self:
            self._touched.add(key)
        super().__setitem__(key, value)

    def __delitem__(self, key: Any) -> None:
        self._touched.add(key)
        super().__delitem__(key)


class Interest(Generic[K]):
    """Follows who reads a source. `readers` replaces the source's own table before anybody has read it."""

    def __init__(self, sink: Sink[K]) -> None:
        self._sink = sink
        self._touched: set[K] = set()
        self._read: set[K] = set()
        self.readers: defaultdict[Any, dict[Any, Any]] = defaultdict(lambda: _Noting(self._touched))

    def settled(self) -> None:
        """After a batch: tell what has changed."""
        if not self._touched:
            return
        touched = self._touched - {ALL}
        self._touched.clear()
        now = {key for key in touched if any(key in bags for bags in self.readers.values())}
        added, removed = now - self._read, (touched - now) & self._read
        self._read |= added
        self._read -= removed
        if added or removed:
            self._sink(added, removed)
