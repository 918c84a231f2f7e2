"""What is kept in memory for policies of several namespaces, in so many bytes and no more.

A policy names who says how much there is to be kept: an issuer of its own. When it is full, what goes is the oldest of
the namespace that has the most, so that nobody's memory is used up by somebody else.
"""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

_EACH = 256
"""What a value takes beside its own bytes, about."""
V = TypeVar("V")


class Kept(Generic[V]):
    """Values by key, each of a namespace that keeps it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: dict[Hashable, tuple[V, int, str]] = {}
        self._keys: dict[str, OrderedDict[Hashable, None]] = {}
        self._bytes: dict[str, int] = {}
        self._total = 0

    def get(self, key: Hashable) -> V | None:
        """The value, if it is there yet."""
        found = self._values.get(key)
        return None if found is None else found[0]

    def used(self, key: Hashable) -> None:
        """It goes later than what was not used since."""
        if (found := self._values.get(key)) is not None:
            self._keys[found[2]].move_to_end(key)

    def put(self, key: Hashable, value: V, size: int, namespace: str) -> None:
        """Keep a value of so many bytes, in the place of any other of this key, if there can be room for it."""
        self.pop(key)
        size += _EACH
        if size > self._most:
            return
        self._values[key] = value, size, namespace
        self._keys.setdefault(namespace, OrderedDict())[key] = None
        self._bytes[namespace] = self._bytes.get(namespace, 0) + size
        self._total += size
        while self._total > self._most:
            fullest = max(self._bytes, key=self._bytes.__getitem__)
            self.pop(next(iter(self._keys[fullest])))

    def pop(self, key: Hashable) -> None:
        """Forget it."""
        found = self._values.pop(key, None)
        if found is None:
            return
        _, size, namespace = found
        del self._keys[namespace][key]
        self._bytes[namespace] -= size
        self._total -= size
        if not self._keys[namespace]:
            del self._keys[namespace], self._bytes[namespace]
