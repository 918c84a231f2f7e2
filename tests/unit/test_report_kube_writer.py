"""The writer of statuses against an API server in memory, in virtual time: pace, conflicts, faults."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from daemun.api.meta import ParentReference
from daemun.api.status import Condition, GatewayStatus, ListenerStatus, RouteParentStatus, RouteStatus, Status
from daemun.base.names import GATEWAY, Ref
from daemun.flow import Graph, Source
from daemun.gatewayapi.classes import CONTROLLER
from daemun.kube.seen import Seen
from daemun.process.turns import Turns
from daemun.report.kube import writer
from daemun.report.kube.writer import ECHO, GIVE_WAY, PATIENCE, StatusWriter
from support.api.memoryapi import Document, MemoryApi, version
from support.checks.clock import run

GATE = Ref(GATEWAY, "Gateway", "n", "g")
START = datetime(2026, 1, 1, tzinfo=UTC)


def named(number: int) -> Ref:
    return Ref(GATEWAY, "HTTPRoute", "n", f"r{number}")


ROUTE = named(0)


def path(ref: Ref) -> str:
    return f"/{ref.kind}/{ref.name}"


def route(status: Any = "True", *parents: str) -> RouteStatus:
    conditions = (Condition("Accepted", status, "Accepted", "", 1),)
    return RouteStatus(
        tuple(RouteParentStatus(ParentReference(one), CONTROLLER, conditions) for one in parents or ("g",))
    )


def gateway(routes: int, status: Any = "True") -> GatewayStatus:
    conditions = (Condition("Accepted", status, "Accepted", "", 1),)
    return GatewayStatus((), conditions, (ListenerStatus("http", (), routes, conditions),))


class World:
    """A writer, the statuses that it follows, and the API server whose watch reaches it after a moment."""

    def __init__(self) -> None:
        self.api = MemoryApi()
        self.api.watchers.append(self._watch)
        self.statuses: Source[Ref, Status] = Source(Graph(), "statuses")
        self.refs: dict[str, Ref] = {}
        self.delay = 0.003
        self.settled = True
        self.loop = asyncio.get_running_loop()
        self.writer = self.made()
        self.start()

    def made(self) -> StatusWriter:
        return StatusWriter(
            self.api.client(),
            self.statuses,
            lambda ref: path(ref) if path(ref) in self.refs else None,
            lambda: self.settled,
            clock=self.loop.time,
            wall=lambda: datetime.fromtimestamp(START.timestamp() + self.loop.time(), UTC),
            jitter=lambda: 1.0,
        )

    def start(self) -> None:
        self.task = asyncio.ensure_future(self.writer.run())
        self.writer.lead(True)

    async def restart(self) -> None:
        """Another program with the same knowledge."""
        await self.stop()
        self.writer = self.made()
        for at, document in self.api.objects.items():
            self._seen(self.refs[at], document)
        self.start()

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def create(self, ref: Ref, status: Document | None = None) -> None:
        self.refs[path(ref)] = ref
        self.api.put(path(ref), {"metadata": {"name": ref.name}} | ({"status": status} if status else {}))

    def edit(self, ref: Ref, status: Document) -> None:
        """Somebody else writes a status."""
        self.api.put(path(ref), self.api.objects[path(ref)] | {"status": status})

    def status(self, ref: Ref) -> Document:
        found: Document = self.api.objects[path(ref)].get("status", {})
        return found

    def _watch(self, at: str, document: Document | None) -> None:
        self.loop.call_later(self.delay, self._seen, self.refs[at], document)

    def _seen(self, ref: Ref, document: Document | None) -> None:
        if document is None:
            self.writer.seen(ref, None)
        else:
            status = msgspec.json.encode(document["status"]) if "status" in document else b""
            self.writer.seen(ref, Seen(version(document), status))


def story(test: Callable[[World], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A test in a world of its own and in virtual time."""

    def in_world() -> None:
        async def main() -> None:
            world = World()
            await test(world)
            await world.stop()

        run(main())

    in_world.__name__, in_world.__doc__ = test.__name__, test.__doc__
    return in_world


OTHER = {"parentRef": {"name": "theirs"}, "controllerName": "example.com/other", "conditions": []}


