"""The folder as a whole, without any waiting: what `load` reads once and `FolderSource` reads again and again.

Everything here is synchronous and time is an argument, so that the order of events can be tested to the last corner.
"""

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

from daemun.base.names import Ref
from daemun.sources import documents, views, yamldoc
from daemun.sources.batch import Batch, FileProblem
from daemun.sources.beneath import Stamp, Unusable
from daemun.sources.catalog import GRACE, Catalog
from daemun.sources.documents import Spot
from daemun.sources.files import MAX_FILES, Found, Key, Listing, Tree, Watch, shown, within
from daemun.sources.memory import Memory
from daemun.sources.views import KEPT, View

_RACE_NS = 50_000_000
"""A file read this soon after its last change may have changed again without a trace in its time stamp."""


class Hints(msgspec.Struct):
    """What may have changed. Files `told` and all in `moved` folders are known to be complete and are read at once;
    others that look changed are read when they have rested for `patience` seconds. `full` looks at everything."""

    told: set[Key] = msgspec.field(default_factory=set)
    moved: set[Key] = msgspec.field(default_factory=set)
    full: bool = False
    patience: float = GRACE


class Step(NamedTuple):
    """What a step brought, if anything, and when the next one is due even if nothing happens."""

    batch: Batch | None
    wake: float | None


class File(NamedTuple):
    """A file as it was read last. Without a stamp it is read again when it is seen again."""

    stamp: Stamp | None
    spots: tuple[Spot, ...] = ()
    refusal: Unusable | None = None
    raced: bool = False


class _Wait(NamedTuple):
    stamp: Stamp | None
    until: float


