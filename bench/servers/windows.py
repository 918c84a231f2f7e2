"""How near to its quota a window that slides is kept: as `daemun ratelimit` does it, in a hundred slices, and by an
estimate from two fixed windows (the part of the former that the window still covers, and all of this one).

Nothing is timed: requests come at given moments, and the fullest window of all is looked for afterwards.
"""

import random
from collections.abc import Iterable
from typing import Any

from daemun.ir.quotas import Quota
from daemun.ratelimit.windows import Window

_QUOTA = Quota(1_000, 10, sliding=True)
_SPAN = _QUOTA.seconds * 1000
_WINDOWS = 60


def measure() -> dict[str, Any]:
    """For each way that requests come: the fullest window and all that was let in, in parts of the quota."""
    chance = random.Random(1)  # noqa: S311 - the same each time
    arrivals = {
        "evenly, twice as many": sorted(chance.uniform(0, _WINDOWS * _SPAN) for _ in range(2 * 1_000 * _WINDOWS)),
        "in a burst before a window's end, then evenly": sorted(_bursts(chance)),
    }
    found: dict[str, Any] = {}
    for name, moments in arrivals.items():
        for way, let_in in (("slices", _slices), ("estimate", _estimate)):
            kept = let_in(int(one) for one in moments)
            rate = len(kept) / _QUOTA.requests / _WINDOWS
            found[f"{name}: {way}"] = {"fullest": _fullest(kept) / _QUOTA.requests, "let in": round(rate, 3)}
            print(f"{name}: {way}", found[f"{name}: {way}"], flush=True)
    return found


def _bursts(chance: random.Random) -> Iterable[float]:
    for start in range(0, _WINDOWS * _SPAN, 3 * _SPAN):
        yield from (chance.uniform(start + 0.9 * _SPAN, start + 0.99 * _SPAN) for _ in range(1_500))
        yield from (chance.uniform(start + _SPAN, start + 2 * _SPAN) for _ in range(3_000))


def _slices(moments: Iterable[int]) -> list[int]:
    window, kept = Window(), []
    for now in moments:
        window.look(_QUOTA, now)
        if window.total < _QUOTA.requests:
            window.add(_QUOTA, now, 1)
            kept.append(now)
    return kept


def _estimate(moments: Iterable[int]) -> list[int]:
    counts: dict[int, int] = {}
    kept = []
    for now in moments:
        at, part = divmod(now, _SPAN)
        if counts.get(at - 1, 0) * (1 - part / _SPAN) + counts.get(at, 0) < _QUOTA.requests:
            counts[at] = counts.get(at, 0) + 1
            kept.append(now)
    return kept


def _fullest(kept: list[int]) -> int:
    most = first = 0
    for last, now in enumerate(kept):
        while now - kept[first] >= _SPAN:
            first += 1
        most = max(most, last - first + 1)
    return most
