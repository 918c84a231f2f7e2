"""Following registries: what is followed ends when it is told to, even where a library has lost that."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from daemun.base.names import DAEMUN, Ref
from daemun.flow import Graph, Source
from daemun.ir.instances import Instances, Lookup
from daemun.ir.registries import Configured
from daemun.sources.registries.registry import Registry
from daemun.sources.registries.watcher import RegistryWatcher
from support.scenes.world import until

KEY = "default/deaf"


class Deaf(Registry):
    """Loses the first time that it is told to end, as asyncio.wait_for of Python 3.11 may."""

    def __init__(self) -> None:
        self.told = 0

    async def follow(self, lookup: Lookup) -> AsyncGenerator[Instances, None]:
        del lookup
        yield ()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        self.told += 1
        await asyncio.Event().wait()

    async def close(self) -> None:
        self.told += 1


async def test_one_that_has_not_heard_it_is_told_again() -> None:
    registry = Deaf()
    configured: Source[str, Configured] = Source(Graph(None), "registries")
    watcher = RegistryWatcher(lambda _: registry, lambda _: None, lambda _: None)
    watcher.follow(configured)
    configured.update({KEY: Configured(Ref(DAEMUN, "Registry", "default", "deaf"), "deaf", {})})
    watcher.want({Lookup(KEY, "a")}, set())
    running = asyncio.create_task(watcher.run())
    await until(lambda: watcher.complete)
    running.cancel()
    async with asyncio.timeout(30):
        await asyncio.gather(running, return_exceptions=True)
    assert registry.told == 2
