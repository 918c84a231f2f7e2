"""What is put aside from Python's collector of garbage, and that nothing piles up there."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from daemun.process import garbage
from daemun.process.garbage import building


class Knot:
    """Garbage that only the collector finds."""

    def __init__(self) -> None:
        self.myself = self


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(garbage, "_most", 0)
    yield
    gc.unfreeze()


def _built(many: int) -> list[list[int]]:
    with building():
        return [[] for _ in range(many)]


def test_only_what_is_much_is_put_aside() -> None:
    before = gc.get_freeze_count()
    little = _built(1_000)
    assert gc.get_freeze_count() == before
    much = _built(200_000)
    assert gc.get_freeze_count() - before >= len(little) + len(much)
    assert gc.isenabled()


def test_what_comes_and_goes_is_put_aside_once_and_its_garbage_is_found() -> None:
    first = _built(60_000)
    put_aside = gc.get_freeze_count()
    del first
    knots = []
    for _ in range(5):
        with building():
            knot = Knot()
            knots.append(weakref.ref(knot))
            del knot
            again = [[] for _ in range(60_000)]
        del again
    assert gc.get_freeze_count() <= put_aside
    gc.collect()
    assert [one() for one in knots] == [None] * 5


def test_a_later_build_is_looked_through_as_it_comes() -> None:
    first = _built(60_000)
    with building() as look:
        knot = Knot()
        found = weakref.ref(knot)
        del knot
        for _ in range(5):
            first += [[] for _ in range(11_000)]
            look()
            assert gc.get_count()[0] < 11_000
        assert found() is None


def test_the_first_build_is_not_looked_through() -> None:
    with building() as look:
        made = [[] for _ in range(60_000)]
        look()
        assert gc.get_count()[0] >= len(made)


def test_ten_times_as_much_is_put_aside_again() -> None:
    first = _built(60_000)
    put_aside = gc.get_freeze_count()
    first += _built(10 * put_aside)
    assert gc.get_freeze_count() > 10 * put_aside


def test_the_many_that_are_put_aside_are_not_counted_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def counts() -> int:
        raise AssertionError("that goes through all of them, at once")

    before = gc.get_freeze_count()
    with monkeypatch.context() as patched:
        patched.setattr(gc, "get_freeze_count", counts)
        much = _built(200_000)
    assert gc.get_freeze_count() - before >= len(much)
