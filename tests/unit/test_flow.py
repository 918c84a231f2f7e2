"""What collections promise one at a time; what they promise together is in tests/laws/test_flow_laws.py."""

from collections.abc import Iterator
from typing import Any

import pytest

from daemun.flow import MISSING, Failure, Graph, Reader, Source, derive, distinct, union
from daemun.flow.values import STEP


def double(_: Reader, key: str, value: int) -> Iterator[tuple[str, int]]:
    yield key, 2 * value


def test_a_batch_settles_once_and_tells_the_net_change() -> None:
    graph = Graph()
    source: Source[str, int] = Source(graph, "s")
    doubled = derive(source, double)
    told: list[Any] = []
    doubled.subscribe(told.append)
    with graph.batch():
        source.set("a", 1)
        with graph.batch():
            source.set("a", 2)
            source.set("gone", 1)
        source.delete("gone")
        assert not doubled.data
    assert told == [{"a": (MISSING, 4)}]
    assert graph.calls == 1


def test_equal_output_stops_the_wave() -> None:
    graph = Graph()
    source: Source[str, int] = Source(graph, "s")
    sign = derive(source, lambda _, key, value: [(key, value > 0)], "sign")
    last = derive(sign, lambda _, key, value: [(key, str(value))], "last")
    source.set("a", 1)
    calls = graph.calls
    source.set("a", 2)
    assert graph.calls == calls + 1
    source.set("a", -2)
    assert last.data == {"a": "False"}


def test_who_subscribes_late_gets_what_is_there() -> None:
    source: Source[str, int] = Source(Graph(), "s")
    source.set("a", 1)
    told: list[Any] = []
    source.subscribe(told.append)
    assert told == [{"a": (MISSING, 1)}]


def test_what_is_made_late_has_what_is_there() -> None:
    graph = Graph()
    source: Source[str, int] = Source(graph, "s")
    source.replace({"a": 1, "b": 3})
    index = source.index(lambda _, value: (value % 2,))
    values = distinct(index)
    doubled = derive(source, double)
    both = union(doubled, name="both")
    source.set("b", 4)
    assert doubled.data == both.data == {"a": 2, "b": 8}
    assert set(values) == {0, 1}


def test_a_rule_may_not_read_what_comes_after_it() -> None:
    graph = Graph()
    source: Source[str, int] = Source(graph, "s")
    later: list[Any] = []
    derived = derive(source, lambda reader, key, _: [(key, reader.get(later[0], key))], "early")
    later.append(derived)
    source.set("a", 1)
    assert isinstance(graph.failures["early", "a"].error, RuntimeError)


def test_a_rule_that_raises_keeps_its_last_output_and_harms_no_other() -> None:
    failures: list[Failure] = []
    graph = Graph(failures.append)
    source: Source[str, int] = Source(graph, "s")
    inverse = derive(source, lambda _, key, value: [(key, 12 // value)], "inverse")
    source.replace({"a": 3, "b": 4})
    source.replace({"a": 0, "b": 6})
    assert inverse.data == {"a": 4, "b": 2}
    assert [(one.collection, one.key) for one in failures] == [("inverse", "a")]
    source.set("a", 1)
    assert inverse.data == {"a": 12, "b": 2}
    assert not graph.failures
    source.set("a", 0)
    source.delete("a")
    assert inverse.data == {"b": 2}
    assert not graph.failures


def test_an_output_has_one_owner() -> None:
    graph = Graph()
    source: Source[str, int] = Source(graph, "s")
    same = derive(source, lambda _, key, value: [("same", value)], "same")
    source.set("a", 1)
    source.set("b", 2)
    assert same.data == {"same": 1}
    assert "yielded by 'a' and by 'b'" in str(graph.failures["same", "b"].error)


def test_nobody_changes_a_source_while_the_graph_settles() -> None:
    graph = Graph()
    source: Source[str, int] = Source(graph, "s")
    source.subscribe(lambda _: source.set("b", 1))
    with pytest.raises(RuntimeError, match="while the graph settles"):
        source.set("a", 1)


def test_a_collection_is_a_mapping_and_itself() -> None:
    source: Source[str, int] = Source(Graph(), "numbers")
    source.set("a", 1)
    assert (source["a"], list(source), len(source), "b" in source) == (1, ["a"], 1, False)
    assert source != {"a": 1}
    assert repr(source) == "<Source numbers: 1>"
    assert repr(MISSING) == "MISSING"


def test_find_and_count_see_one_value_of_an_index() -> None:
    graph = Graph()
    source: Source[str, int] = Source(graph, "s")
    index = source.index(lambda _, value: (value % 2, "all"))
    asked: Source[str, Any] = Source(graph, "asked")
    found = derive(
        asked, lambda reader, key, at: [(key, (reader.find_keys(index, at), reader.count(index, at)))], "found"
    )
    asked.replace({"odd": 1, "even": 0, "every": "all", "no": "such"})
    source.replace({"c": 1, "b": 2, "a": 3})
    assert found.data == {
        "odd": (["a", "c"], 2),
        "even": (["b"], 1),
        "every": (["a", "b", "c"], 3),
        "no": ([], 0),
    }
    calls = graph.calls
    source.set("d", 4)
    assert graph.calls == calls + 2, "those who asked for even ones and for all"


def test_get_has_a_default() -> None:
    graph = Graph()
    source: Source[str, int] = Source(graph, "s")
    asked: Source[str, str] = Source(graph, "asked")
    got = derive(asked, lambda reader, key, other: [(key, reader.get(source, other, "nothing"))], "got")
    asked.set("a", "x")
    assert got.data == {"a": "nothing"}
    source.set("x", 7)
    assert got.data == {"a": 7}
    assert got.edges() == 1


def test_interest_in_a_source_is_told_from_the_first_read_on() -> None:
    graph = Graph()
    source: Source[str, int] = Source(graph, "source")
    names: Source[str, str] = Source(graph, "names")
    derive(names, lambda reader, key, name: [(key, reader.get(source, name))], "read")
    names.set("a", "x")
    with pytest.raises(RuntimeError, match="source is being read already"):
        source.on_read(lambda added, removed: None)


def test_between_those_who_are_told_of_much_it_may_rest() -> None:
    graph = Graph()
    source: Source[int, int] = Source(graph, "s")
    told: list[str] = []
    source.subscribe(lambda _: told.append("one"))
    source.subscribe(lambda _: told.append("other"))
    graph.enough = lambda: bool(told)
    source.update({number: number for number in range(STEP + 1)})
    assert told == ["one"]
    assert len(source) == STEP + 1
    source.set(-1, 0)
    assert len(source) == STEP + 1, "that is another batch"
    while not graph.settled:
        graph.settle()
    assert told[:2] == ["one", "other"]
    assert len(source) == STEP + 2
