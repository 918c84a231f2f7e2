"""What the server answered so far, for metrics."""

from bisect import bisect_left
from collections import Counter

import msgspec

from daemun.extauth.answers import Allowed, Answer, Respond

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Seconds up to which answers are counted together."""


class Outcomes(msgspec.Struct):
    """By chain and outcome; how long all took, and how many took how long."""

    checks: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    seconds: float = 0.0
    buckets: list[int] = msgspec.field(default_factory=lambda: [0] * (len(BUCKETS) + 1))

    def count(self, chain: str, answer: Answer, seconds: float) -> None:
        """One more."""
        if isinstance(answer, Allowed):
            outcome = "allowed"
        elif isinstance(answer, Respond):
            outcome = "answered"
        else:
            outcome = "failed" if answer.status >= 500 else "denied"
        self.checks[chain, outcome] += 1
        self.seconds += seconds
        self.buckets[bisect_left(BUCKETS, seconds)] += 1
