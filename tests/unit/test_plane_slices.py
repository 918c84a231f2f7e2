"""A batch that is too much for one turn of the event loop: everything else has its turn, and nobody sees half of it."""

import asyncio
from collections.abc import Iterable

from daemun.api.decode import decode
from daemun.base.names import CORE, Ref
from daemun.plane import backlog
from daemun.plane.plane import ControlPlane
from daemun.translate import Translation
from support.objects.documents import Doc, exact, gateway, listener, route, rule, service

MANY = 60

Objects = list[tuple[Ref, object | None]]


async def nobody(_: object) -> None:
    return None


def typed(documents: Iterable[Doc]) -> Objects:
    found = [decode(document) for document in documents]
    return [(one.ref, one.value) for one in found if one is not None]


def routes(path: str) -> Objects:
    return typed(
        route(f"r{i}", rule(exact(path), to="s"), parents=["g"], hosts=[f"h{i}.example.com"]) for i in range(MANY)
    )


async def test_a_large_batch_is_one_step_for_everybody_and_no_change_is_lost() -> None:
    told: list[dict[Ref, object]] = []
    plane = ControlPlane(None, nobody, lambda: told.append(dict(plane.translation.statuses)))
    plane.translation.graph.enough = lambda: True  # after every step others have their turn
    running = asyncio.create_task(plane.run())
    base = typed([gateway("g", listener(8080)), *service("s", 9000)])
    changes = [base + routes("/old"), routes("/new"), [(ref, None) for ref, _ in routes("/old")[:10]]]
    try:
        plane.take(changes[0])
        turns = 0
        while not told:
            turns += 1
            assert len(plane.translation.statuses) in {0, MANY + 1}, "all or nothing"
            assert not plane.settled
            await asyncio.sleep(0)
        assert turns > MANY / 16
        assert len(told[0]) == MANY + 1
        for change in changes[1:]:  # the second comes while the first is under way
            before = dict(plane.translation.resources)
            plane.take(change)
            await asyncio.sleep(0)
            assert dict(plane.translation.resources) == before
        while not plane.settled:  # noqa: ASYNC110 - nothing tells it
            await asyncio.sleep(0)
    finally:
        running.cancel()
    built = Translation()
    built.apply(change for changes in changes for change in changes)
    assert dict(plane.translation.resources) == dict(built.resources)
    assert dict(plane.translation.statuses) == dict(built.statuses) == told[-1]
    assert len(told[-1]) == MANY - 10 + 1


def of(tenant: str, *numbers: int) -> Objects:
    return typed(route(f"{tenant}/r{one}", rule(exact(f"/{one}"), to="s"), parents=["g"]) for one in numbers)


async def test_a_tenant_with_many_changes_holds_up_no_other() -> None:
    told: list[set[str]] = []

    def told_now() -> None:
        assert plane.current, "so that statuses are written"
        told.append({f"{one.namespace}/{one.name}" for one in plane.translation.statuses if one.kind == "HTTPRoute"})

    plane = ControlPlane(None, nobody, told_now, fair=True)
    plane.translation.graph.enough = lambda: True
    running = asyncio.create_task(plane.run())
    many, tenants = 3 * backlog.MOST, ("red", "blue")
    base = [one for each in tenants for one in (gateway(f"{each}/g", listener(8080)), *service(f"{each}/s", 1))]
    try:
        plane.take(typed(base))
        plane.take(of("red", *range(many)))
        plane.take(of("blue", 0))
        while not any("blue/r0" in one for one in told):  # noqa: ASYNC110 - nothing tells it
            await asyncio.sleep(0)
        assert len(told[-1]) <= 2 * backlog.MOST, "not after all of red's"
        assert not plane.settled
        while not plane.settled:  # noqa: ASYNC110 - nothing tells it
            await asyncio.sleep(0)
    finally:
        running.cancel()
    assert len(told[-1]) == many + 1


async def test_what_cannot_be_read_is_told_also_if_much_is_under_way() -> None:
    plane = ControlPlane(None, nobody, lambda: None, fair=True)
    plane.translation.graph.enough = lambda: True
    running = asyncio.create_task(plane.run())
    lost = Ref(CORE, "Service", "default", "s")
    try:
        plane.take(typed([gateway("g", listener(8080))]))
        plane.take(routes("/old"))
        assert not plane.settled
        plane.take([], unread=[lost])
        while not plane.settled:  # noqa: ASYNC110 - nothing tells it
            await asyncio.sleep(0)
    finally:
        running.cancel()
    told = {problem.text for found in plane.translation.problems.values() for problem in found}
    assert told == {f"{lost} cannot be read"}


async def test_what_is_known_before_the_sources_are_read_lets_nobody_speak() -> None:
    """Neither proxies nor statuses: the machine may well be so busy that even this needs several turns."""
    told: list[int] = []
    plane = ControlPlane(None, nobody, lambda: told.append(plane.batches))
    plane.translation.graph.enough = lambda: True
    running = asyncio.create_task(plane.run())
    try:
        plane.introduce(b"certificate", b"key")
        plane.report_registries({})
        for _ in range(100):
            await asyncio.sleep(0)
        assert not told
        assert not plane.xds._ready.is_set()
        plane.take(typed([gateway("g", listener(8080))]))
        while not plane.settled:  # noqa: ASYNC110 - nothing tells it
            await asyncio.sleep(0)
        assert plane.xds._ready.is_set()
        assert set(told) == {1}
    finally:
        running.cancel()
