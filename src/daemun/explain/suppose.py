"""What would be wrong if an object were changed: it is put in, what is said about it is noted, and it is taken back.

The translation is as before afterwards, because incremental equals rebuilt. Whoever supposes has a translation of its
own: to anybody who follows it, a supposition looks like the real thing.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from daemun.base.names import Ref
from daemun.flow import MISSING
from daemun.ir.problem import Problem
from daemun.translate import Translation

Problems = tuple[Problem, ...]


class News(NamedTuple):
    """What is wrong with an object because of the change and was not wrong before."""

    errors: Problems = ()
    warnings: Problems = ()


class Suppositions:
    """One supposition at a time. `begin`, read `news`, `end`."""

    def __init__(self, translation: Translation) -> None:
        self._translation = translation
        self._real: dict[Ref, object | None] = {}
        self._before: dict[Ref, Problems] = {}
        self._active = False
        translation.problems.subscribe(self._note)

    def begin(self, ref: Ref, value: object | None) -> None:
        """Suppose that the object were this (None: gone)."""
        source = self._translation.sources[ref.group, ref.kind]
        self._before, self._active = {}, True
        self._real = {ref: source.get(ref.key)}
        self._translation.apply([(ref, value)])

    def apply(self, objects: Iterable[tuple[Ref, object | None]]) -> None:
        """Take over objects that have really changed. What is supposed stays so until the end."""
        real = dict(objects)
        self._real.update({ref: real.pop(ref) for ref in self._real.keys() & real.keys()})
        self._translation.apply(real.items())

    def news(self, ref: Ref) -> News:
        """What has become wrong with this object."""
        now = self._translation.problems.get(ref, ())
        before = set(self._before.get(ref, now))
        fresh = [problem for problem in now if problem not in before]
        return News(
            tuple(problem for problem in fresh if not problem.warning),
            tuple(problem for problem in fresh if problem.warning),
        )

    def others(self, ref: Ref) -> Iterable[Ref]:
        """The other objects about which something else is said now."""
        return [other for other in self._before if other != ref]

    def end(self) -> None:
        """Take it back."""
        self._active = False
        real, self._real = self._real, {}
        self._translation.apply(real.items())

    def _note(self, delta: Mapping[Ref, tuple[Any, Any]]) -> None:
        if self._active:
            for ref, (old, _) in delta.items():
                self._before.setdefault(ref, () if old is MISSING else old)
