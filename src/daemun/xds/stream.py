"""What the subscriptions of one stream share."""

import secrets
from collections import Counter
from collections.abc import Callable

from daemun.ir.resource import EXTENSION, SINCE, Filter, Leaf, Part, Side
from daemun.xds.events import Event
from daemun.xds.filters import Filters
from daemun.xds.stays import Stays
from daemun.xds.wanted import Wanted
from daemun.xds.warm import BEFORE, Holds, Led, Needed, Place, Warmth

MayRemove = Callable[[str, str, float], bool]
"""Whether the client may be told now that a resource (type URL, name) is gone."""


class Users:
    """How many leaves that the client has, or is being sent, need each cluster and filter, are of a side, or lead to a
    resource.

    `freed` are the filters that none of them needs any more, and the sides of which none is.
    """

    def __init__(self) -> None:
        self._count: Counter[Needed] = Counter()
        self.freed: set[Filter | Side] = set()

    def add(self, part: Part | None) -> None:
        """A part is sent to the client, or found there."""
        for leaf in part.leaves if part else ():
            self._count.update(_all(leaf))

    def release(self, part: Part | None) -> None:
        """The client no longer has a part, or refused it."""
        for leaf in part.leaves if part else ():
            for one in _all(leaf):
                self._count[one] -= 1
                if not self._count[one]:
                    del self._count[one]
                    if isinstance(one, tuple) and not isinstance(one, Led):
                        self.freed.add(one)

    def need(self, one: Needed) -> bool:
        """Whether anything in the client needs the cluster or filter, or is of the side."""
        return one in self._count


def _all(leaf: Leaf) -> tuple[Needed, ...]:
    needed: tuple[Needed, ...] = (*leaf.needs, *leaf.filters)
    if leaf.leads:
        needed = (*needed, Led(leaf.leads))
    return (*needed, leaf.side) if leaf.side else needed


class Stream:
    """The wanted resources, what is known of the client across types, and the outbox of events."""

    def __init__(self, wanted: Wanted, hold: float) -> None:
        self.wanted = wanted
        self.hold = hold
        self.since = secrets.token_hex(len(SINCE) // 2).encode()
        """What stands in the place of `SINCE`: another text in each stream."""
        self.warmth = Warmth(wanted)
        self.filters = Filters(wanted)
        self.holds = Holds(hold)
        self.stays = Stays(self.holds, hold)
        self.users = Users()
        self.events: list[Event] = []
        self.woken: list[Place] = []
        self.awaited: dict[str, set[Place]] = {}
        """The parts that are to lead to resources which the client does not have yet."""
        self.revoked: set[Filter] = set()
        """Filters that the client refuses although it has leaves that need them: those are to be taken back."""
        self.refuses: Callable[[str], bool] = lambda _: False
        """Whether the client refuses a cluster that is wanted."""
        self.starting = False
        """Whether the client is served nothing yet that waits for others to become warm: it would wait for that."""
        self.foreign: set[tuple[str, str]] = set()
        """The routes (type URL, name) of which it is not known which filters they need."""
        self._serial = BEFORE + 1

    def wake(self, one: Needed) -> None:
        """A cluster or filter has come, or is not wanted any more: whoever waits for it is to be looked at."""
        self.woken += self.holds.woken(one)

    def barred(self, leaf: Leaf) -> Side | None:
        """The other side of a leaf, if the client has it; nobody knows of which one foreign routes are."""
        if leaf.side is None:
            return None
        other = leaf.side.other
        return other if self.users.need(other) or (leaf.side.on and self.foreign) else None

    def blind(self, type_url: str) -> bool:
        """Whether nothing that was rejected may be tried without: routes that nobody knows may need any filter, and
        what the client has works.
        """
        return type_url == EXTENSION and bool(self.foreign)

    def wake_all(self, extension: str) -> None:
        """There is nothing to wait for any more of an extension."""
        for one in self.holds.filters_of(extension):
            self.wake(one)

    def told_filters(self) -> None:
        """It is known by now which extensions the client has asked for: for others nothing waits any more."""
        if self.filters.untold:
            self.filters.untold = False
            for extension in self.wanted.of_type(EXTENSION):
                self.wake_all(extension)

    def next_serial(self) -> int:
        """The position in the stream of the next response."""
        self._serial += 1
        return self._serial
