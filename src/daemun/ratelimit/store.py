"""Where the counts are. All requests that came at once are decided about at once, and nobody else in between.

A request is let through if every count of its has room for its hits, and only then are they counted: what is refused
uses up nothing. Counts that are only told (`shadow`) always have room.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from daemun.ratelimit.plan import Plan

SLICES = 100
"""The parts of a sliding window. A hit is forgotten up to one of them late, and so no window of its length, wherever it
begins, ever holds more than the quota: the error is a hundredth of the time, and to the side that is meant."""


class StoreError(Exception):
    """The store does not answer, or not as it should: nobody knows whether there is room."""


class Asked(NamedTuple):
    """So many requests with the same plan."""

    plan: Plan
    requests: int


class Decided(NamedTuple):
    """How many of them are let through: the first. For each count of the plan what it had before, and the milliseconds
    until it has room again (or, if it has room, more of it)."""

    admitted: int
    counts: Sequence[tuple[int, int]]


class Store(Protocol):
    """Counts, by name."""

    async def decide(self, asked: Sequence[Asked]) -> Sequence[Decided]:
        """Decide about requests, in their order. Raises StoreError."""

    async def close(self) -> None:
        """Give back what it holds."""
