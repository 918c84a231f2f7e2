"""Objects that are there and cannot be read: nobody who refers to one is told that it does not exist."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import msgspec

from daemun.base.names import Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding, no_such
from daemun.ir.problem import Problem

Problems = tuple[Problem, ...]
Told = TypeVar("Told", Finding, Problem)
MEND = "Mend what is told of it."
"""What is wrong with such an object is told of itself, by whoever tried to read it."""


class Unread:
    """Knows which objects cannot be read, as the sources say."""

    def __init__(self, refs: Collection[Ref, bool]) -> None:
        self._refs = refs

    def said(self, reader: Reader, found: Iterable[Told]) -> tuple[Told, ...]:
        """The same, but of objects that only cannot be read it is said just that."""
        return tuple(self._said(reader, one) if one.absent else one for one in found)

    def problem_rule(self, reader: Reader, ref: Ref, problems: Problems) -> Iterator[tuple[Ref, Problems]]:
        """From the problems of an object to the same, as they are told."""
        yield ref, self.said(reader, problems)

    def _said(self, reader: Reader, one: Told) -> Told:
        for target in one.absent:
            if reader.get(self._refs, target):
                absent, unread = no_such(target), f"{target} cannot be read"
                text = one.text.replace(absent, unread) if absent in one.text else unread
                return msgspec.structs.replace(one, text=text, mend=MEND)
        return one
