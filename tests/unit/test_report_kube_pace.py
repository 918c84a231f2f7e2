"""Who may be written when; the times are made up."""

import heapq
import itertools

import pytest

from daemun.base.names import GATEWAY, Ref
from daemun.report.kube.pace import FIRST_GAP, LONGEST_COUNT_GAP, LONGEST_GAP, LONGEST_PAUSE, QUIET, Pace, pause

ROUTES = [Ref(GATEWAY, "HTTPRoute", "n", f"r{n}") for n in range(3)]
GATE = Ref(GATEWAY, "Gateway", "n", "g")


def made() -> Pace:
    return Pace(lambda: 1.0)


def write(pace: Pace, ref: Ref, now: float) -> None:
    pace.touch(ref, now)
    assert pace.take(now) == ref
    pace.wrote(ref, now)
    pace.done(ref)


def storm(seconds: float, step: float = 0.01) -> list[float]:
    """When an object is written that changes all the time."""
    pace, times = made(), []
    for tick in range(int(seconds / step)):
        now = 100 + tick * step
        pace.touch(GATE, now)
        if pace.take(now) == GATE:
            pace.wrote(GATE, now)
            pace.done(GATE)
            times.append(now)
    return times


def test_a_single_change_is_due_at_once() -> None:
    pace = made()
    pace.touch(GATE, 5.0)
    assert pace.next() == 5.0
    assert pace.take(4.9) is None
    assert pace.take(5.0) == GATE
    assert pace.take(5.0) is None
    assert len(pace) == 1
    pace.done(GATE)
    assert len(pace) == 0


def test_a_storm_is_written_at_growing_distances() -> None:
    times = storm(20)
    gaps = [later - sooner for sooner, later in itertools.pairwise(times)]
    assert gaps[0] < 2 * FIRST_GAP
    assert max(gaps) < LONGEST_GAP + 0.02
    assert len(times) < 20 / LONGEST_GAP + 5


def test_after_a_quiet_time_it_is_at_once_again() -> None:
    pace = made()
    for n in range(10):
        write(pace, GATE, n * LONGEST_GAP)
    later = 9 * LONGEST_GAP + QUIET + 0.1
    write(pace, GATE, later)
    assert pace.after_write(GATE, LONGEST_GAP) == later + FIRST_GAP


def test_counts_have_longer_gaps() -> None:
    pace = made()
    for n in range(10):
        write(pace, GATE, n * LONGEST_GAP)
    assert pace.after_write(GATE, LONGEST_COUNT_GAP) == 9 * LONGEST_GAP + LONGEST_COUNT_GAP


def test_the_few_go_before_the_many_and_the_many_in_order() -> None:
    pace = made()
    for at, ref in enumerate([*ROUTES, GATE]):
        pace.touch(ref, float(at))
    assert [pace.take(9.0) for _ in range(5)] == [GATE, *ROUTES, None]


def test_a_change_during_a_write_has_its_own_turn() -> None:
    pace = made()
    pace.touch(GATE, 1.0)
    assert pace.take(1.0) == GATE
    pace.touch(GATE, 1.1)
    assert pace.take(1.2) is None
    pace.wrote(GATE, 1.3)
    pace.done(GATE)
    assert pace.next() == 1.3 + FIRST_GAP
    assert pace.take(2.0) == GATE


def test_the_sooner_of_two_wishes_counts() -> None:
    pace = made()
    pace.touch(GATE, 10.0)
    pace.touch(GATE, 1.0)
    pace.touch(GATE, 5.0)
    assert pace.take(1.0) == GATE
    pace.done(GATE)
    assert pace.take(20.0) is None


def test_failures_are_tried_again_ever_later_whatever_changes() -> None:
    pace, now, waits = made(), 0.0, []
    pace.touch(GATE, now)
    for _ in range(10):
        assert pace.take(now) == GATE
        pace.failed(GATE, now)
        pace.done(GATE)
        pace.touch(GATE, now)
        at = pace.next()
        assert at is not None
        waits.append(at - now)
        now = at
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_PAUSE


def test_pauses_have_jitter() -> None:
    assert pause(1, 30.0, 0.0) == 0.25
    assert pause(1, 30.0, 1.0) == 0.5
    assert pause(99, 30.0, 0.5) == 22.5


def test_what_is_gone_has_no_turn() -> None:
    pace = made()
    pace.touch(GATE, 1.0)
    pace.touch(ROUTES[0], 1.0)
    assert pace.take(1.0) == GATE
    pace.forget(GATE)
    pace.done(GATE)
    pace.forget(ROUTES[0])
    assert pace.take(9.0) is None


def test_of_many_that_are_due_only_who_gets_a_turn_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    pops = 0

    def counted(line: list[tuple[float, Ref]]) -> tuple[float, Ref]:
        nonlocal pops
        pops += 1
        return taken(line)

    taken = heapq.heappop
    monkeypatch.setattr(heapq, "heappop", counted)
    pace = made()
    for number in range(1000):
        pace.touch(Ref(GATEWAY, "HTTPRoute", "n", f"r{number}"), 5.0)
    pace.touch(GATE, 5.5)
    assert pace.take(6.0) == GATE, "what says something of many goes first"
    assert pace.take(6.0) is not None
    assert pops == 2
