"""The election against an API server in memory, in virtual time: never two leaders, never none for long."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from daemun.base.names import Name
from daemun.replica.lease import AlwaysLeading, LeaderElection, Terms
from support.api.memoryapi import Document, MemoryApi
from support.checks.clock import run

NAME = Name("system", "daemun")
PATH = "/apis/coordination.k8s.io/v1/namespaces/system/leases/daemun"
TERMS = Terms()


class Replica:
    """A replica with its own line to the API server and its own idea of what time it is."""

    def __init__(self, world: "World", name: str, *, ahead: timedelta = timedelta()) -> None:
        self.world = world
        self.name = name
        self.ahead = ahead
        self.line = asyncio.Event()
        self.line.set()
        self.election = LeaderElection(
            world.api.client(self.line),
            NAME,
            name,
            self._changed,
            clock=world.loop.time,
            wall=lambda: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=world.loop.time()) + self.ahead,
            jitter=lambda: 0.5,
        )
        self.task = asyncio.ensure_future(self.election.run())

    def _changed(self, leading: bool) -> None:
        self.world.changed(self.name, leading)

    def kill(self) -> None:
        """As by a signal that cannot be caught: nothing that it would do at the end gets through."""
        self.line.clear()
        self.task.cancel()
        self.world.leaders.discard(self.name)

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


class World:
    """The replicas, and who led when."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.api = MemoryApi()
        self.leaders: set[str] = set()
        self.changes: list[tuple[float, str, bool]] = []
        self.news = asyncio.Event()

    def changed(self, name: str, leading: bool) -> None:
        self.changes.append((self.loop.time(), name, leading))
        (self.leaders.add if leading else self.leaders.discard)(name)
        self.news.set()
        assert len(self.leaders) <= 1

    def lease(self) -> Document:
        spec: Document = self.api.objects[PATH]["spec"]
        return spec

    async def until(self, *leaders: str) -> float:
        """How long it takes until these lead."""
        began = self.loop.time()
        async with asyncio.timeout(1000):
            while self.leaders != set(leaders):
                self.news.clear()
                await self.news.wait()
        return self.loop.time() - began


