"""What is asked beside the platform's own source: places for Secrets, registries, servers of functions, meshes."""

import asyncio
import functools
import os
from collections.abc import Callable
from pathlib import Path
from weakref import WeakValueDictionary

from daemun.base.names import GLOO
from daemun.gloo.settings.scope import SETTINGS
from daemun.gloo.upstreams.internals import guard_of
from daemun.plane.plane import ControlPlane
from daemun.sources.functions.watcher import FunctionWatcher
from daemun.sources.functions.watcher import memory as functions_kept
from daemun.sources.identities.istio import Istiod, IstioIssuer
from daemun.sources.identities.watcher import IdentityWatcher
from daemun.sources.registries.kinds import opened as open_registry
from daemun.sources.registries.memory import memory as registries_kept
from daemun.sources.registries.registry import Shared
from daemun.sources.registries.watcher import RegistryWatcher
from daemun.sources.secrets.vault.opened import opened
from daemun.sources.secrets.watcher import Objects, Remembered, SecretWatcher, Want


class Places:
    """Follows them for a control plane. `take` is told of Secrets, `complete` whether everything that is asked for has
    come from everywhere; `want` and `remembered` are what the platform itself has of Secrets. Below the folder `kept`
    lies what registries said last. `istiod` is Istio's authority, if there is one.
    """

    def __init__(
        self,
        plane: ControlPlane,
        take: Callable[[Objects], None],
        complete: Callable[[], bool],
        want: Want | None = None,
        remembered: Remembered | None = None,
        kept: Path | None = None,
        istiod: Istiod | None = None,
    ) -> None:
        open_vault = functools.partial(opened, environment=os.environ)
        self.secrets = SecretWatcher(open_vault, take, plane.report, want, remembered)
        located = functools.partial(plane.locate, complete=complete)
        shared: Shared = WeakValueDictionary()
        ask = functools.partial(open_registry, guard=guard_of(plane.translation.settings), shared=shared)
        self.registries = RegistryWatcher(
            ask, located, plane.report_registries, plane.list_services, registries_kept(kept)
        )
        self.secrets.follow(plane.translation.sources[GLOO, "Settings"], SETTINGS)
        registries = plane.translation.registries
        self.registries.follow(registries.configured)
        guard = guard_of(plane.translation.settings)
        self.functions = FunctionWatcher(
            guard, functools.partial(plane.discover, complete=complete), functions_kept(kept)
        )
        self.functions.follow(plane.translation.asked)
        registries.instances.on_read(self.registries.want)
        self.identities = IdentityWatcher(functools.partial(plane.identify, complete=complete))
        if istiod is not None:
            self.identities.appoint("istio", IstioIssuer(istiod))
        self.identities.follow(plane.translation.sources[GLOO, "Settings"], SETTINGS)
        plane.translation.identities.on_read(self.identities.want)

    @property
    def complete(self) -> bool:
        """Whether every place has given what is asked of it, or nobody waits for it any more."""
        every = (self.secrets, self.registries, self.identities, self.functions)
        return all(one.complete for one in every)

    async def run(self) -> None:
        """Follow them until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.secrets.run())
            group.create_task(self.registries.run())
            group.create_task(self.identities.run())
            group.create_task(self.functions.run())
