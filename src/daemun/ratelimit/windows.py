"""Counts with a window, as values: what there is in it now, and when that changes. Times are milliseconds.

`script.lua` says the same for Redis; tests/laws/test_limit_laws.py compares both with the definition.

A clock that is set back by no more than a window counts as one that stands: nobody gets another quota because it was
put right a little. What was counted further ahead is forgotten, or nobody would find room until the clock is there.
"""

from daemun.ir.quotas import Quota
from daemun.ratelimit.store import SLICES


class Window:
    """The hits of one count. `end` is when nothing of it counts any more."""

    __slots__ = ("end", "slices", "total")

    def __init__(self) -> None:
        self.total = 0
        self.end = 0
        self.slices: list[list[int]] = []
        """Of a sliding window: the numbers of its slices that have hits, and how many; the oldest first."""

    def look(self, quota: Quota, now: int) -> None:
        """Forget what does not count any more."""
        span = quota.seconds * 1000
        if not quota.sliding:
            if not now < self.end <= now + 2 * span:
                self.total, self.end = 0, (now // span + 1) * span
            return
        at = now // width(quota)
        while self.slices and self.slices[0][0] < at - SLICES:
            self.total -= self.slices.pop(0)[1]
        while self.slices and self.slices[-1][0] > at + SLICES:
            self.total -= self.slices.pop()[1]

    def add(self, quota: Quota, now: int, hits: int) -> None:
        """Count hits."""
        self.total += hits
        if not quota.sliding:
            return
        at = now // width(quota)
        if self.slices and self.slices[-1][0] >= at:
            self.slices[-1][1] += hits
        else:
            self.slices.append([at, hits])
        self.end = (self.slices[-1][0] + SLICES + 1) * width(quota)

    def reset(self, quota: Quota, now: int, hits: int) -> int:
        """The time until there is room for so many hits; if there is room, until there is more."""
        if not quota.sliding:
            return self.end - now
        left = self.total
        for at, count in self.slices:
            left -= count
            if left + hits <= quota.requests:
                return max((at + SLICES + 1) * width(quota) - now, 0)
        return 0 if not self.slices else max(self.end - now, 0)


def width(quota: Quota) -> int:
    """The length of a slice."""
    return quota.seconds * 1000 // SLICES
