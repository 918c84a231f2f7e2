"""Collections that are set from outside: what a watcher saw, what a proxy acknowledged."""

from collections.abc import Iterator, Mapping

from daemun.flow.collection import Collection
from daemun.flow.graph import Graph
from daemun.flow.interest import Interest, Sink
from daemun.flow.values import LIGHT_STEP, MISSING, Delta, K, Missing, V


class Source(Collection[K, V]):
    """A collection whose content is set by the edges of the program. Setting an equal value changes nothing."""

    def __init__(self, graph: Graph, name: str) -> None:
        super().__init__(graph, name)
        self.data: dict[K, V] = {}
        self._pending: dict[K, V | Missing] = {}
        self._taking: dict[K, V | Missing] = {}  # what a batch that rests is taking over

    def on_read(self, sink: Sink[K]) -> None:
        """Tell `sink`, after each batch, which keys the rules have begun to read, and which nobody reads any more.

        So an edge can fetch just those entries: a rule reads a key that is not there all the same, and runs again when
        it comes. Called before anything has read the source, with one sink at most; the sink may not change a source.
        Raises RuntimeError if that was too late.
        """
        if self.readers:
            raise RuntimeError(f"{self.name} is being read already")
        interest = Interest(sink)
        self.readers = interest.readers
        self.graph.after(interest.settled)

    def set(self, key: K, value: V) -> None:
        """Add or replace one entry."""
        self._put(key, value)

    def delete(self, key: K) -> None:
        """Remove one entry, if it is there."""
        self._put(key, MISSING)

    def update(self, changes: Mapping[K, V | Missing]) -> None:
        """Add, replace and (where it is MISSING) remove many entries."""
        with self.graph.batch():
            self._pending.update(changes)
            self.graph.wake(self.rank)

    def replace(self, items: Mapping[K, V]) -> None:
        """Make the content exactly `items`, as after a relist; only differences travel on."""
        with self.graph.batch():
            known = self.data.keys() | self._taking.keys() | self._pending.keys()
            self.update(dict.fromkeys(known - items.keys(), MISSING))
            self.update(items)

    def _put(self, key: K, value: V | Missing) -> None:
        with self.graph.batch():
            self._pending[key] = value
            self.graph.wake(self.rank)

    def run(self, delta: Delta[K, V]) -> Iterator[None]:
        """Take over what was set since the last batch."""
        self._taking, self._pending = self._pending, {}
        for count, (key, new) in enumerate(self._taking.items(), 1):
            if not count % LIGHT_STEP:
                yield
            old: V | Missing = self.data.get(key, MISSING)
            if new is MISSING:
                if old is MISSING:
                    continue
                del self.data[key]
            elif old is not MISSING and old == new:
                continue
            else:
                self.data[key] = new
            delta[key] = (old, new)
        self._taking = {}
