"""When which object may be written: at once after a quiet time, at growing distances while it keeps changing.

The queue is by object, so it is never longer than there are objects, and the newest always wins. It knows no clock:
every call says what time it is.
"""

import heapq
from collections.abc import Callable

import msgspec

from daemun.base.names import Ref
from daemun.kube.pauses import growing

FIRST_GAP = 0.06
"""Seconds between the first two writes of an object; each further one doubles it."""
LONGEST_GAP = 0.5
"""Whoever fights with us over an object gets two answers a second, and no status is later than that."""
LONGEST_COUNT_GAP = 1.3
"""The same while nothing changes but how many routes are attached: a thousand new routes are few writes."""
QUIET = 3.0
"""After so many seconds without a write, the next one is at once."""
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
"""Seconds until an object that cannot be written is tried again; each failure doubles it."""

_CROWD = ("Gateway", "ListenerSet", "GatewayClass")
"""They are few and say something of many: they go before the many."""


class _Turn(msgspec.Struct):
    """What is known of one object."""

    due: float | None = None
    busy: bool = False
    earliest: float = 0.0
    written: float = float("-inf")
    writes: int = 0
    failures: int = 0


class Pace:
    """Which object's turn it is. `jitter` gives numbers between 0 and 1."""

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self._turns: dict[Ref, _Turn] = {}
        self._lines: tuple[list[tuple[float, Ref]], list[tuple[float, Ref]]] = ([], [])
        """The crowd's and that of the many: who is due, and when. What is not so any more is passed over."""

    def __len__(self) -> int:
        """How many objects wait for their turn or have it."""
        return sum(turn.busy or turn.due is not None for turn in self._turns.values())

    def touch(self, ref: Ref, at: float) -> None:
        """The object may have to be written: it gets a turn, not before `at`."""
        turn = self._turns.setdefault(ref, _Turn())
        at = max(at, turn.earliest)
        if turn.due is None or at < turn.due:
            turn.due = at
            if not turn.busy:
                self._enter(at, ref)

    def busy(self, ref: Ref) -> bool:
        """Whether it is the object's turn."""
        turn = self._turns.get(ref)
        return turn is not None and turn.busy

    def waits(self, ref: Ref) -> bool:
        """Whether the object is to get a turn, or another one."""
        turn = self._turns.get(ref)
        return turn is not None and turn.due is not None

    def take(self, now: float) -> Ref | None:
        """The next object whose turn it is. It gets no other turn before `done`."""
        for line in self._lines:
            while line and line[0][0] <= now:
                due, ref = heapq.heappop(line)
                turn = self._turns.get(ref)
                if turn is not None and turn.due == due and not turn.busy:
                    turn.due, turn.busy = None, True
                    return ref
        return None

    def done(self, ref: Ref) -> None:
        """The turn is over."""
        turn = self._turns.get(ref)
        if turn is not None and turn.busy:
            turn.busy = False
            if turn.due is not None:
                turn.due = max(turn.due, turn.earliest)
                self._enter(turn.due, ref)

    def wrote(self, ref: Ref, now: float) -> None:
        """The object was sent to the API server, whatever came of it."""
        turn = self._turns.setdefault(ref, _Turn())
        turn.writes = 1 if now - turn.written > QUIET else turn.writes + 1
        turn.written = now
        turn.failures = 0
        turn.earliest = self.after_write(ref, LONGEST_GAP)

    def after_write(self, ref: Ref, longest: float) -> float:
        """When the object may be written again, if no two writes need be further apart than `longest`."""
        turn = self._turns[ref]
        return turn.written + min(longest, FIRST_GAP * 2.0 ** min(turn.writes - 1, 16))

    def failed(self, ref: Ref, now: float) -> None:
        """The object could not be written: it is tried again, after a while."""
        turn = self._turns.setdefault(ref, _Turn())
        turn.failures += 1
        turn.earliest = now + pause(turn.failures, LONGEST_PAUSE, self._jitter())
        self.touch(ref, turn.earliest)

    def forget(self, ref: Ref) -> None:
        """The object is gone."""
        self._turns.pop(ref, None)

    def clear(self) -> None:
        """Nobody has a turn any more."""
        self._turns.clear()
        for line in self._lines:
            line.clear()

    def next(self) -> float | None:
        """When somebody's turn comes; None if nobody waits."""
        return min((line[0][0] for line in self._lines if line), default=None)

    def _enter(self, at: float, ref: Ref) -> None:
        heapq.heappush(self._lines[ref.kind not in _CROWD], (at, ref))


def pause(failures: int, longest: float, jitter: float) -> float:
    """How long to wait after the last of so many failures in a row."""
    return growing(failures, FIRST_PAUSE, longest, jitter)
