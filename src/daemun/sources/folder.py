"""The folder source: follows manifests in files and hands over what changes."""

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from daemun.base.names import Ref
from daemun.sources.batch import Batch
from daemun.sources.files import Key
from daemun.sources.reader import Folder, Hints, Step
from daemun.sources.watch import Notices, Watcher

POLL = 1.0
"""Seconds between two looks at all time stamps."""
_POLL_SHARE = 50
"""Looking at a large folder takes a processor's time; no more than one part in this many is spent on it."""

_QUIET = 0.2
"""Seconds without a change after which the good objects are remembered on disk."""
_UNREST = 5.0
"""Seconds after which they are remembered although there is no quiet."""

Sink = Callable[[Batch], None]


class FolderSource:
    """Follows the paths and calls `sink`, on the event loop, with each batch of changes in the order they happened.

    The first batch is everything there is. Reading and parsing happen in a worker thread. `state_dir` is where last
    good objects are remembered for the next start; without it they are remembered only while this runs. That is done
    when what was handed over is `served`, but not later than the next look at all files: to serve comes first.
    """

    def __init__(
        self,
        paths: Iterable[str | os.PathLike[str]],
        sink: Sink,
        state_dir: str | os.PathLike[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        poll: float = POLL,
        served: Callable[[], bool] = lambda: True,
    ) -> None:
        self._sink, self._clock, self._poll, self._served = sink, clock, poll, served
        self._remembered = clock()
        self._watcher: Watcher | None = None
        self.folder = Folder(paths, Path(state_dir) if state_dir is not None else None, self._watch)

    def place(self, ref: Ref, where: str = "") -> tuple[str, int]:
        """File and line of an object, or of a field of it. ("", 0) when it is not known."""
        return self.folder.place(ref, where)

    async def run(self) -> None:
        """Follows until cancelled."""
        notices = Notices()
        with Watcher(notices, self._linked) as self._watcher:
            hints = Hints(full=True)
            due = 0.0
            while True:
                started = self._clock()
                step, cost = await asyncio.to_thread(self._step, hints, started)
                if hints.full:
                    looked = self._clock()
                    due = looked + max(self._poll, _POLL_SHARE * cost, looked - started)
                    self._watcher.sweep()
                if step.batch is not None:
                    self._sink(step.batch)
                wake = due if step.wake is None else min(due, step.wake)
                hints = await self._news(notices, wake) or Hints()
                if self._clock() >= due:
                    hints.full, hints.patience = True, self._poll * 0.9

    def _step(self, hints: Hints, now: float) -> tuple[Step, float]:
        """A step, and what it took of a processor's time: on a busy machine it lasts longer, and costs no more."""
        began = time.thread_time()
        step = self.folder.step(hints, now)
        return step, time.thread_time() - began

    async def _news(self, notices: Notices, wake: float) -> Hints | None:
        """What happens until `wake`. In a quiet moment, when what changed is being served, it is also remembered."""
        try:
            told = await notices.take(min(wake - self._clock(), _QUIET))
            while told is None and not self._served() and self._clock() < wake:
                told = await notices.take(min(wake - self._clock(), _QUIET))
        except asyncio.CancelledError:
            self.folder.persist()
            raise
        if told is not None and self._clock() - self._remembered < _UNREST:
            return told
        await self._persist()
        self._remembered = self._clock()
        return told or await notices.take(wake - self._clock())

    async def _persist(self) -> None:
        """Remember what there is. What has been begun is done before the source ends."""
        persisting = asyncio.ensure_future(asyncio.to_thread(self.folder.persist))
        try:
            await asyncio.shield(persisting)
        finally:
            await asyncio.wait([persisting])

    def _watch(self, descriptor: int, key: Key) -> None:
        if self._watcher is not None:
            path = self.folder.tree.paths[key.root]
            only = "" if key.name or Path(path).is_dir() else Path(path).name
            self._watcher.add(descriptor, key, only)

    def _linked(self, key: Key) -> bool:
        """Whether the name is, or was, a symlink or one of several names of a file."""
        found = self.folder.tree.look(key)
        return key in self.folder.listing.links or (found is not None and found.linked)
