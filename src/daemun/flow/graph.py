"""The graph of collections: who depends on whom, and the batch that settles a change."""

import heapq
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from daemun.flow.earlier import Earlier
from daemun.flow.values import STEP

if TYPE_CHECKING:
    from daemun.flow.collection import Collection


NOTHING: Mapping[Any, Any] = {}


class Failure(NamedTuple):
    """A rule that raised: a defect of Daemun, never of the user's input. Its last good output was kept."""

    collection: str
    key: Hashable
    error: BaseException


class Graph:
    """Holds the collections in the order they were made, which is their topological order.

    A rule may read only collections made before its own, so cycles cannot be written, and a heap of dirty ranks
    settles every collection at most once per batch.

    A batch may be much work. With `enough`, which is asked now and then, it rests when that says so, and goes on when
    `settle` is called again. Meanwhile every collection looks as it did before the batch, and what is set waits for the
    next one: to everybody outside, a batch is one step.
    """

    def __init__(self, on_failure: Callable[[Failure], None] | None = None) -> None:
        self.nodes: list[Collection[Any, Any]] = []
        self.failures: dict[tuple[str, Hashable], Failure] = {}
        self.calls = 0
        """How many times a rule ran: the cost of a change, counted."""
        self.enough: Callable[[], bool] | None = None
        """Whether to rest; never without it."""
        self._heap: list[int] = []
        self._queued: set[int] = set()
        self._later: dict[int, None] = {}  # what was set while a batch rested
        self._depth = 0
        self._course: Iterator[None] | None = None
        self._running = False
        self._ran: list[tuple[Collection[Any, Any], Any]] = []
        self._sinks: dict[int, list[Callable[[Any], None]]] = {}
        self._after: list[Callable[[], None]] = []
        self._on_failure = on_failure

    @property
    def resting(self) -> bool:
        """Whether a batch is half done."""
        return self._course is not None

    @property
    def settled(self) -> bool:
        """Whether everything that was set has been taken in."""
        return self._course is None and not self._heap

    def add(self, node: "Collection[Any, Any]") -> int:
        """Register a collection; its rank is its place in the order."""
        self.nodes.append(node)
        return len(self.nodes) - 1

    def wake(self, rank: int) -> None:
        """Queue a collection to run in this batch."""
        if self._course is not None and not self._running:
            self._later[rank] = None
        elif rank not in self._queued:
            self._queued.add(rank)
            heapq.heappush(self._heap, rank)

    def sink(self, rank: int, call: Callable[[Any], None]) -> None:
        """Call `call` with each delta of the collection, after the batch has settled."""
        self._sinks.setdefault(rank, []).append(call)

    def after(self, call: Callable[[], None]) -> None:
        """Call `call` whenever a batch has settled, after the sinks."""
        self._after.append(call)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Changes made inside settle together, once, at the end of the outermost batch.

        Raises RuntimeError in a rule or a sink: they change nothing.
        """
        if self._running:
            raise RuntimeError("a rule or a sink may not change a source while the graph settles")
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if not self._depth and self._course is None:
                self.settle()

    def settle(self) -> bool:
        """Run what is dirty, lowest rank first, then tell the sinks. False if it rests and has to be called again.

        What was set meanwhile is a batch of its own, for the next call.
        """
        if self._course is None:
            self._course = self._steps()
        course, enough = self._course, self.enough
        self._running, rests = True, False
        try:
            for _ in course:
                if enough is not None and enough():
                    rests = True
                    break
        finally:
            self._running = False
            if rests:
                for node, delta in self._ran:
                    if node.earlier is None:
                        node.earlier = NOTHING if delta is None else Earlier(node.data, delta)
            else:
                self._over()
                self._course = None
                for rank in self._later:
                    self.wake(rank)
                self._later.clear()
        return not rests

    def _steps(self) -> Iterator[None]:
        changed: dict[int, Any] = {}
        while self._heap:
            rank = heapq.heappop(self._heap)
            self._queued.discard(rank)
            node = self.nodes[rank]
            delta: Any = {}
            # Of a collection that was empty nothing has to be kept until the end.
            self._ran.append((node, delta if node.data else None))
            yield from node.run(delta)
            if delta:
                if rank in self._sinks:
                    changed[rank] = delta
                yield from node.spread(delta)
        self._over()
        for rank, delta in changed.items():
            for call in self._sinks[rank]:
                call(delta)
                if len(delta) > STEP:
                    yield
        for after in self._after:
            after()

    def _over(self) -> None:
        """Everybody may see what has changed."""
        for node, _ in self._ran:
            node.earlier = None
        self._ran.clear()

    def fail(self, collection: str, key: Hashable, error: BaseException) -> None:
        """Remember that a rule raised for this key."""
        failure = Failure(collection, key, error)
        self.failures[collection, key] = failure
        if self._on_failure:
            self._on_failure(failure)
