"""What has changed, until it is handed over: changes that come together are one batch."""

import asyncio
import math
import time
from collections.abc import Callable

from daemun.base.names import Ref
from daemun.ir.problem import Problem
from daemun.sources.batch import Batch, FileProblem
from daemun.sources.kube.backoff import Pace
from daemun.sources.views import KEPT


class Outbox:
    """Collects changes and hands them to `changed` when `ready` says so: the first batch even if it is empty.

    It knows what it has handed over, so that only what differs from that is news.
    """

    def __init__(self, changed: Callable[[Batch], None], ready: Callable[[], bool], pace: Pace) -> None:
        self._changed, self._ready, self._pace = changed, ready, pace
        self._given: dict[Ref, object | None] = {}
        self._news: dict[Ref, object | None] = {}
        self._problems: dict[Ref, FileProblem] = {}
        self._owed = True
        self._stir = asyncio.Event()
        self.opened = False
        """Whether the first batch was handed over."""

    def put(self, ref: Ref, value: object | None) -> None:
        """An object is so now; None: it is gone."""
        if value == self._given.get(ref):
            self._news.pop(ref, None)
        else:
            self._news[ref] = value
            self._stir.set()

    def has(self, ref: Ref) -> bool:
        """Whether there is such an object, handed over or about to be."""
        return self._news.get(ref, self._given.get(ref)) is not None

    def note(self, ref: Ref, problem: Problem | None) -> None:
        """What is wrong with an object; None: nothing."""
        if problem is not None:
            text = f"{problem.text}; {KEPT}" if self.has(ref) else problem.text
            self._problems[ref] = FileProblem("", 0, ref, problem.where, text, problem.mend)
        elif self._problems.pop(ref, None) is None:
            return
        self.owe()

    def poke(self) -> None:
        """It may be ready now."""
        self._stir.set()

    def owe(self) -> None:
        """There is to be a batch, whatever is in it: because something was asked for, and is on its way."""
        self._owed = True
        self._stir.set()

    async def stirred(self) -> None:
        """Until something has happened since the last `flush`."""
        await self._stir.wait()

    async def run(self) -> None:
        """Hand over until cancelled."""
        rested = crowded = -math.inf
        while True:
            await self.stirred()
            # What comes alone goes at once, with all that came in the same turn of the event loop: who puts it in was
            # woken before this. Of what follows on something, more may be on its way.
            began = time.perf_counter()
            if began <= crowded:
                await asyncio.sleep(max(rested - began, 0.0) + self._pace.soon)
                began = time.perf_counter()
            if self.flush():
                # A small change that follows soon does not wait; a storm leaves most of the time to all else.
                ended = time.perf_counter()
                crowded = ended + self._pace.rest
                rested = ended + min(self._pace.rest, (ended - began) * self._pace.ease)

    def flush(self) -> bool:
        """Hand over what there is, if it is time; whether a batch was handed over."""
        self._stir.clear()
        if not (self._news or self._owed) or not self._ready():
            return False
        objects, self._news = self._news, {}
        self._given.update(objects)
        for ref in [ref for ref, value in objects.items() if value is None]:
            del self._given[ref]
        self._owed, self.opened = False, True
        problems = sorted(self._problems.values(), key=lambda one: str(one.ref))
        self._changed(Batch(objects, tuple(problems), complete=True))
        return True