@story
async def test_a_change_is_written_at_once_and_once(world: World) -> None:
    world.create(ROUTE)
    await asyncio.sleep(10)
    world.statuses.set(ROUTE, route())
    await asyncio.sleep(GIVE_WAY - 0.001)
    assert world.api.writes() == 0  # the proxies have it first
    await asyncio.sleep(0.01)
    assert world.status(ROUTE)["parents"][0]["controllerName"] == CONTROLLER
    await asyncio.sleep(100)
    assert world.api.writes() == 1
    assert world.writer.counts.writes == {"HTTPRoute": 1}
    assert world.writer.pending == 0


@story
async def test_a_restart_writes_nothing_and_times_survive(world: World) -> None:
    world.create(ROUTE)
    world.create(GATE)
    world.statuses.set(ROUTE, route())
    world.statuses.set(GATE, gateway(1))
    await asyncio.sleep(100)
    before = dict(world.api.objects)
    writes = world.api.writes()
    await world.restart()
    await asyncio.sleep(100)
    assert world.api.writes() == writes
    world.statuses.set(ROUTE, route("True", "g", "h"))
    await asyncio.sleep(1)
    first, second = world.status(ROUTE)["parents"]
    assert first == before[path(ROUTE)]["status"]["parents"][0]
    assert second["conditions"][0]["lastTransitionTime"] > first["conditions"][0]["lastTransitionTime"]


@story
async def test_what_another_writer_took_away_is_written_again(world: World) -> None:
    world.create(ROUTE)
    world.statuses.set(ROUTE, route())
    await asyncio.sleep(10)
    world.edit(ROUTE, {"parents": [OTHER]})
    await asyncio.sleep(1)
    assert [one["controllerName"] for one in world.status(ROUTE)["parents"]] == ["example.com/other", CONTROLLER]


@story
async def test_entries_of_a_route_that_is_ours_no_more_end(world: World) -> None:
    world.create(ROUTE, {"parents": [OTHER]})
    world.statuses.set(ROUTE, route())
    await asyncio.sleep(10)
    assert len(world.status(ROUTE)["parents"]) == 2
    world.statuses.delete(ROUTE)
    await asyncio.sleep(PATIENCE + 0.1)
    assert world.status(ROUTE) == {"parents": [OTHER]}


@story
async def test_a_status_that_comes_a_little_later_than_the_object_is_not_missed(world: World) -> None:
    world.create(ROUTE)
    world.statuses.set(ROUTE, route())
    await asyncio.sleep(10)
    world.statuses.delete(ROUTE)  # as while its kind is read anew
    await asyncio.sleep(PATIENCE / 2)
    world.statuses.set(ROUTE, route())
    await asyncio.sleep(10)
    assert world.api.writes() == 1


@story
async def test_a_conflict_takes_the_newest_and_tries_again(world: World) -> None:
    world.create(ROUTE)
    await asyncio.sleep(1)
    world.delay = 5.0  # the watch is slow, so that the writer does not know
    world.edit(ROUTE, {"parents": [OTHER]})
    world.statuses.set(ROUTE, route())
    await asyncio.sleep(0.5)
    assert [one["controllerName"] for one in world.status(ROUTE)["parents"]] == ["example.com/other", CONTROLLER]
    assert world.writer.counts.conflicts == 1


@story
async def test_what_the_watch_brings_is_newer_than_what_was_asked_for_before(world: World) -> None:
    world.create(ROUTE)
    world.statuses.set(ROUTE, route("True"))
    await asyncio.sleep(10)
    as_wanted = world.status(ROUTE)
    world.edit(ROUTE, {})
    world.delay, world.api.seconds = 100.0, 1.0
    await asyncio.sleep(0.1)
    world.edit(ROUTE, as_wanted)  # a conflict for what is under way; the newest is read at 1.5 ...
    await asyncio.sleep(1.5)
    world.delay = 0.003
    world.edit(ROUTE, {"parents": [OTHER]})  # ... and is outdated when it arrives
    await asyncio.sleep(10)
    assert world.writer.counts.conflicts == 1
    assert len(world.status(ROUTE)["parents"]) == 2


@story
async def test_the_next_change_waits_for_nothing_but_its_own_gap(world: World) -> None:
    world.create(ROUTE)
    world.statuses.set(ROUTE, route("False"))
    await asyncio.sleep(0.1)
    world.statuses.set(ROUTE, route("True"))
    await asyncio.sleep(GIVE_WAY + 0.01)
    assert world.api.writes() == 2