def story(test: Callable[[World], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A test in a world of its own and in virtual time."""

    def in_world() -> None:
        async def main() -> None:
            await test(World())

        run(main())

    in_world.__name__, in_world.__doc__ = test.__name__, test.__doc__
    return in_world


@story
async def test_the_first_leads_at_once_and_goes_on(world: World) -> None:
    a = Replica(world, "a")
    assert await world.until("a") < 0.1
    Replica(world, "b")
    await asyncio.sleep(3600)
    assert world.changes == [(pytest.approx(0.0, abs=0.1), "a", True)]
    assert a.election.leading
    assert a.election.holder == "a"
    assert world.lease()["leaseDurationSeconds"] == TERMS.lease
    assert world.lease()["leaseTransitions"] == 0
    assert world.lease()["renewTime"] > world.lease()["acquireTime"]


@story
async def test_who_stops_hands_over_within_two_seconds(world: World) -> None:
    a = Replica(world, "a")
    await world.until("a")
    b = Replica(world, "b")
    await asyncio.sleep(100)
    await a.stop()
    assert await world.until("b") <= 2
    assert world.lease()["leaseTransitions"] == 1
    assert b.election.holder == "b"


@story
async def test_who_is_killed_is_succeeded_when_the_lease_has_run_out(world: World) -> None:
    a = Replica(world, "a")
    await world.until("a")
    Replica(world, "b")
    await asyncio.sleep(100)
    a.kill()
    assert TERMS.lease - TERMS.retry <= await world.until("b") <= TERMS.lease + TERMS.retry


@story
async def test_who_is_cut_off_stops_before_another_leads_and_tries_again_for_ever(world: World) -> None:
    a = Replica(world, "a")
    await world.until("a")
    b = Replica(world, "b")
    await asyncio.sleep(100)
    a.line.clear()
    assert await world.until() <= TERMS.renew
    assert not a.election.leading
    assert await world.until("b") > 1
    await asyncio.sleep(3600)
    a.line.set()
    await asyncio.sleep(100)
    b.kill()
    assert await world.until("a") <= TERMS.lease + TERMS.retry


@story
async def test_while_nobody_reaches_the_server_nobody_leads(world: World) -> None:
    Replica(world, "a")
    await world.until("a")
    world.api.fault = lambda *_: 503
    await world.until()
    world.api.fault = lambda *_: None
    assert await world.until("a") <= 2


@story
async def test_a_short_outage_changes_nothing(world: World) -> None:
    a = Replica(world, "a")
    await world.until("a")
    Replica(world, "b")
    a.line.clear()
    await asyncio.sleep(TERMS.renew / 2)
    a.line.set()
    await asyncio.sleep(100)
    assert world.leaders == {"a"}
    assert len(world.changes) == 1


@pytest.mark.parametrize("hours", [-1, 1])
def test_clocks_may_be_wrong_and_jump(hours: int) -> None:
    @story
    async def it(world: World) -> None:
        a = Replica(world, "a", ahead=timedelta(hours=hours))
        await world.until("a")
        Replica(world, "b")
        await asyncio.sleep(100)
        a.ahead = timedelta(hours=-hours)
        await asyncio.sleep(100)
        assert world.leaders == {"a"}
        a.kill()
        assert await world.until("b") <= TERMS.lease + TERMS.retry

    it()


@story
async def test_a_late_loop_does_not_make_a_leader(world: World) -> None:
    """The event loop stands still for longer than the lease: it is over before anything was told."""
    a = Replica(world, "a")
    await world.until("a")
    a.election._until = world.loop.time() - 1  # as if the time had passed in one step
    assert not a.election.leading


@story
async def test_the_lease_is_renewed_by_one_request_and_read_when_somebody_else_has_changed_it(world: World) -> None:
    Replica(world, "a")
    await world.until("a")
    await asyncio.sleep(60)
    world.api.requests.clear()
    await asyncio.sleep(20 * TERMS.retry)
    assert 19 <= len(world.api.requests) <= 21
    assert {method for method, _ in world.api.requests} == {"PATCH"}
    world.api.requests.clear()
    world.api.put(PATH, world.api.objects[PATH])
    await asyncio.sleep(1.5 * TERMS.retry)
    assert [method for method, _ in world.api.requests][:3] == ["PATCH", "GET", "PATCH"]


@story
async def test_who_is_named_by_somebody_else_leads_from_then_on(world: World) -> None:
    a, b = Replica(world, "a"), Replica(world, "b")
    await world.until("a")
    await asyncio.sleep(60)
    world.api.put(PATH, world.api.objects[PATH] | {"spec": world.lease() | {"holderIdentity": "b"}})
    await world.until("b")
    assert (a.election.leading, b.election.leading) == (False, True)


@story
async def test_whoever_changes_the_lease_otherwise_does_not_end_it(world: World) -> None:
    Replica(world, "a")
    await world.until("a")
    for _ in range(500):
        there = world.api.objects[PATH]
        world.api.put(PATH, there | {"metadata": there["metadata"] | {"labels": {"x": "y"}}})
        await asyncio.sleep(0.7)
    assert len(world.changes) == 1
    assert world.api.objects[PATH]["metadata"]["labels"] == {"x": "y"}


@story
async def test_a_lease_that_was_deleted_is_made_again(world: World) -> None:
    Replica(world, "a")
    await world.until("a")
    world.api.delete(PATH)
    await asyncio.sleep(10)
    assert world.lease()["holderIdentity"] == "a"
    assert len(world.changes) == 1


@pytest.mark.parametrize("empty", [{}, {"spec": {}}, {"spec": {"holderIdentity": ""}}])
def test_a_lease_that_nobody_has_held_is_taken(empty: Document) -> None:
    @story
    async def it(world: World) -> None:
        world.api.put(PATH, {"metadata": {"name": "daemun"}} | empty)
        Replica(world, "a")
        assert await world.until("a") < 0.1

    it()


@story
async def test_who_comes_back_under_its_own_name_need_not_wait(world: World) -> None:
    a = Replica(world, "a")
    await world.until("a")
    a.kill()
    Replica(world, "a")
    assert await world.until("a") < 1


@story
async def test_of_many_who_begin_together_one_leads(world: World) -> None:
    for name in "abcdef":
        Replica(world, name)
    await asyncio.sleep(1)
    assert len(world.leaders) == 1


def test_what_keeps_from_leading_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    @story
    async def it(world: World) -> None:
        world.api.fault = lambda *_: 403
        Replica(world, "a")
        await asyncio.sleep(600)
        world.api.fault = lambda *_: None
        assert await world.until("a") <= 2

    it()
    assert [one.getMessage() for one in caplog.records if one.levelname == "WARNING"] == [
        "The lease system/daemun cannot be had: no: 403"
    ]


def test_a_single_replica_leads_as_long_as_it_runs() -> None:
    async def it() -> None:
        told: list[bool] = []
        alone = AlwaysLeading(told.append)
        task = asyncio.ensure_future(alone.run())
        await asyncio.sleep(1)
        assert alone.leading
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert not alone.leading
        assert told == [True, False]

    run(it())
