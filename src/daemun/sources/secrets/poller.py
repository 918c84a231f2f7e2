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
        self._awaited: set[Name] = set()  # wanted, and not answered yet
        self._touched: set[Name] = set()
        self._since = 0.0
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
                if not self._given_up:
                    self._awaited.add(name)
                self._asked.set()
        for name in removed:
            self._wanted.pop(name, None)
            self._awaited.discard(name)
            self._refused.pop(name, None)
            if self.held.pop(name, None) is not None:
                self._touched.add(name)

    def take(self) -> set[Name]:
        """The Secrets that may have changed since the last call."""
        touched, self._touched = self._touched, set()
        return touched

    def troubles(self) -> list[tuple[Name | None, StoreError]]:
        """What is wrong now: with the place as a whole (no name), or with a Secret."""
        if self.failure is not None:
            return [(None, self.failure)]
        return [(name, self._refused[name]) for name in sorted(self._refused)]

    async def run(self) -> None:
        """Ask until cancelled."""
        failures, due = 0, 0.0
        try:
            while True:
                self._asked.clear()
                began = time.monotonic()
                names = self._awaited if self._awaited and began < due else self._wanted.keys()
                try:
                    await self._round(sorted(names))
                except StoreError as error:
                    failures, due = failures + 1, 0.0
                    self._fail(error, began)
                    pause = growing(failures, self._pace.first, self._pace.longest, random.random())  # noqa: S311
                    await asyncio.sleep(max(pause, min(error.after, self._pace.longest)))
                    continue
                failures, due = 0, due if began < due else began + self._pace.refresh
                self._since, self.failure = 0.0, None
                self._told()
                await self._rest(due)
        finally:
            await self._store.close()

    async def _rest(self, due: float) -> None:
        """Until the next round is due, or something new is wanted."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, due - time.monotonic())):
                await self._asked.wait()

    async def _round(self, names: list[Name]) -> None:
        """Ask for these. The first failure of the place ends it."""
        await self._store.keep()
        turns = asyncio.Semaphore(_AT_ONCE)

        async def ask(name: Name) -> None:
            async with turns:
                await self._ask(name)

        try:
            async with asyncio.TaskGroup() as group:
                for name in names:
                    group.create_task(ask(name))
        except BaseExceptionGroup as errors:
            first = next((one for one in errors.exceptions if isinstance(one, StoreError)), None)
            raise first or errors from None

    async def _ask(self, name: Name) -> None:
        try:
            answer = await self._store.fetch(name, self._wanted.get(name, ""))
        except StoreError as error:
            if error.whole:
                raise
            self.errors += 1
            if name in self._wanted:
                self._refused[name] = error
                self._answered(name)
            return
        self.heard = time.time()
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

    def _answered(self, name: Name) -> None:
        self._awaited.discard(name)
        self._told()

    def _fail(self, error: StoreError, began: float) -> None:
        self.errors += 1
        self._since = self._since or began
        self.failure = error
        if self._given_up:
            self._awaited.clear()  # they are asked for in the next round, like all others
        self._told()

    @property
    def _given_up(self) -> bool:
        return bool(self._since) and time.monotonic() - self._since >= self._pace.patience
