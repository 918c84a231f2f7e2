"""Collections that are set from outside: what a watcher saw, what a proxy acknowledged."""

from collections.abc import Mapping

from daemun.flow.collection import MISSING, Collection, Delta, K, Missing, V
from daemun.flow.graph import Graph
from daemun.flow.interest import Interest, Sink


class Source(Collection[K, V]):
    """A collection whose content is set by the edges of the program. Setting an equal value changes nothing."""

    def __init__(self, graph: Graph, name: str) -> None:
        super().__init__(graph, name)
        self._pending: dict[K, V | Missing] = {}

    def on_read(self, sink: Sink[K]) -> None:
        """Tell `sink`, after each batch, which keys the rules have begun to read, and which nobody reads any more.

        So an edge can fetch just those entries: a rule reads a key that is not there all the same, and runs again when
        it comes. Called before anything has read the source, with one sink at most; the sink may not change a source.
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

    def replace(self, items: Mapping[K, V]) -> None:
        """Make the content exactly `items`, as after a relist; only differences travel on."""
        with self.graph.batch():
            for key in (self.data.keys() | self._pending.keys()) - items.keys():
                self._put(key, MISSING)
            for key, value in items.items():
                self._put(key, value)

    def _put(self, key: K, value: V | Missing) -> None:
        with self.graph.batch():
            self._pending[key] = value
            self.graph.wake(self.rank)

    def run(self) -> Delta[K, V]:
        """Take over what was set since the last batch."""
        delta: Delta[K, V] = {}
        pending, self._pending = self._pending, {}
        for key, new in pending.items():
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
        return delta
