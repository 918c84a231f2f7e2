"""What a proxy should have: parts joined, versions by content, changes noted."""

from xds_talk import CLUSTER, ROUTE, key, leaf

from daemun.ir.resource import part
from daemun.xds.wanted import Wanted


def test_the_head_goes_first_whenever_it_arrives() -> None:
    wanted = Wanted()
    wanted.apply([(key(ROUTE, "r", name), part(name, [leaf(name, name)])) for name in ("b", "a")])
    wanted.apply([(key(ROUTE, "r"), part("", [leaf("r", "head")]))])
    resource = wanted.get(ROUTE, "r")
    assert resource is not None
    assert resource.body({}) == b"<head><b><a>"
    assert resource.body({"b": None}) == b"<head><a>"
    assert resource.body({"b": part("b", [leaf("b", "c")])}) == b"<head><c><a>"


def test_the_version_is_the_content_not_the_history() -> None:
    parts = {name: part(name, [leaf(name, name)]) for name in ("", "a", "b")}
    left, right = Wanted(), Wanted()
    left.apply([(key(ROUTE, "r", name), value) for name, value in parts.items()])
    right.apply([(key(ROUTE, "r", "b"), part("b", [leaf("b", "other")]))])
    right.apply([(key(ROUTE, "r", name), value) for name, value in reversed(parts.items())])
    one, other = left.get(ROUTE, "r"), right.get(ROUTE, "r")
    assert one is not None
    assert other is not None
    assert one.version == other.version
    right.apply([(key(ROUTE, "r", "b"), None)])
    assert one.version_with({"b": None}) == other.version != one.version


def test_changes_name_what_they_touch_and_nothing_else() -> None:
    wanted = Wanted()
    value = part("", [leaf("c", "c")])
    assert wanted.apply([(key(CLUSTER, "c"), value)]) == {CLUSTER: {"c": {""}}}
    assert wanted.apply([(key(CLUSTER, "c"), value), (key(CLUSTER, "none"), None)]) == {}
    assert wanted
    assert wanted.apply([(key(CLUSTER, "c"), None)]) == {CLUSTER: {"c": {""}}}
    assert wanted.get(CLUSTER, "c") is None
    assert not wanted
