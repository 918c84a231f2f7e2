"""A keyed collection, its indexes, and the deltas that travel between them."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias

from daemun.flow.bags import Bags, items, put, take
from daemun.flow.values import MISSING, STEP, Delta, I, K, V

if TYPE_CHECKING:
    from daemun.flow.derived import Derived
    from daemun.flow.graph import Graph

ALL: Final = object()
"""The key under which readers of a whole collection are kept."""

Readers: TypeAlias = "defaultdict[Derived[Any, Any, Any, Any], Bags[Hashable]]"
"""Who reads what: by derived collection, the key that was read to the input keys whose rules read it."""


class Collection(Mapping[K, V]):
    """A read-only mapping that knows who reads which of its keys.

    As a mapping it is for those outside, and changes only when a batch has settled. Rules read `data`.
    """

    def __init__(self, graph: "Graph", name: str) -> None:
        self.graph = graph
        self.name = name
        self.rank = graph.add(self)
        self.data: Mapping[K, V] = {}
        self.followers: list[Callable[[Delta[K, V]], None]] = []
        self.indexes: list[Index[Any, K, V]] = []
        self.readers: Readers = defaultdict(dict)
        self.earlier: Mapping[K, V] | None = None
        """What it was before the batch that is under way, if it has a part in that."""

    # A Mapping compares by content; a collection is itself, and is used as a dictionary key.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __getitem__(self, key: K) -> V:
        return self.data[key] if self.earlier is None else self.earlier[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self.data if self.earlier is None else self.earlier)

    def __len__(self) -> int:
        return len(self.data if self.earlier is None else self.earlier)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {len(self.data)}>"

    def run(self, delta: Delta[K, V]) -> Iterator[None]:
        """Bring the collection up to date and note what changed, in steps between which it may rest."""
        raise NotImplementedError

    def spread(self, delta: Delta[K, V]) -> Iterator[None]:
        """Mark everything that depends on what changed."""
        much = len(delta) > STEP
        for follow in self.followers:
            follow(delta)
            if much:
                yield
        for node, bags in self.readers.items():
            if bags:
                mark(node, bags, (ALL, *delta))
                if much:
                    yield
        for index in self.indexes:
            yield from index.update(delta)

    def index(self, by: Callable[[K, V], Iterable[I]]) -> "Index[I, K, V]":
        """An index: each entry is found under every value `by` gives for it."""
        return Index(self, by)

    def subscribe(self, sink: Callable[[Delta[K, V]], None]) -> None:
        """Tell `sink` each change after the batch settled; the present content comes at once, as one delta."""
        present: Delta[K, V] = {key: (MISSING, value) for key, value in self.items()}
        if present:
            sink(present)
        self.graph.sink(self.rank, sink)


class Index(Generic[I, K, V]):
    """Index value to keys. A reader of an index depends on one value, never on the whole collection."""

    def __init__(self, of: Collection[K, V], by: Callable[[K, V], Iterable[I]]) -> None:
        self.of = of
        self.by = by
        self.keys: Bags[I] = {}
        self.readers: Readers = defaultdict(dict)
        self.followers: list[Callable[[Iterable[I]], None]] = []
        of.indexes.append(self)
        for key, value in of.data.items():
            for at in by(key, value):
                put(self.keys, at, key)

    def found(self, value: I) -> list[V]:
        """The entries under a value, in the order of their keys, for those outside. Rules use their `Reader`."""
        return [self.of[key] for key in sorted(items(self.keys, value)) if key in self.of]

    def update(self, delta: Delta[K, V]) -> Iterator[None]:
        """Follow a change of the collection and mark the readers of the values it touches.

        Followers are told of values under which another entry is now, or one less.
        """
        touched: dict[I, None] = {}
        moved: dict[I, None] = {}
        for count, (key, (old, new)) in enumerate(delta.items(), 1):
            before = () if old is MISSING else tuple(self.by(key, old))
            after = () if new is MISSING else tuple(self.by(key, new))
            if before != after:
                self._move(key, before, after, moved)
            else:  # most changes are of something else
                for at in after:
                    touched[at] = None
            if not count % STEP:
                yield
        touched.update(moved)
        if moved:
            for follow in self.followers:
                follow(moved)
        if not touched:
            return
        for node, bags in self.readers.items():
            if bags:
                mark(node, bags, touched)
                if len(delta) > STEP:
                    yield

    def _move(self, key: K, before: Iterable[I], after: Iterable[I], moved: dict[I, None]) -> None:
        for at in before:
            moved[at] = None
            take(self.keys, at, key)
        for at in after:
            moved[at] = None
            put(self.keys, at, key)


def mark(node: "Derived[Any, Any, Any, Any]", bags: Bags[Hashable], keys: Iterable[Hashable]) -> None:
    """Queue the rules of `node` that read any of the keys to run again."""
    for key in keys:
        for reader in items(bags, key):
            node.mark(reader)
