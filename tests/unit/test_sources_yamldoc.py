"""YAML within bounds."""

import tracemalloc

import pytest
from yaml._yaml import CParser

from daemun.sources import yamldoc
from daemun.sources.yamldoc import Refused


def value(text: str) -> object:
    (tree,) = yamldoc.trees(text.encode())
    return tree.value


def refusal(text: str | bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        yamldoc.trees(text.encode() if isinstance(text, str) else text)
    return caught.value


def test_values() -> None:
    assert value("a: [1, two, '3', {b: null}]\nc: |\n  x\n  y\n") == {"a": [1, "two", "3", {"b": None}], "c": "x\ny\n"}


def test_keys_become_text() -> None:
    assert value("on: 1\n5: 2\n'yes': 3") == {"true": 1, "5": 2, "yes": 3}


def test_core_tags_only() -> None:
    assert value("a: !!str 5\nb: !!int 5\nc: !!map {}\nd: ! 7") == {"a": "5", "b": 5, "c": {}, "d": "7"}
    assert "tag" in refusal("a: 1\nb: !!python/object/apply:os.system [ls]").text
    assert refusal("a: 1\nb: !!python/name:os.system x").line == 1
    assert "tag" in refusal("a: !!binary aGk=").text
    assert "tag" in refusal("a: !!int x").text


def test_aliases_and_merge_keys() -> None:
    assert value("a: &a {x: 1, w: 2}\nb: {<<: *a, w: 3}\nc: {w: 4, <<: [*a, {z: 5}]}") == {
        "a": {"x": 1, "w": 2},
        "b": {"x": 1, "w": 3},
        "c": {"w": 4, "x": 1, "z": 5},
    }
    assert value("a: &x 1\nb: *x\n'<<': 3") == {"a": 1, "b": 1, "<<": 3}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3", 2, "given twice"),
        ("x: {<<: {}, <<: {}}", 0, "given twice"),
        ("x:\n  <<: 5", 1, "mapping"),
        ("a: &a [*a]", 0, "contains itself"),
        ("a: *b", 0, "refers to nothing"),
        ("a: .inf", 0, "JSON"),
        ("? [a]\n: b", 0, "key must be text"),
        ("a: 1\n\tb: 2", 1, "not YAML"),
        ("a: [1,\n", 1, "not YAML"),
        ("[" * 100, 0, "deep"),
        ("a: \x01", 0, "not YAML"),
    ],
)
def test_refused(text: str, line: int, words: str) -> None:
    error = refusal(text)
    assert words in error.text
    assert error.line == line


BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{at}: &a{at} [{','.join([f'*a{at - 1}'] * 9)}]\n" for at in range(1, 12)
)


@pytest.mark.parametrize(
    "bomb",
    [
        BOMB,
        "a: &a x\nb: [" + "*a," * 1_000_000 + "]\n",
        "a: &a {k: 1}\n" + "".join(f"b{at}: {{<<: *a}}\n" for at in range(100_000)),
        f"a: &a {'x' * 100_000}\nb: [{'*a,' * 5000}]",
        "[" * 1_000_000,
        "a: &a [*a]\n" * 100_000,
    ],
    ids=["laughs", "aliases", "merges", "strings", "deep", "recursive"],
)
def test_bombs_cost_nothing(bomb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused after few events of the parser, whatever they would expand to, and in little memory."""
    data = bomb.encode()
    seen = 0

    class Counting:
        def __init__(self, text: bytes) -> None:
            self._parser = CParser(text)

        def get_event(self) -> object:
            nonlocal seen
            seen += 1
            return self._parser.get_event()

    with monkeypatch.context() as patched:
        patched.setattr(yamldoc, "CParser", Counting)
        refusal(data)
    assert seen < 30_000
    tracemalloc.start()
    try:
        refusal(data)
        assert tracemalloc.get_traced_memory()[1] < 50 << 20
    finally:
        tracemalloc.stop()


def test_too_many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yamldoc, "MAX_NODES", 100)
    assert "more than 100 values" in refusal("- a\n" * 101).text


def test_lines() -> None:
    text = b"spec:\n  rules:\n  - a: 1\n    matches:\n    - path:\n        value: /x\n  - {b: 2,\n     c: 3}\n"
    lines = yamldoc.lines_of(text)
    assert lines["spec.rules[0].matches[0].path.value"] == 5
    assert lines["spec.rules[0].matches[0]"] == 4
    assert lines["spec.rules[1].c"] == 7
    assert yamldoc.nearest(lines, "spec.rules[1].d[4].e", 0) == 6
    assert yamldoc.nearest(lines, "status.x", 9) == 9
    assert yamldoc.lines_of(b"{") == {}


def test_json() -> None:
    assert yamldoc.json_value(b'{"a": [1]}') == {"a": [1]}
    with pytest.raises(Refused) as caught:
        yamldoc.json_value(b'{"a": 1,\n "b": ]}')
    assert caught.value.line == 1
    for depth in (100, 100_000):
        with pytest.raises(Refused, match="deep"):
            yamldoc.json_value(b"[" * depth + b"]" * depth)
