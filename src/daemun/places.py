"""The places that Settings name beside the platform's own source: for Secrets, and registries that know instances."""

import asyncio
import functools
import os
from collections.abc import Callable
from pathlib import Path

from daemun.base.names import GLOO
from daemun.gloo.classic.scope import SETTINGS
from daemun.plane import ControlPlane
from daemun.sources.registries.kinds import KINDS
from daemun.sources.registries.memory import Memory
from daemun.sources.registries.watcher import RegistryWatcher
from daemun.sources.secrets.vault.opened import opened
from daemun.sources.secrets.watcher import Objects, Remembered, SecretWatcher, Want


class Places:
    """Follows them for a control plane. `take` is told of Secrets, `complete` whether everything that is asked for has
    come from everywhere; `want` and `remembered` are what the platform itself has of Secrets. Below the folder `kept`
    lies what registries said last.
    """

    def __init__(
        self,
        plane: ControlPlane,
        take: Callable[[Objects], None],
        complete: Callable[[], bool],
        want: Want | None = None,
        remembered: Remembered | None = None,
        kept: Path | None = None,
    ) -> None:
        open_vault = functools.partial(opened, environment=os.environ)
        told = functools.partial(plane.report, "Secrets")
        self.secrets = SecretWatcher(open_vault, take, told, want, remembered)
        located = functools.partial(plane.locate, complete=complete)
        self.registries = RegistryWatcher(KINDS, located, functools.partial(plane.report, "instances"), Memory(kept))
        settings = plane.translation.sources[GLOO, "Settings"]
        self.secrets.follow(settings, SETTINGS)
        self.registries.follow(settings, SETTINGS)
        plane.translation.instances.on_read(self.registries.want)

    @property
    def complete(self) -> bool:
        """Whether every place has given what is asked of it, or nobody waits for it any more."""
        return self.secrets.complete and self.registries.complete

    async def run(self) -> None:
        """Follow them until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.secrets.run())
            group.create_task(self.registries.run())
