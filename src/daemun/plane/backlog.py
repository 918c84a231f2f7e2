"""Changes that wait for their turn: each namespace has its own, so that who changes 50,000 objects holds nobody up."""

from collections import OrderedDict
from collections.abc import Iterable

from daemun.base.names import Ref

Change = tuple[Ref, object | None]
"""An object as it is now; None: it is gone."""
MOST = 1000
"""Changes that are taken in at once: some tenths of a second. With fewer, hosts are built anew more often."""


class Backlog:
    """What came, and is not yet taken in. Changes of a namespace keep their order; of an object the last one counts."""

    def __init__(self) -> None:
        self._waiting: dict[str, OrderedDict[Ref, object | None]] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, changes: Iterable[Change]) -> None:
        """Changes that wait from now on."""
        for ref, value in changes:
            self._waiting.setdefault(ref.namespace, OrderedDict())[ref] = value

    def next(self) -> list[Change]:
        """Whose turn it is: of each namespace its share, and at least one. What some do not need is the others'."""
        taken: list[Change] = []
        left = len(self._waiting)
        for namespace, mine in sorted(self._waiting.items(), key=lambda one: len(one[1])):
            share = max((MOST - len(taken)) // left, 1)
            taken.extend(mine.popitem(last=False) for _ in range(min(share, len(mine))))
            if not mine:
                del self._waiting[namespace]
            left -= 1
        return taken
