"""Follows the Secrets that are wanted of one place, by asking again and again.

What a place says is the truth; what it fails to say is nothing: the last good stays, however long the place is away or
a Secret is not as it should be, until the place says that it is gone.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Iterable, Mapping

import msgspec

from daemun.api.core import Secret
from daemun.base.names import Name
from daemun.kube.pauses import growing
from daemun.sources.secrets.store import Store, StoreError

_AT_ONCE = 8
"""Secrets that are asked for at the same time."""
_ENOUGH = 4
"""So many questions in one round that get no answer say that the place is away; fewer are about those Secrets, if
others are answered."""


class Pace(msgspec.Struct, frozen=True):
    """Waiting times, in seconds."""

    refresh: float = 30.0
    """Between two rounds."""
    first: float = 0.5
    """Before the second attempt; every further one doubles it."""
    longest: float = 15.0
    """The longest pause before a place is tried again that is away."""
    patience: float = 10.0
    """How long everything waits for a place that does not answer."""


class Poller:
    """Asks one place. `told` is called whenever there is news in `take`, `complete` or `troubles`."""

    def __init__(
        self, store: Store, pace: Pace, told: Callable[[], None], held: Mapping[Name, Secret] | None = None
    ) -> None:
        self._store, self._pace, self._told = store, pace, told
        self.held = dict(held or {})
        """The last good of what is wanted."""
        self.errors = 0
        """How often it did not give what it was asked for."""
        self.heard = 0.0
        """When it answered last, in Unix time."""
        self.failure: StoreError | None = None
        """Why it gives nothing at all now."""
        self._refused: dict[Name, StoreError] = {}
        self._wanted: dict[Name, str] = {}  # the version that is held; empty: none
        self._unasked: set[Name] = set()  # wanted, and not answered yet
        self._awaited: set[Name] = set()  # those of them that everything waits for
        self._doubtful: set[Name] = set()  # those that are not answered, or were not the last time
        self._touched: set[Name] = set()
        self.slow = False
        """Whether it has not given in time what it was asked for last."""
        self._deadline: asyncio.TimerHandle | None = None
        self._asked = asyncio.Event()

    @property
    def complete(self) -> bool:
        """Whether nobody has to wait for it any more."""
        return not self._awaited

    def want(self, added: Iterable[Name], removed: Iterable[Name]) -> None:
        """The rules have begun to read these, and nobody reads those any more."""
        for name in added:
            if name not in self._wanted:
                self._wanted[name] = ""
                self._unasked.add(name)
                if not self.slow:
                    self._awaited.add(name)
                self._asked.set()
        for name in removed:
            self._wanted.pop(name, None)
            self._unasked.discard(name)
            self._awaited.discard(name)
            self._refused.pop(name, None)
            self._doubtful.discard(name)
            if self.held.pop(name, None) is not None:
                self._touched.add(name)
        self._time()

    def take(self) -> set[Name]:
        """The Secrets that may have changed since the last call."""
        touched, self._touched = self._touched, set()
        return touched

    @property
    def silent(self) -> bool:
        """Whether it has not said of everything yet what there is."""
        return not self.heard or bool(self._unasked)

    def troubles(self) -> list[tuple[Name | None, StoreError]]:
        """What is wrong now: with the place as a whole (no name), or with a Secret."""
        if self.failure is not None:
            return [(None, self.failure)]
        late = StoreError(f"takes more than {self._pace.patience:g} s to give what it is asked for")
        return [*([(None, late)] if self.slow else ()), *((one, self._refused[one]) for one in sorted(self._refused))]

    async def run(self) -> None:
        """Ask until cancelled."""
        failures, due, failing = 0, 0.0, 0.0
        try:
            while True:
                self._asked.clear()
                began = time.monotonic()
                names = self._unasked if self._unasked and began < due else self._wanted.keys()
                try:
                    await self._round(sorted(names, key=self._turn))
                except StoreError as error:
                    failures, due, failing = failures + 1, 0.0, failing or began
                    self.errors, self.failure = self.errors + 1, error
                    self.slow = self.slow or time.monotonic() - failing >= self._pace.patience
                    self._told()
                    chance = random.random()  # noqa: S311 - no secret
                    pause = growing(failures, self._pace.first, self._pace.longest, chance)
                    await asyncio.sleep(max(pause, min(error.after, self._pace.longest)))
                    continue
                failures, due, failing = 0, due if began < due else began + self._pace.refresh, 0.0
                self.slow, self.failure = time.monotonic() - began >= self._pace.patience, None
                self._told()
                await self._rest(due)
        finally:
            self._awaited.clear()
            self._time()
            await self._store.close()

    def _turn(self, name: Name) -> tuple[bool, bool, Name]:
        """What is new comes first, and what was not answered the last time comes last."""
        return name in self._doubtful, name not in self._unasked, name

    async def _rest(self, due: float) -> None:
        """Until the next round is due, or something new is wanted."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, due - time.monotonic())):
                await self._asked.wait()

    async def _round(self, names: list[Name]) -> None:
        """Ask for these. It ends when nobody is answered; what is not, while others are, is about one Secret."""
        await self._store.keep()
        turns = asyncio.Semaphore(_AT_ONCE)
        unanswered: dict[Name, StoreError] = {}

        async def ask(name: Name) -> None:
            async with turns:
                if len(unanswered) < _ENOUGH:
                    await self._ask(name, unanswered)

        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(ask(name))
        self._doubtful |= unanswered.keys() & self._wanted.keys()
        if unanswered and len(unanswered) >= min(_ENOUGH, len(names)):
            raise next(iter(unanswered.values()))
        for name, error in unanswered.items():
            self.errors += 1
            self._refuse(name, error)

    async def _ask(self, name: Name, unanswered: dict[Name, StoreError]) -> None:
        try:
            answer = await self._store.fetch(name, self._wanted.get(name, ""))
        except StoreError as error:
            if error.whole:
                unanswered[name] = error
                return
            self.errors += 1
            self._refuse(name, error)
            return
        self.heard = time.time()
        self._doubtful.discard(name)
        if name not in self._wanted:
            return
        self._refused.pop(name, None)
        if answer is not None:
            self._wanted[name] = answer.version
            if answer.secret is None:
                self.held.pop(name, None)
            else:
                self.held[name] = answer.secret
            self._touched.add(name)
        self._answered(name)

    def _refuse(self, name: Name, error: StoreError) -> None:
        if name in self._wanted:
            self._refused[name] = error
            self._answered(name)

    def _answered(self, name: Name) -> None:
        self._unasked.discard(name)
        self._awaited.discard(name)
        self._time()
        self._told()

    def _time(self) -> None:
        """Time runs while anybody waits, from when he began: nobody waits longer for a place that answers slowly."""
        if self._awaited and self._deadline is None:
            self._deadline = asyncio.get_running_loop().call_later(self._pace.patience, self._give_up)
        elif not self._awaited and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        """What is awaited is asked for like all others, and nobody waits for it, or for what is wanted next."""
        self._deadline, self.slow = None, True
        self._awaited.clear()
        self._told()
