"""Very many objects at once: only to put them where they belong takes many turns of the event loop."""

import asyncio

import pytest

from daemun.api.core import Service
from daemun.api.meta import ObjectMeta
from daemun.base.names import CORE, Name, Ref
from daemun.flow import MISSING
from daemun.plane import arrivals
from daemun.plane.arrivals import MANY, Arrivals
from daemun.plane.plane import ControlPlane
from daemun.process.turns import Turns
from unit.test_plane_slices import nobody


@pytest.fixture(autouse=True)
def _resting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others have their turn after every step."""
    monkeypatch.setattr(arrivals, "Turns", lambda: Turns(0.0))


def service(number: int) -> tuple[Ref, object | None]:
    name = f"s{number}"
    return Ref(CORE, "Service", "n", name), Service(ObjectMeta(name, "n"))


def key(number: int) -> Name:
    return Name("n", f"s{number}")


async def turns(work: asyncio.Task[object]) -> int:
    """How many turns of the event loop it takes."""
    count = 0
    while not work.done():
        await asyncio.sleep(0)
        count += 1
    return count


async def test_few_go_at_once_and_many_a_slice_at_a_time() -> None:
    way = Arrivals(lambda _: None)
    few = way.few([service(0), (service(1)[0], None)])
    assert few == {(CORE, "Service"): {key(0): service(0)[1], key(1): MISSING}}
    assert not way
    assert way.few(map(service, range(MANY + 1))) is None
    taking = asyncio.create_task(way.many())
    assert await turns(taking) > MANY / 100
    assert taking.result() == {(CORE, "Service"): {key(number): service(number)[1] for number in range(MANY + 1)}}
    assert not way


async def test_who_comes_meanwhile_comes_after() -> None:
    way = Arrivals(lambda _: None)
    way.few(map(service, range(MANY + 1)))
    taking = asyncio.create_task(way.many())
    await asyncio.sleep(0)
    assert way.few([(service(0)[0], None)]) is None
    assert (await taking)[CORE, "Service"][key(0)] is not MISSING
    assert await way.many() == {(CORE, "Service"): {key(0): MISSING}}
    assert not way


async def test_in_a_control_plane_they_are_one_step() -> None:
    told: list[int] = []
    plane = ControlPlane(None, nobody, lambda: told.append(len(plane.translation.sources[CORE, "Service"])))
    running = asyncio.create_task(plane.run())
    try:
        plane.take(map(service, range(MANY + 1)))
        assert not plane.settled
        await asyncio.sleep(0)
        plane.take([(service(0)[0], None)])
        while not plane.settled:  # noqa: ASYNC110 - nothing tells it
            await asyncio.sleep(0)
        assert set(told) == {MANY + 1, MANY} or set(told) == {MANY}, "never half of it"
        assert told[-1] == MANY
    finally:
        running.cancel()
