"""From the views of all files to one set of objects.

An object belongs to the first file, in path order, that has it. It appears and changes at once, but it disappears only
when it has been missing for a moment: a file cut short that is still valid YAML is what a half-written file looks
like, and an editor that saves by renaming leaves a gap of a millisecond.
"""

from bisect import insort
from collections.abc import Callable
from typing import NamedTuple

from daemun.base.names import Ref
from daemun.sources.batch import FileProblem
from daemun.sources.files import Key
from daemun.sources.views import Claim, View, duplicate

GRACE = 0.1
"""How long an object may be missing before it is gone, in seconds."""
EMPTY_GRACE = 1.0
"""The same, when the file it was in is empty now."""


class _Leaving(NamedTuple):
    until: float
    file: Key


class _Served(NamedTuple):
    value: object
    file: Key


class Catalog:
    """All objects of all files, kept up to date by `put` and handed out by `commit`."""

    def __init__(self) -> None:
        self.views: dict[Key, View] = {}
        self.served: dict[Ref, _Served] = {}
        self.leaving: dict[Ref, _Leaving] = {}
        self._files: dict[Ref, list[Key]] = {}
        self._dirty: dict[Ref, None] = {}
        self._twice: set[Ref] = set()
        self._noted: set[Key] = set()

    def put(self, key: Key, new: View | None) -> None:
        """Replaces what a file stands for; None when it is gone."""
        old = self.views.pop(key, None)
        before = old.claims if old else {}
        after = new.claims if new else {}
        if new is not None:
            self.views[key] = new
        (self._noted.add if new and (new.problems or new.unknown) else self._noted.discard)(key)
        for ref in before:
            if ref not in after:
                self._files[ref].remove(key)
                self._dirty[ref] = None
        for ref, claim in after.items():
            known = before.get(ref)
            if known is None:
                insort(self._files.setdefault(ref, []), key)
            if known is None or (known.value is not claim.value and known.value != claim.value):
                self._dirty[ref] = None

    def claim(self, ref: Ref) -> tuple[Key, Claim] | None:
        """Where an object is defined."""
        files = self._files.get(ref)
        return (files[0], self.views[files[0]].claims[ref]) if files else None

    def overdue(self, now: float) -> set[Key]:
        """Files whose missing objects are about to go: time to look once more."""
        return {leaving.file for leaving in self.leaving.values() if leaving.until <= now}

    def wake(self) -> float | None:
        """When the next object is due to go."""
        return min((leaving.until for leaving in self.leaving.values()), default=None)

    def commit(self, now: float) -> dict[Ref, object | None]:
        """What is new since the last commit. Objects that are missing are due later, see `wake`."""
        changed: dict[Ref, object | None] = {}
        for ref in self._dirty:
            files = self._files.get(ref, ())
            (self._twice.add if len(files) > 1 else self._twice.discard)(ref)
            served = self.served.get(ref)
            if files:
                self.leaving.pop(ref, None)
                value = self.views[files[0]].claims[ref].value
                self.served[ref] = _Served(value, files[0])
                if served is None or served.value != value:
                    changed[ref] = value
                continue
            self._files.pop(ref, None)
            if served is not None and ref not in self.leaving:
                self.leaving[ref] = _Leaving(now + self.grace(served.file), served.file)
        self._dirty.clear()
        for ref in [ref for ref, leaving in self.leaving.items() if leaving.until <= now]:
            del self.leaving[ref], self.served[ref]
            changed[ref] = None
        return changed

    def postpone(self, file: Key, now: float) -> None:
        """The file has just changed again: its missing objects get another moment."""
        until = now + self.grace(file)
        for ref, leaving in self.leaving.items():
            if leaving.file == file and leaving.until <= now:
                self.leaving[ref] = _Leaving(until, file)

    def grace(self, file: Key) -> float:
        """How long what is missing from this file may be missing."""
        view = self.views.get(file)
        return EMPTY_GRACE if view is not None and view.empty else GRACE

    def problems(self, shown: Callable[[Key], str]) -> list[FileProblem]:
        """Everything that is wrong in files, and what is left alone because its kind is not known."""
        found: list[FileProblem] = []
        unknown: dict[str, list[tuple[Key, int, int]]] = {}
        for key in sorted(self._noted):
            found += self.views[key].problems
            for kind, (count, line) in self.views[key].unknown.items():
                unknown.setdefault(kind, []).append((key, count, line))
        for ref in self._twice:
            first, *others = self._files[ref]
            kept = self.views[first].claims[ref]
            for key in others:
                other = self.views[key].claims[ref]
                if other.value != kept.value:  # said twice in the same words is no contradiction
                    found.append(duplicate(shown(key), other.line, ref, shown(first), kept.line))
        for kind, places in unknown.items():
            first, _, line = places[0]
            count = sum(each for _, each, _ in places)
            text = f"Daemun does not know the kind {kind}; {count} object{'s' * (count > 1)} left alone"
            found.append(FileProblem(shown(first), line, None, "", text, warning=True))
        return found
