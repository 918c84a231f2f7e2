"""A kind that may be followed: begun when the API server has it, ended when it has it no more."""

import asyncio
from collections.abc import Callable, Mapping

from daemun.api.kinds import Kind, called
from daemun.kube.client import JSON, METADATA, METADATA_LIST, KubeClient
from daemun.kube.discovery import Served
from daemun.sources.kube.backoff import Pace
from daemun.sources.kube.objects import Store
from daemun.sources.kube.reflector import Reflector, Watched
from daemun.sources.kube.wire import Wire


class KindWatch:
    """The lists and watches of one kind: one for each of `stores`, which are by namespace (empty: the whole cluster).

    With `metadata`, nothing else of its objects is asked for. `missing` is called when the kind seems to have vanished.
    """

    def __init__(
        self,
        client: KubeClient,
        kind: Kind,
        stores: Mapping[str, Store],
        pace: Pace,
        missing: Callable[[], None],
        *,
        metadata: bool,
    ) -> None:
        self._client, self._stores, self._pace, self._missing = client, stores, pace, missing
        self._wire = Wire(kind, metadata=metadata)
        self._accept = (METADATA_LIST, METADATA) if metadata else (JSON, JSON)
        self._tasks: list[asyncio.Task[None]] = []
        self.watched = [Watched(called(kind.group, kind.kind), namespace) for namespace in stores]
        self.served: Served | None = None
        """How the API server has it; None when it has not."""

    @property
    def synced(self) -> bool:
        """Whether everything there is of this kind was listed, which may be nothing."""
        return self.served is None or all(one.synced for one in self.watched)

    def begin(self, served: Served, group: asyncio.TaskGroup) -> None:
        """Follow it, or follow it in another version: what is known of it stays until the list tells otherwise."""
        self._stop()
        self._tasks = [group.create_task(one.run()) for one in self._reflectors(served)]

    def end(self) -> None:
        """The kind is gone, and with it every object."""
        self._stop()
        self.served = None
        for store in self._stores.values():
            for _ in store.replace({}):
                pass
        for one in self.watched:
            one.synced, one.trouble = False, ""

    async def read(self, served: Served) -> None:
        """List it once."""
        for reflector in self._reflectors(served):
            await reflector.read()

    def _reflectors(self, served: Served) -> list[Reflector]:
        self.served = served
        return [
            Reflector(
                self._client,
                served.path(watched.namespace),
                self._wire,
                self._stores[watched.namespace],
                watched,
                accept=self._accept,
                pace=self._pace,
                missing=self._missing,
            )
            for watched in self.watched
        ]

    def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks = []
