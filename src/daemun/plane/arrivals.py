"""Objects on their way into the translation: as they count now, few at once and many a slice at a time."""

import asyncio
from collections.abc import Callable, Iterable, Iterator

from daemun.flow import MISSING
from daemun.plane.backlog import Change
from daemun.plane.keeping import Keeping
from daemun.process.turns import Turns
from daemun.translate import Changes

MANY = 2000
"""Objects that are too many for one turn of the event loop, if only to be put where they belong."""
_STEP = 64


class Arrivals:
    """What came, and how it counts. `aged` gets what is to come again, because the time has passed that it was good."""

    def __init__(self, aged: Callable[[list[Change]], None]) -> None:
        self._keeping = Keeping()
        self._aged = aged
        self._aging: asyncio.TimerHandle | None = None
        self._waiting: list[list[Change]] = []

    def __bool__(self) -> bool:
        """Whether something waits to be taken with `many`."""
        return bool(self._waiting)

    def few(self, objects: Iterable[Change]) -> Changes | None:
        """What there is to take in now. None: it is too much at once, or comes after what was, and waits."""
        came = list(objects)
        if self._waiting or len(came) > MANY:
            self._waiting.append(came)
            return None
        changes: Changes = {}
        for _ in self._sorted(came, changes):
            pass
        self._await_age()
        return changes

    async def many(self) -> Changes:
        """What has waited longest, as one step."""
        changes: Changes = {}
        await Turns().through(self._sorted(self._waiting[0], changes))
        del self._waiting[0]
        self._await_age()
        return changes

    def _sorted(self, objects: list[Change], changes: Changes) -> Iterator[None]:
        for start in range(0, len(objects), _STEP):
            for ref, value in self._keeping.take(objects[start : start + _STEP]):
                changes.setdefault((ref.group, ref.kind), {})[ref.key] = MISSING if value is None else value
            yield

    def _await_age(self) -> None:
        """Look again when the next certificate expires."""
        if self._aging is not None:
            self._aging.cancel()
        due = self._keeping.due
        self._aging = None if due is None else asyncio.get_running_loop().call_later(due, self._age)

    def _age(self) -> None:
        self._aging = None
        if aged := self._keeping.aged():
            self._aged(aged)
        else:
            self._await_age()
