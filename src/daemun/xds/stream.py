"""What the subscriptions of one stream share."""

from collections import Counter

from daemun.ir.resource import Part
from daemun.xds.events import Event
from daemun.xds.wanted import Wanted
from daemun.xds.warm import BEFORE, Holds, Place, Warmth


class Users:
    """How many leaves that the client has, or is being sent, need each cluster."""

    def __init__(self) -> None:
        self._count: Counter[str] = Counter()

    def add(self, part: Part | None) -> None:
        """A part is sent to the client, or found there."""
        for leaf in part.leaves if part else ():
            self._count.update(leaf.needs)

    def release(self, part: Part | None) -> None:
        """The client no longer has a part, or refused it."""
        for leaf in part.leaves if part else ():
            for cluster in leaf.needs:
                self._count[cluster] -= 1
                if not self._count[cluster]:
                    del self._count[cluster]

    def need(self, cluster: str) -> bool:
        """Whether anything in the client needs the cluster."""
        return cluster in self._count


class Stream:
    """The wanted resources, what is known of the client across types, and the outbox of events."""

    def __init__(self, wanted: Wanted, hold: float) -> None:
        self.wanted = wanted
        self.hold = hold
        self.warmth = Warmth(wanted)
        self.holds = Holds(hold)
        self.users = Users()
        self.events: list[Event] = []
        self.woken: list[Place] = []
        self._serial = BEFORE + 1

    def wake(self, cluster: str) -> None:
        """A cluster has become warm, or is not wanted any more: whoever waits for it is to be looked at."""
        self.woken += self.holds.woken(cluster)

    def next_serial(self) -> int:
        """The position in the stream of the next response."""
        self._serial += 1
        return self._serial
