"""After any history of changes in any batches, everything derived equals what is built at once from the final state."""

import itertools
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemun.flow import MISSING, Collection, Graph, Reader, Source, crowded, derive, distinct, union

KEYS = "abcdef"
BAD = 7
"""A number that makes the rule `fragile` raise."""

Value = tuple[int, tuple[str, ...]]
"""What `left` holds: a number, and names of entries of `right`."""


class World:
    """A graph with every kind of collection and of read, and a mirror of each collection kept by subscription."""

    def __init__(self) -> None:
        self.graph = graph = Graph()
        self.left: Source[str, Value] = Source(graph, "left")
        self.right: Source[str, int] = Source(graph, "right")
        self.wanted: set[str] = set()
        self.right.on_read(self._want)
        by_number = self.left.index(lambda _, value: (value[0],))
        by_name = self.left.index(lambda _, value: value[1])
        by_rest = self.right.index(lambda _, number: (number % 3,))

        def reading(reader: Reader, key: str, value: Value) -> Iterator[tuple[tuple[str, str], Any]]:
            number, names = value
            seen = [(name, reader.get(self.right, name)) for name in names]
            found = (reader.find_keys(by_rest, number % 3), reader.find(by_rest, number % 3))
            yield ("read", key), (seen, found, reader.count(by_number, number))
            if number == 1:
                yield ("all", key), dict(reader.all(self.right))

        def first(reader: Reader, key: str, value: Value) -> Iterator[tuple[tuple[str, str], str]]:
            # Of all entries with a number just the first yields the number: the output moves between inputs.
            if reader.find_keys(by_number, value[0])[0] == key:
                yield ("first", str(value[0])), f"equal whoever yields it: {value[0]}"

        def parity(wanted: int) -> Any:
            def rule(_: Reader, key: str, value: Value) -> Iterator[tuple[str, int]]:
                if value[0] % 2 == wanted:
                    yield key, value[0] // 2

            return rule

        def fragile(reader: Reader, key: str, _: int) -> Iterator[tuple[str, int]]:
            total = sum(number for number, _ in reader.find(by_name, key))
            if total >= BAD:
                raise ValueError("cannot")
            yield key, total

        self.read = derive(self.left, reading, "read")
        self.first = derive(self.left, first, "first")
        self.split = union(derive(self.left, parity(1), "odd"), derive(self.left, parity(0), "even"), name="split")
        self.names = distinct(by_name, self.right.index(lambda key, _: (key,)), name="names")
        self.crowded = crowded(by_name, 1)
        in_crowd = self.crowded.index(lambda at, value: ((at[0], value[0]),))

        def crowd(reader: Reader, name: str, _: str) -> Iterator[tuple[str, Any]]:
            yield name, [reader.find(in_crowd, (name, number)) for number in range(BAD)]

        self.crowd = derive(self.names, crowd, "crowd")
        self.fragile = derive(self.right, fragile, "fragile")
        together = union(self.read, self.first, name="together")
        by_head = together.index(lambda key, _: (key[1],))

        def last(reader: Reader, name: str, _: str) -> Iterator[tuple[str, Any]]:
            yield name, (reader.find(by_head, name), reader.get(self.split, name))

        self.last = derive(self.names, last, "last")
        self.mirrors = {node.name: self._mirror(node) for node in graph.nodes}

    def _want(self, added: set[str], removed: set[str]) -> None:
        assert added or removed, "a sink is told of changes only"
        assert not added & self.wanted
        assert removed <= self.wanted
        self.wanted = (self.wanted | added) - removed

    def _mirror(self, node: Collection[Any, Any]) -> dict[Any, Any]:
        mirror: dict[Any, Any] = {}

        def sink(delta: Any) -> None:
            assert delta, "a sink is told of changes only"
            for key, (old, new) in delta.items():
                assert mirror.get(key, MISSING) == old
                assert old is MISSING or new is MISSING or old != new, f"{node.name} {key}: no change"
                if new is MISSING:
                    del mirror[key]
                else:
                    mirror[key] = new

        node.subscribe(sink)
        return mirror

    def content(self, *without: str) -> dict[str, dict[Any, Any]]:
        return {node.name: dict(node.data) for node in self.graph.nodes if node.name not in without}

    def edges(self, *without: str) -> dict[str, int]:
        derived = {node.name: node for node in self.graph.nodes if hasattr(node, "edges")}
        return {name: node.edges() for name, node in derived.items() if name not in without}

    def tables(self) -> int:
        """How many entries the tables of readers and of indexes have in all."""
        nodes = self.graph.nodes
        indexes = [index for node in nodes for index in node.indexes]
        tables = [*nodes, *indexes]
        read = sum(len(bags) for table in tables for bags in table.readers.values())
        return read + sum(len(one.keys) for one in indexes)

    def expected(self) -> None:
        """The same said without any graph."""
        numbers = {key: number for key, (number, _) in sorted(self.left.items(), reverse=True)}
        names = {name for _, named in self.left.values() for name in named}
        assert set(self.names) == names | set(self.right)
        users = {name: [key for key, (_, named) in self.left.items() if name in named] for name in names}
        assert self.crowded.data == {
            (name, key): self.left[key] for name, keys in users.items() if len(keys) > 1 for key in keys
        }
        assert self.wanted == names, "just what is read by its key, whether it is there or not"
        assert self.split.data == {key: number // 2 for key, number in numbers.items()}
        assert {key for _, key in self.first} == {str(number) for number in numbers.values()}
        assert {key: value for (kind, key), value in self.read.items() if kind == "read"} == {
            key: (
                [(name, self.right.get(name)) for name in named],
                (
                    [name for name, rest in sorted(self.right.items()) if rest % 3 == number % 3],
                    [rest for _, rest in sorted(self.right.items()) if rest % 3 == number % 3],
                ),
                list(numbers.values()).count(number),
            )
            for key, (number, named) in self.left.items()
        }

    def check(self, *without: str) -> None:
        self.expected()
        for node in self.graph.nodes:
            assert self.mirrors[node.name] == node.data, node.name
        built = World()
        with built.graph.batch():
            built.left.replace(self.left.data)
            built.right.replace(self.right.data)
        assert built.content(*without) == self.content(*without)
        assert built.edges(*without) == self.edges(*without)


lefts = st.tuples(st.integers(0, 9), st.lists(st.sampled_from(KEYS), max_size=2, unique=True).map(tuple))
keys = st.sampled_from(KEYS)
steps = st.one_of(
    st.tuples(st.just("left"), keys, st.one_of(st.none(), lefts)),
    st.tuples(st.just("right"), keys, st.one_of(st.none(), st.integers(0, 5))),
    st.tuples(st.just("replace left"), st.just(""), st.dictionaries(keys, lefts)),
    st.tuples(st.just("replace right"), st.just(""), st.dictionaries(keys, st.integers(0, 5))),
)
batches = st.lists(st.lists(steps, min_size=1, max_size=4), max_size=8)


def play(world: World, batch: list[tuple[str, str, Any]]) -> None:
    with world.graph.batch():
        for what, key, value in batch:
            source: Source[str, Any] = world.left if what.endswith("left") else world.right
            if what.startswith("replace"):
                source.replace(value)
            elif value is None:
                source.delete(key)
            else:
                source.set(key, value)


@given(batches)
def test_incremental_equals_rebuilt(history: list[list[Any]]) -> None:
    world = World()
    for batch in history:
        play(world, batch)
        assert {name for name, _ in world.graph.failures} <= {"fragile"}
        world.check("fragile")


@given(batches, st.lists(st.booleans(), min_size=1, max_size=12))
def test_a_batch_that_rests_is_one_step_for_everybody_outside(history: list[list[Any]], rests: list[bool]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("collection", "crowded", "derived", "distinct", "source", "union"):
            for step in ("STEP", "LIGHT_STEP"):  # the package has functions of these names
                patch.setattr(sys.modules[f"daemun.flow.{name}"], step, 1, raising=False)
        world, turn = World(), itertools.cycle(rests)
        batches = iter(history)
        world.graph.enough = lambda: next(turn)
        for batch in batches:
            play(world, batch)
            while not world.graph.settled:
                before = {name: dict(mirror) for name, mirror in world.mirrors.items()}
                seen = {node.name: (dict(node), len(node), list(node)) for node in world.graph.nodes}
                for name, (content, length, found) in seen.items():
                    assert content == before[name], name
                    assert length == len(content) == len(found), name
                if world.graph.resting:
                    play(world, next(batches, []))
                world.graph.settle()
        world.check("fragile")


@given(batches, st.dictionaries(keys, lefts.map(lambda value: (value[0] % 2, value[1]))))
def test_what_failed_is_tried_again_when_what_it_read_changes(history: list[list[Any]], after: dict[str, Any]) -> None:
    world = World()
    for batch in history:
        before = dict(world.fragile.data)
        play(world, batch)
        for name, key in world.graph.failures:
            assert name == "fragile"
            assert world.fragile.data.get(key) == before.get(key), "the last good output stays"
    world.left.replace(after)  # of these no six add up to anything that fails
    assert not world.graph.failures
    world.check()


@given(batches)
def test_nothing_is_left_when_everything_is_gone(history: list[list[Any]]) -> None:
    world = World()
    for batch in history:
        play(world, batch)
    world.left.replace({})
    world.right.replace({})
    assert not any(world.content().values())
    assert not any(world.mirrors.values())
    assert not any(world.edges().values())
    assert world.tables() == 0
    assert not world.graph.failures


@given(batches)
def test_the_same_again_changes_nothing(history: list[list[Any]]) -> None:
    world = World()
    for batch in history:
        play(world, batch)
    calls = world.graph.calls
    for source in (world.left, world.right):
        for key, value in dict(source.data).items():
            source.set(key, value)
        source.replace(dict(source.data))
    assert world.graph.calls == calls