class Folder:
    """Objects and problems of everything below the paths."""

    def __init__(
        self, paths: Iterable[str | os.PathLike[str]], state_dir: Path | None = None, watch: Watch | None = None
    ) -> None:
        self.tree = Tree(tuple(os.fspath(path) for path in paths))
        self.files: dict[Key, File] = {}
        self.listing = Listing()
        self._catalog = Catalog()
        self._memory = Memory(self.tree, state_dir)
        self._watch = watch
        self._waiting: dict[Key, _Wait] = {}
        self._last: Batch | None = None
        self._lines: dict[bytes, dict[str, int]] = {}

    def load(self) -> Batch:
        """Reads everything, once."""
        batch = self.step(Hints(full=True), 0.0).batch
        return batch or Batch({}, (), complete=True)

    def step(self, hints: Hints, now: float) -> Step:
        """Looks at what may have changed and says what did."""
        self._memory.forget(now)
        if self._last is None or hints.full or any(self._tangled(key) for key in hints.told):
            self._walk(hints, now)
        else:
            rested = {key for key, wait in self._waiting.items() if wait.until <= now}
            seen = {key: self.tree.look(key) for key in sorted(hints.told | rested)}
            # What is gone comes first: it may be known again by another name.
            for key in sorted(seen, key=lambda key: seen[key] is not None):
                self._examine(key, seen[key], now, hints)
        for key in self._catalog.overdue(now) & self.files.keys():
            before = self.files[key]
            self._examine(key, self.tree.look(key), now, Hints(told={key}))
            if self.files.get(key, before)[:2] != before[:2]:
                self._catalog.postpone(key, now)
        objects = self._catalog.commit(now)
        batch = Batch(objects, self._problems(), not self.listing.holes)
        news = self._last is None or objects or batch.problems != self._last.problems
        news = news or batch.complete != (self._last is not None and self._last.complete)
        self._last = msgspec.structs.replace(batch, objects={})
        return Step(batch if news else None, self._wake())

    def persist(self) -> None:
        """Remembers on disk what is good, for the next start. To be called after a step, when there is time."""
        self._memory.persist(self._catalog.views)

    def place(self, ref: Ref, where: str = "") -> tuple[str, int]:
        """File and line of an object, or of a field of it. ("", 0) when it is not known."""
        found = self._catalog.claim(ref)
        if found is None:
            return "", 0
        key, claim = found
        file = self.files.get(key)
        name = shown(self.tree.path(key))
        if not where or claim.held or file is None or claim.chunk >= len(file.spots):
            return name, claim.line
        spot = file.spots[claim.chunk]
        path = f"{claim.within}.{where}" if claim.within else where
        return name, spot.line + 1 + yamldoc.nearest(self._lines_of(key, spot), path, claim.line - 1 - spot.line)

    def _lines_of(self, key: Key, spot: Spot) -> dict[str, int]:
        """The lines of a document's fields, read again from the file: they are asked for rarely."""
        digest = spot.chunk.digest
        if digest not in self._lines:
            try:
                text = self.tree.read(key)[0][spot.offset : spot.offset + spot.size]
            except Unusable:
                return {}
            if documents.digest(text) != digest:
                return {}
            if len(self._lines) >= 64:
                self._lines.clear()
            self._lines[digest] = yamldoc.lines_of(text)
        return self._lines[digest]

    def _tangled(self, key: Key) -> bool:
        """Whether looking at this one file is not enough to know what has become of it."""
        found = self.tree.look(key)
        return found is not None and (found.linked or (key not in self.files and len(self.files) >= MAX_FILES))

    def _walk(self, hints: Hints, now: float) -> None:
        """Looks at every file, and reads those that have changed."""
        self.listing = listing = self.tree.list(self._watch)
        for key in [key for key in self.files if key not in listing.files and not listing.in_hole(key)]:
            self._gone(key, now)
        if self._last is None and listing.holes:
            for key, view in self._memory.all():
                if key not in listing.files and listing.in_hole(key):
                    self.files[key] = File(None)
                    self._catalog.put(key, view)
        for key, found in listing.files.items():
            self._examine(key, found, now, hints)
        for key in self._waiting.keys() - listing.files.keys():
            del self._waiting[key]

    def _examine(self, key: Key, found: Found | None, now: float, hints: Hints) -> None:
        """Reads a file if it has changed and is complete."""
        file = self.files.get(key)
        if found is None:
            if file is not None and not self.listing.in_hole(key):
                self._gone(key, now)
            self._waiting.pop(key, None)
        elif found.refusal is not None:
            self._waiting.pop(key, None)
            if file is None or file.refusal != found.refusal:
                self._store(key, File(found.stamp, file.spots if file else (), found.refusal), now)
        elif self._certain(key, file, found, hints):
            self._read(key, found, now)
        elif file is not None and file.stamp == found.stamp and not file.raced:
            self._waiting.pop(key, None)
        else:
            wait = self._waiting.get(key)
            if wait is None or wait.stamp != found.stamp:
                self._waiting[key] = _Wait(found.stamp, now + hints.patience)
            elif wait.until <= now:
                self._read(key, found, now)

    def _certain(self, key: Key, file: File | None, found: Found, hints: Hints) -> bool:
        """Whether the file is known not to be half written."""
        if self._last is None or key in hints.told or any(within(key, folder) for folder in hints.moved):
            return True
        if file is not None and file.raced and file.stamp == found.stamp:
            return True
        replaced = file is None or file.stamp is None or found.stamp is None or file.stamp[:2] != found.stamp[:2]
        return found.linked and replaced  # a symlink was turned to another file, as Kubernetes does with volumes

    def _read(self, key: Key, found: Found, now: float) -> None:
        self._waiting.pop(key, None)
        file = self.files.get(key)
        try:
            data, stamp = self.tree.read(key)
            known = file.spots if file else self._memory.spots(key, stamp)
            spots = documents.read(key.name or self.tree.path(key), data, known, self._memory.enabled)
        except Unusable as why:
            if why.gone:
                self._gone(key, now)
            elif why.busy and file is not None:
                self._waiting[key] = _Wait(found.stamp, now + GRACE)
            else:
                self._store(key, File(None, file.spots if file else (), why), now)
        except yamldoc.Refused as why:
            self._store(key, File(stamp, known, Unusable(why.text, why.mend)), now)
        else:
            if stamp == found.stamp:
                stamp = found.stamp  # one of two equal ones, for each of thousands of files
            raced = abs(time.time_ns() - stamp.mtime) < _RACE_NS
            self._store(key, File(stamp, spots, None, raced), now)

    def _store(self, key: Key, file: File, now: float) -> None:
        """Takes over a file as it was just read."""
        current = self._catalog.views.get(key)
        sound = file.refusal is None and not any(documents.faulty(spot.chunk) for spot in file.spots)
        before = None if sound else self._memory.before(key, current, file.stamp)
        name = shown(self.tree.path(key))
        if file.refusal is not None:
            view = views.unusable(name, file.refusal, before)
        else:
            view = views.view(name, file.spots, before)
        self._put(key, view, file, now)

    def _put(self, key: Key, view: View, file: File, now: float) -> None:
        former, current = self.files.get(key), self._catalog.views.get(key)
        self.files[key] = file
        self._catalog.put(key, view)
        if current is not None and former is not None and not view.claims.keys() >= current.claims.keys():
            self._memory.fade(key, current, former.stamp, former.spots, now + self._catalog.grace(key))
        self._memory.touch(key)

    def _gone(self, key: Key, now: float) -> None:
        self._waiting.pop(key, None)
        file, view = self.files.pop(key, None), self._catalog.views.get(key)
        if file is not None and view is not None:
            self._memory.fade(key, view, file.stamp, file.spots, now + GRACE)
        self._catalog.put(key, None)

    def _wake(self) -> float | None:
        times = [wait.until for wait in self._waiting.values()]
        times += [each for each in (self._catalog.wake(), self._memory.wake()) if each is not None]
        return min(times, default=None)

    def _problems(self) -> tuple[FileProblem, ...]:
        problems = self._catalog.problems(lambda key: shown(self.tree.path(key)))
        for key, why in self.listing.notes:
            kept = any(within(file, key) and self.listing.in_hole(file) for file in self.files)
            text = f"{why.text}; {KEPT}" if kept else why.text
            problems.append(FileProblem(shown(self.tree.path(key)), 0, None, "", text, why.mend))
        if self._memory.failure:
            problems.append(FileProblem(*self._memory.failure, warning=True))
        return tuple(sorted(problems, key=lambda problem: problem.order))


def load(paths: Iterable[str | os.PathLike[str]]) -> Batch:
    """Everything below the paths, read once. `Folder(paths)` does the same and can say where an object is."""
    return Folder(paths).load()
