"""A change wakes whoever has something to do because of it, once: what it costs is most of all how many are woken.

Who has to send it to proxies is not kept waiting by those who only look whether it is time.
"""

import asyncio
from pathlib import Path

from daemun.base.names import CORE, Name, Ref
from daemun.gatewayapi.proxies.accounts import Account
from daemun.process.disk import Shelf
from daemun.replica.replicas import RENEW_SECONDS, Replicas
from daemun.report.kube.writer import GIVE_WAY
from daemun.sources.batch import Batch
from daemun.sources.kube.backoff import Pace
from daemun.sources.kube.memory import GATHER_SECONDS, KubeMemory
from daemun.sources.kube.outbox import Outbox
from support.api.memoryapi import MemoryApi
from support.checks.clock import run
from support.checks.steps import Steps
from unit.test_report_kube_writer import ROUTE, World, route

SERVICE = Ref(CORE, "Service", "default", "it")


class CountedWorld(World):
    """In which the writer's steps are counted."""

    def start(self) -> None:
        self.steps = Steps()
        self.task = asyncio.ensure_future(self.steps.of(self.writer.run()))
        self.writer.lead(True)


def test_a_status_wakes_its_writer_when_it_is_time_and_not_before_or_after() -> None:
    async def story(delay: float) -> None:
        world = CountedWorld()
        world.delay = delay
        world.create(ROUTE)
        world.statuses.set(ROUTE, route())
        await asyncio.sleep(10)
        before, writes = world.steps.taken, world.api.writes()
        world.edit(ROUTE, world.status(ROUTE) | {"somebody": "else"})  # as if a route had changed
        await asyncio.sleep(delay + 0.001)
        world.statuses.set(ROUTE, route("False"))
        await asyncio.sleep(GIVE_WAY / 2)
        assert world.steps.taken == before, "the proxies have it first"
        await asyncio.sleep(GIVE_WAY)
        assert world.api.writes() == writes + 1
        assert world.steps.taken == before + 1
        await asyncio.sleep(10)
        assert world.steps.taken == before + 1, "neither the answer nor what the watch brings back"
        assert world.api.writes() == writes + 1
        await world.stop()

    run(story(0.003))


def test_what_others_write_meanwhile_is_looked_at() -> None:
    async def story() -> None:
        world = CountedWorld()
        world.create(ROUTE)
        world.statuses.set(ROUTE, route())
        await asyncio.sleep(10)
        wanted = world.status(ROUTE)
        world.edit(ROUTE, {"parents": []})
        await asyncio.sleep(GIVE_WAY + 0.05)
        world.edit(ROUTE, {"parents": []})
        await asyncio.sleep(10)
        assert world.status(ROUTE)["parents"][0]["controllerName"] == wanted["parents"][0]["controllerName"]
        await world.stop()

    run(story())


def test_what_is_kept_wakes_nobody_before_it_is_written(tmp_path: Path) -> None:
    async def story() -> None:
        steps = Steps()
        asked: list[None] = []

        def complete() -> bool:
            asked.append(None)
            return False

        memory = KubeMemory(Shelf(tmp_path, bytes(32)), complete)
        task = asyncio.create_task(steps.of(memory.run()))
        await asyncio.sleep(0)
        before = steps.taken
        for _ in range(5):
            memory.note({SERVICE: None})
            await asyncio.sleep(GATHER_SECONDS / 10)
        assert steps.taken == before
        assert not asked
        await asyncio.sleep(GATHER_SECONDS)
        assert steps.taken == before + 1
        assert asked
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(story())


def test_a_change_alone_wakes_the_outbox_once() -> None:
    async def story() -> None:
        steps, batches = Steps(), list[Batch]()
        outbox = Outbox(batches.append, lambda: True, Pace(rest=0.0))
        outbox.poke()
        task = asyncio.create_task(steps.of(outbox.run()))
        await asyncio.sleep(1)
        before = steps.taken
        outbox.put(SERVICE, object())
        await asyncio.sleep(1)
        assert len(batches) == 2
        assert steps.taken == before + 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(story())


def test_who_leads_is_not_woken_to_tell_nothing() -> None:
    async def story() -> None:
        leading, accounts = True, list[Account]()

        def account() -> Account:
            accounts.append({})
            return {}

        replicas = Replicas(
            MemoryApi().client(), Name("default", "it"), "me", account, lambda _: None, lambda: leading, alone=3600.0
        )
        steps = Steps()
        task = asyncio.create_task(steps.of(replicas._tell()))
        await asyncio.sleep(0)
        before = steps.taken
        for _ in range(5):
            replicas.changed()
            await asyncio.sleep(RENEW_SECONDS / 20)
        assert steps.taken == before
        leading = False
        replicas.changed()
        await asyncio.sleep(RENEW_SECONDS / 20)
        assert accounts, "who leads no more tells at once what its proxies have"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(story())
