"""The journal: what changed for a person who watches. What is served and what is wrong, each told once per change."""

import itertools
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import msgspec

from daemun.base.names import Ref
from daemun.ir.problem import Problem
from daemun.report.summary import GatewayLine, Served, line
from daemun.translate import Translation


class FoundInFile(Protocol):
    """A problem that a source found in a file."""

    @property
    def file(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def ref(self) -> Ref | None: ...
    @property
    def where(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def mend(self) -> str: ...
    @property
    def warning(self) -> bool: ...


Place = Callable[[Ref, str], tuple[str, int]]
"""From an object and a field of it to a file and a line; ("", 0) when that is not known."""


class ProblemLine(msgspec.Struct, frozen=True, order=True, tag_field="event", tag="problem", rename="camel"):
    """One problem, where it is and how it is mended."""

    file: str
    line: int
    object: str
    field: str
    code: str
    text: str
    mend: str
    warning: bool = False

    def __str__(self) -> str:
        at = f"{self.file}:{self.line}: " if self.file else ""
        what = " ".join(part for part in (self.object, self.field) if part)
        return f"{at}{what}{': ' if what else ''}{self.text}"


class SolvedLine(msgspec.Struct, frozen=True, tag_field="event", tag="solved", rename="camel"):
    """A problem that is no more."""

    problem: ProblemLine


class GoneLine(msgspec.Struct, frozen=True, tag_field="event", tag="gone", rename="camel"):
    """A Gateway, ListenerSet or route that is no more."""

    object: str


class ProxyLine(msgspec.Struct, frozen=True, tag_field="event", tag="proxy", rename="camel"):
    """What happened to a proxy."""

    proxy: str
    what: str
    text: str


Line = Served | ProblemLine | SolvedLine | GoneLine | ProxyLine


def problem_line(problem: Problem, place: Place) -> ProblemLine:
    """A problem found by the translation, with the place of the field."""
    file, line = place(problem.ref, problem.where)
    return ProblemLine(
        file, line, str(problem.ref), problem.where, problem.code, problem.text, problem.mend, problem.warning
    )


def file_line(found: FoundInFile) -> ProblemLine:
    """A problem that a source found in a file."""
    ref = str(found.ref or "")
    return ProblemLine(found.file, found.line, ref, found.where, "Invalid", found.text, found.mend, found.warning)


class Journal:
    """Follows a translation and tells what has changed since it was last asked."""

    def __init__(self, translation: Translation, place: Place) -> None:
        self._translation = translation
        self._place = place
        self._touched: dict[Ref, None] = {}
        self._told: dict[Ref, int] = {}  # the hash of the line: it only has to be known when it is another
        self._outside: tuple[ProblemLine, ...] = ()
        self._problems: dict[Ref, tuple[ProblemLine, ...]] = {}
        self._known: dict[ProblemLine, None] = {}
        self._stale = False
        for collection in (translation.statuses, translation.problems):
            collection.subscribe(self._touch)

    def _touch(self, delta: dict[Ref, Any]) -> None:
        self._touched.update(dict.fromkeys(delta))

    def outside(self, problems: Iterable[FoundInFile]) -> None:
        """The problems that the source found, all of them."""
        self._outside = tuple(file_line(one) for one in problems)
        self._stale = True

    def problems(self) -> list[ProblemLine]:
        """Every problem there is, sorted by place."""
        return sorted(self._known)

    def lines(self, most: int | None = None) -> list[Line]:
        """What is new, problems last. With `most`, of no more objects than that: `more` says that there are others."""
        lines: list[Line] = []
        for ref in list(itertools.islice(self._touched, most)):
            del self._touched[ref]
            lines.extend(self._object(ref))
            found = self._translation.problems.get(ref, ())
            if found or ref in self._problems:
                self._stale = True
                self._problems[ref] = tuple(problem_line(problem, self._place) for problem in found)
            if not found:
                self._problems.pop(ref, None)
        lines.sort(key=lambda told: not isinstance(told, GatewayLine))
        return lines if self.more else lines + self._problem_changes()

    @property
    def more(self) -> bool:
        """Whether there is more to tell."""
        return bool(self._touched)

    def _object(self, ref: Ref) -> Iterable[Line]:
        new = line(self._translation, ref)
        if new is None:
            if self._told.pop(ref, None) is not None:
                yield GoneLine(str(ref))
        elif self._told.get(ref) != hash(new):
            self._told[ref] = hash(new)
            yield new

    def _problem_changes(self) -> list[Line]:
        if not self._stale:  # most news are acknowledgements, which change no problem
            return []
        self._stale = False
        within = (one for found in self._problems.values() for one in found)
        now = dict.fromkeys([*self._outside, *within])
        solved = [SolvedLine(one) for one in self._known if one not in now]
        fresh = sorted(one for one in now if one not in self._known)
        self._known = now
        return [*solved, *fresh]
