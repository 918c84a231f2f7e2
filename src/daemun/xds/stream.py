"""What the subscriptions of one stream share."""

from collections import Counter

from daemun.ir.resource import Filter, Part
from daemun.xds.events import Event
from daemun.xds.filters import Filters
from daemun.xds.wanted import Wanted
from daemun.xds.warm import BEFORE, Holds, Needed, Place, Warmth


class Users:
    """How many leaves that the client has, or is being sent, need each cluster and filter.

    `freed` are the filters that none of them needs any more.
    """

    def __init__(self) -> None:
        self._count: Counter[Needed] = Counter()
        self.freed: set[Filter] = set()

    def add(self, part: Part | None) -> None:
        """A part is sent to the client, or found there."""
        for leaf in part.leaves if part else ():
            self._count.update(leaf.needs)
            self._count.update(leaf.filters)

    def release(self, part: Part | None) -> None:
        """The client no longer has a part, or refused it."""
        for leaf in part.leaves if part else ():
            every: tuple[Needed, ...] = (*leaf.needs, *leaf.filters)
            for one in every:
                self._count[one] -= 1
                if not self._count[one]:
                    del self._count[one]
                    if isinstance(one, tuple):
                        self.freed.add(one)

    def need(self, one: Needed) -> bool:
        """Whether anything in the client needs the cluster or filter."""
        return one in self._count


class Stream:
    """The wanted resources, what is known of the client across types, and the outbox of events."""

    def __init__(self, wanted: Wanted, hold: float) -> None:
        self.wanted = wanted
        self.hold = hold
        self.warmth = Warmth(wanted)
        self.filters = Filters(wanted)
        self.holds = Holds(hold)
        self.users = Users()
        self.events: list[Event] = []
        self.woken: list[Place] = []
        self.revoked: set[Filter] = set()
        """Filters that the client refuses although it has leaves that need them: those are to be taken back."""
        self.foreign: set[tuple[str, str]] = set()
        """The routes (type URL, name) of which it is not known which filters they need."""
        self._serial = BEFORE + 1

    def wake(self, one: Needed) -> None:
        """A cluster or filter has come, or is not wanted any more: whoever waits for it is to be looked at."""
        self.woken += self.holds.woken(one)

    def wake_all(self, extension: str) -> None:
        """There is nothing to wait for any more of an extension."""
        for one in self.holds.filters_of(extension):
            self.wake(one)

    def next_serial(self) -> int:
        """The position in the stream of the next response."""
        self._serial += 1
        return self._serial
