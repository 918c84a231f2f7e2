"""Counts in the memory of this process, for the one instance that there is."""

import heapq
import time
from collections.abc import Callable, Sequence

from daemun.ratelimit.store import Asked, Decided
from daemun.ratelimit.windows import Window

MOST = 1_000_000
"""Counts that are kept at once. Beyond them that is forgotten whose window ends first, which is nearest to its end."""


class MemoryStore:
    """Counts by name. `clock` gives seconds since the epoch."""

    def __init__(self, clock: Callable[[], float] = time.time, most: int = MOST) -> None:
        self._clock = clock
        self._most = most
        self._windows: dict[bytes, Window] = {}
        self._ends: list[tuple[int, bytes]] = []
        self.forgotten = 0
        """Counts that had to go before their time."""

    def __len__(self) -> int:
        return len(self._windows)

    async def decide(self, asked: Sequence[Asked]) -> Sequence[Decided]:
        """As Store."""
        now = int(self._clock() * 1000)
        self._expire(now)
        return [self._decide(one, now) for one in asked]

    async def close(self) -> None:
        """As Store."""
        self._windows.clear()
        self._ends.clear()

    def _decide(self, asked: Asked, now: int) -> Decided:
        windows = []
        admitted = asked.requests
        for hit in asked.plan.hits:
            quota = hit.count.quota
            window = self._windows.get(hit.count.name) or Window()
            window.look(quota, now)
            windows.append(window)
            if hit.hits and not quota.shadow:
                admitted = min(admitted, max((quota.requests - window.total) // hit.hits, 0))
        counts = []
        for hit, window in zip(asked.plan.hits, windows, strict=True):
            before = window.total
            if admitted and hit.hits:
                window.add(hit.count.quota, now, admitted * hit.hits)
                if hit.count.name not in self._windows:
                    self._keep(hit.count.name, window)
            needed = hit.hits if admitted < asked.requests else 0
            counts.append((before, window.reset(hit.count.quota, now, needed)))
        return Decided(admitted, counts)

    def _keep(self, name: bytes, window: Window) -> None:
        if len(self._windows) >= self._most:
            self._forget()
        self._windows[name] = window
        heapq.heappush(self._ends, (window.end, name))

    def _expire(self, now: int) -> None:
        while self._ends and self._ends[0][0] <= now:
            _, name = heapq.heappop(self._ends)
            window = self._windows[name]
            if window.end > now:  # it has slid on
                heapq.heappush(self._ends, (window.end, name))
            else:
                del self._windows[name]

    def _forget(self) -> None:
        while True:
            end, name = heapq.heappop(self._ends)
            window = self._windows[name]
            if window.end > end:
                heapq.heappush(self._ends, (window.end, name))
                continue
            del self._windows[name]
            self.forgotten += 1
            return
