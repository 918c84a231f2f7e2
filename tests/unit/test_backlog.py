"""Who waits for whom: nobody for all that another namespace has changed."""

from daemun.base.names import Ref
from daemun.plane.backlog import MOST, Backlog, Change


def changes(namespace: str, *names: str, value: object = 1) -> list[Change]:
    return [(Ref("", "Service", namespace, name), value) for name in names]


def test_each_has_its_share_and_what_is_left_is_the_others() -> None:
    backlog = Backlog()
    many = changes("red", *map(str, range(2 * MOST)))
    backlog.add([*many, *changes("blue", "a"), *changes("green", "a", "b")])
    first = backlog.next()
    assert len(first) == MOST
    assert set(first) > {*changes("blue", "a"), *changes("green", "a", "b")}
    assert [one for one in first if one[0].namespace == "red"] == many[: MOST - 3]
    backlog.add(changes("blue", "c"))
    assert changes("blue", "c")[0] in backlog.next()
    assert len(backlog.next()) == 4
    assert not backlog
    assert backlog.next() == []


def test_of_an_object_the_last_change_counts() -> None:
    backlog = Backlog()
    backlog.add([*changes("red", "a", "b"), *changes("red", "a", value=None)])
    assert backlog.next() == [*changes("red", "a", value=None), *changes("red", "b")]


def test_of_very_many_each_has_one() -> None:
    backlog = Backlog()
    backlog.add(one for number in range(2 * MOST) for one in changes(str(number), "a", "b"))
    assert len({ref.namespace for ref, _ in backlog.next()}) == 2 * MOST
