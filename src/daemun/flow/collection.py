"""A keyed collection, its indexes, and the deltas that travel between them."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, MutableMapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar

from daemun.flow.bags import Bags, items, put, take

if TYPE_CHECKING:
    from daemun.flow.derived import Derived
    from daemun.flow.graph import Graph

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
I = TypeVar("I", bound=Hashable)  # noqa: E741 - index value; K and V are taken


class Missing(Enum):
    """The value of a key that is not there, so that None stays an ordinary value."""

    MISSING = "missing"

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing.MISSING
ALL: Final = object()
"""The key under which readers of a whole collection are kept."""

Delta: TypeAlias = dict[K, tuple[V | Missing, V | Missing]]
"""What changed in a batch: key to (old, new)."""
Readers: TypeAlias = "defaultdict[Derived[Any, Any, Any, Any], Bags[Hashable]]"
"""Who reads what: by derived collection, the key that was read to the input keys whose rules read it."""


class Collection(Mapping[K, V]):
    """A read-only mapping that knows who reads which of its keys."""

    def __init__(self, graph: "Graph", name: str) -> None:
        self.graph = graph
        self.name = name
        self.rank = graph.add(self)
        self.data: MutableMapping[K, V] = {}
        self.followers: list[Callable[[Delta[K, V]], None]] = []
        self.indexes: list[Index[Any, K, V]] = []
        self.readers: Readers = defaultdict(dict)

    # A Mapping compares by content; a collection is itself, and is used as a dictionary key.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __getitem__(self, key: K) -> V:
        return self.data[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {len(self.data)}>"

    def run(self) -> Delta[K, V]:
        """Bring the collection up to date and tell what changed."""
        raise NotImplementedError

    def spread(self, delta: Delta[K, V]) -> None:
        """Mark everything that depends on what changed."""
        for follow in self.followers:
            follow(delta)
        for node, bags in self.readers.items():
            mark(node, bags, (ALL, *delta))
        for index in self.indexes:
            index.update(delta)

    def index(self, by: Callable[[K, V], Iterable[I]]) -> "Index[I, K, V]":
        """An index: each entry is found under every value `by` gives for it."""
        return Index(self, by)

    def subscribe(self, sink: Callable[[Delta[K, V]], None]) -> None:
        """Tell `sink` each change after the batch settled; the present content comes at once, as one delta."""
        if self.data:
            sink({key: (MISSING, value) for key, value in self.data.items()})
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

    def update(self, delta: Delta[K, V]) -> None:
        """Follow a change of the collection and mark the readers of the values it touches."""
        touched: dict[I, None] = {}
        for key, (old, new) in delta.items():
            if old is not MISSING:
                for at in self.by(key, old):
                    touched[at] = None
                    take(self.keys, at, key)
            if new is not MISSING:
                for at in self.by(key, new):
                    touched[at] = None
                    put(self.keys, at, key)
        for follow in self.followers:
            follow(touched)
        for node, bags in self.readers.items():
            mark(node, bags, touched)


def mark(node: "Derived[Any, Any, Any, Any]", bags: Bags[Hashable], keys: Iterable[Hashable]) -> None:
    """Queue the rules of `node` that read any of the keys to run again."""
    if bags:
        for key in keys:
            for reader in items(bags, key):
                node.mark(reader)
