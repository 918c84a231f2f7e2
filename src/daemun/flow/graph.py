"""The graph of collections: who depends on whom, and the batch that settles a change."""

import heapq
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from daemun.flow.collection import Collection


class Failure(NamedTuple):
    """A rule that raised: a defect of Daemun, never of the user's input. Its last good output was kept."""

    collection: str
    key: Hashable
    error: BaseException


class Graph:
    """Holds the collections in the order they were made, which is their topological order.

    A rule may read only collections made before its own, so cycles cannot be written, and a heap of dirty ranks
    settles every collection at most once per batch.
    """

    def __init__(self, on_failure: Callable[[Failure], None] | None = None) -> None:
        self.nodes: list[Collection[Any, Any]] = []
        self.failures: dict[tuple[str, Hashable], Failure] = {}
        self.calls = 0
        """How many times a rule ran: the cost of a change, counted."""
        self._heap: list[int] = []
        self._queued: set[int] = set()
        self._depth = 0
        self._settling = False
        self._sinks: dict[int, list[Callable[[Any], None]]] = {}
        self._after: list[Callable[[], None]] = []
        self._on_failure = on_failure

    def add(self, node: "Collection[Any, Any]") -> int:
        """Register a collection; its rank is its place in the order."""
        self.nodes.append(node)
        return len(self.nodes) - 1

    def wake(self, rank: int) -> None:
        """Queue a collection to run in this batch."""
        if rank not in self._queued:
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
        """Changes made inside settle together, once, at the end of the outermost batch."""
        if self._settling:
            raise RuntimeError("a rule or a sink may not change a source while the graph settles")
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if not self._depth:
                self.settle()

    def settle(self) -> None:
        """Run what is dirty, lowest rank first, then tell the sinks."""
        changed: dict[int, Any] = {}
        self._settling = True
        try:
            while self._heap:
                rank = heapq.heappop(self._heap)
                self._queued.discard(rank)
                node = self.nodes[rank]
                delta = node.run()
                if delta:
                    if rank in self._sinks:  # deltas that nobody waits for need not live until the end
                        changed[rank] = delta
                    node.spread(delta)
            for rank, delta in changed.items():
                for call in self._sinks[rank]:
                    call(delta)
            for after in self._after:
                after()
        finally:
            self._settling = False

    def fail(self, collection: str, key: Hashable, error: BaseException) -> None:
        """Remember that a rule raised for this key."""
        failure = Failure(collection, key, error)
        self.failures[collection, key] = failure
        if self._on_failure:
            self._on_failure(failure)
