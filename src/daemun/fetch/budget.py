"""How much of what others say is in memory at once while it is read: so many bytes for all, and a share for each."""

from collections.abc import Iterator
from contextlib import contextmanager


class CrowdedError(Exception):
    """An owner is reading as much as it may."""

    def __init__(self) -> None:
        super().__init__("too much is being read at once")


class Budget:
    """`most` bytes.

    An owner may hold as much as it leaves: half of all if it is alone, and who comes then half of the rest. So there is
    always some for who comes.
    """

    def __init__(self, most: int) -> None:
        self.free = most
        self.held: dict[str, int] = {}

    @contextmanager
    def share(self, owner: str) -> Iterator["Share"]:
        """For one thing that is read, until that is done."""
        share = Share(self, owner)
        try:
            yield share
        finally:
            share.give_back()


class Share:
    """What one reading holds."""

    def __init__(self, budget: Budget, owner: str) -> None:
        self._budget = budget
        self._owner = owner
        self._bytes = 0

    def take(self, count: int) -> None:
        """So many bytes more. Raises CrowdedError."""
        budget = self._budget
        held = budget.held.get(self._owner, 0) + count
        if held > budget.free - count:
            raise CrowdedError
        budget.held[self._owner] = held
        budget.free -= count
        self._bytes += count

    def give_back(self) -> None:
        """All of it."""
        budget, left = self._budget, self._budget.held.get(self._owner, 0) - self._bytes
        budget.free += self._bytes
        self._bytes = 0
        if left:
            budget.held[self._owner] = left
        else:
            budget.held.pop(self._owner, None)