@story
async def test_what_is_told_one_after_the_other_is_looked_at_once(world: World) -> None:
    """As an object is that has changed, and what comes of it, and that the proxies have it."""
    world.create(ROUTE)
    await asyncio.sleep(10)
    looks = world.writer.counts.skipped
    for status in ("False", "Unknown", "True"):
        world.statuses.set(ROUTE, route(status))
        await asyncio.sleep(GIVE_WAY / 4)
    await asyncio.sleep(10)
    assert world.status(ROUTE)["parents"][0]["conditions"][0]["status"] == "True"
    assert world.api.writes() == 1
    assert world.writer.counts.skipped - looks == 1  # at what the watch brought back


@story
async def test_an_object_made_anew_during_a_write_is_written(world: World) -> None:
    world.create(ROUTE)
    await asyncio.sleep(1)
    world.api.seconds = 1.0
    world.statuses.set(ROUTE, route())
    await asyncio.sleep(0.1)
    world.api.delete(path(ROUTE))
    world.statuses.delete(ROUTE)
    await asyncio.sleep(0.6)
    world.create(ROUTE)  # before it was heard that the other one is gone
    await asyncio.sleep(5)
    world.statuses.set(ROUTE, route())
    await asyncio.sleep(5)
    assert world.status(ROUTE)


@story
async def test_a_slow_watch_costs_no_writes(world: World) -> None:
    world.create(ROUTE)
    await asyncio.sleep(1)
    world.delay = ECHO / 2
    world.statuses.set(ROUTE, route("False"))
    await asyncio.sleep(0.01)
    world.statuses.set(ROUTE, route("True"))
    await asyncio.sleep(10)
    assert world.status(ROUTE)["parents"][0]["conditions"][0]["status"] == "True"
    assert world.api.writes() == 2
    assert world.writer.counts.conflicts == 0


@story
async def test_who_fights_with_us_gets_two_answers_a_second(world: World) -> None:
    world.create(ROUTE)
    world.statuses.set(ROUTE, route())
    await asyncio.sleep(10)
    before = world.api.writes()
    for _ in range(600):
        world.edit(ROUTE, {"parents": []})
        await asyncio.sleep(0.05)
    assert world.api.writes() - before <= 2 * 30 + 5
    await asyncio.sleep(2)
    assert len(world.status(ROUTE)["parents"]) == 1


@story
async def test_a_thousand_routes_are_few_writes_of_the_gateway(world: World) -> None:
    world.create(GATE)
    await asyncio.sleep(10)
    for number in range(1000):
        world.create(named(number))
        world.statuses.set(named(number), route())
        world.statuses.set(GATE, gateway(number + 1))
        await asyncio.sleep(0.01)
    await asyncio.sleep(1.4)
    assert world.status(GATE)["listeners"][0]["attachedRoutes"] == 1000
    assert world.api.writes("/Gateway") <= 20
    assert world.api.writes("/HTTPRoute") == 1000


@story
async def test_a_condition_does_not_wait_as_long_as_a_count(world: World) -> None:
    world.create(GATE)
    for number in range(1000):
        world.statuses.set(GATE, gateway(number))
        await asyncio.sleep(0.01)
    world.statuses.set(GATE, gateway(1000, "False"))
    await asyncio.sleep(0.51)
    assert world.status(GATE)["conditions"][0]["status"] == "False"


@story
async def test_nothing_is_written_without_leading(world: World) -> None:
    world.writer.lead(False)
    world.create(ROUTE)
    world.statuses.set(ROUTE, route())
    await asyncio.sleep(10)
    assert not world.api.requests
    assert world.writer.pending == 0
    world.writer.lead(True)
    await asyncio.sleep(GIVE_WAY + 0.01)
    assert world.api.writes() == 1


@story
async def test_what_may_still_change_is_not_told(world: World) -> None:
    world.create(ROUTE)
    await asyncio.sleep(1)
    world.settled = False
    world.statuses.set(ROUTE, route("False"))
    await asyncio.sleep(10)
    world.statuses.set(ROUTE, route("True"))
    world.settled = True
    await asyncio.sleep(0.1)
    assert world.status(ROUTE)["parents"][0]["conditions"][0]["status"] == "True"
    assert world.api.writes() == 1


