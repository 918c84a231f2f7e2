"""How fast something grows, and how sure that is."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple


class Slope(NamedTuple):
    """By how much in an hour, and by how much more or less it may truly be (with 95 % confidence)."""

    an_hour: float
    error: float

    def __str__(self) -> str:
        return f"{self.an_hour:+.1f} ± {self.error:.1f}"


def slope(points: Sequence[tuple[float, float]]) -> Slope:
    """Of a straight line through values at times in seconds (least squares).

    Memory is now what it was a moment ago, so many values say less than as many that are independent of each other: the
    error is wider by as much as the rest of each is like that of the one before.
    """
    count = len(points)
    middle, mean = (sum(one[place] for one in points) / count for place in (0, 1))
    spread = sum((at - middle) ** 2 for at, _ in points)
    by_second = sum((at - middle) * (value - mean) for at, value in points) / spread
    rests = [value - mean - by_second * (at - middle) for at, value in points]
    squares = sum(rest * rest for rest in rests)
    alike = sum(one * other for one, other in pairwise(rests)) / squares if squares else 0.0
    error = math.sqrt(squares / (count - 2) / spread * max(1.0, (1 + alike) / (1 - alike)))
    return Slope(3600 * by_second, 2 * 3600 * error)