@story
async def test_an_object_that_is_gone_is_forgotten(world: World) -> None:
    world.create(ROUTE)
    await asyncio.sleep(1)
    world.delay = 100.0
    world.api.delete(path(ROUTE))
    world.statuses.set(ROUTE, route())
    await asyncio.sleep(50)
    assert world.api.writes() == 1
    assert not world.writer.counts.errors
    await asyncio.sleep(100)  # the watch says it too
    assert world.writer.pending == 0


@story
async def test_a_kind_that_is_not_installed_is_not_written(world: World) -> None:
    world.statuses.set(ROUTE, route())
    world.writer.seen(ROUTE, Seen("1"))
    await asyncio.sleep(10)
    assert not world.api.requests


def test_a_refusal_is_told_once_and_stops_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    @story
    async def it(world: World) -> None:
        world.api.fault = lambda _, at: 403 if at.startswith(path(ROUTE)) else None
        for ref in (ROUTE, GATE):
            world.create(ref)
        world.statuses.set(ROUTE, route())
        world.statuses.set(GATE, gateway(1))
        await asyncio.sleep(0.1)
        assert world.status(GATE)
        await asyncio.sleep(300)
        assert 10 <= world.api.writes(path(ROUTE)) <= 20
        world.api.fault = lambda _, at: None
        await asyncio.sleep(31)
        assert world.status(ROUTE)

    with caplog.at_level(logging.WARNING):
        it()
    assert [record.getMessage() for record in caplog.records] == [
        "The status of HTTPRoute n/r0 cannot be written: no: 403."
    ]


@pytest.mark.parametrize("fault", [None, 503, 429])
def test_after_an_outage_all_is_written_soon_and_meanwhile_little_is_asked(fault: int | None) -> None:
    @story
    async def it(world: World) -> None:
        for number in range(100):
            world.create(named(number))
        await asyncio.sleep(1)
        if fault is None:
            world.api.reachable.clear()
        else:
            world.api.fault = lambda *_: fault
        for number in range(100):
            world.statuses.set(named(number), route("False"))
        await asyncio.sleep(600)
        assert len(world.api.requests) < 12 + 600 / 2
        for number in range(100):
            world.statuses.set(named(number), route("True"))
        assert world.writer.pending == 100
        world.api.reachable.set()
        world.api.fault = lambda *_: None
        await asyncio.sleep(5)
        statuses = [world.status(named(number))["parents"][0]["conditions"][0]["status"] for number in range(100)]
        assert statuses == ["True"] * 100

    it()


@story
async def test_one_object_that_the_server_cannot_take_delays_nobody(world: World) -> None:
    world.api.fault = lambda _, at: 500 if at.startswith(path(ROUTE)) else None
    for ref in (ROUTE, GATE):
        world.create(ref)
    world.statuses.set(ROUTE, route())
    for number in range(100):
        world.statuses.set(GATE, gateway(0, "True" if number % 2 else "False"))
        await asyncio.sleep(5)
        assert world.status(GATE)["conditions"][0]["status"] == ("True" if number % 2 else "False")
    assert world.api.writes(path(ROUTE)) <= 25


@story
async def test_requests_go_side_by_side_but_not_too_many(world: World) -> None:
    world.api.seconds = 1.0
    for number in range(48):
        world.create(named(number))
        world.statuses.set(named(number), route())
    await asyncio.sleep(0.5)
    assert world.api.writes() == 12
    await asyncio.sleep(4)
    assert world.api.writes() == 48


def test_to_begin_to_lead_among_very_many_objects_is_many_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    many = 1000
    monkeypatch.setattr(writer, "Turns", lambda: Turns(0.0))  # others have their turn after every step

    @story
    async def test(world: World) -> None:
        for number in range(many):
            world.create(named(number))
            world.statuses.set(named(number), route())
        await asyncio.sleep(60)
        assert world.api.writes() == many
        await world.restart()
        assert world.writer.pending == many
        turns = 0
        while world.writer._many:
            await asyncio.sleep(0)
            turns += 1
        assert turns >= many
        await asyncio.sleep(10)
        assert world.writer.counts.skipped == many
        assert not world.writer.pending

    test()
