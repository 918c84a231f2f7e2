"""A Kubernetes source and what it has said so far."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

import msgspec

from daemun.base.names import Name, Ref
from daemun.kube.client import KubeClient
from daemun.kube.seen import Seen
from daemun.sources.batch import Batch
from daemun.sources.kube.backoff import Pace
from daemun.sources.kube.source import KubeSource

QUICK = Pace(
    first=0.005,
    unreachable=0.02,
    refused=0.05,
    silence=10.0,
    healthy=0.01,
    look=0.1,
    again=0.1,
    soon=0.001,
    rest=0.002,
    patience=0.2,
)
"""Nobody waits long for what is certain to be there."""
IMPATIENT = msgspec.structs.replace(QUICK, silence=0.3)
"""For a server that falls silent. One that is only slow is mistaken for it now and then, which has to do no harm."""


class KubeWatcher:
    """Takes every batch as the program would, and remembers it. Nothing may be said twice."""

    def __init__(self, client: KubeClient, pace: Pace | None, namespaces: Iterable[str] = ()) -> None:
        self.objects: dict[Ref, object] = {}
        self.seen: dict[Ref, Seen] = {}
        self.batches: list[Batch] = []
        self.on_batch: Callable[[Batch], None] = lambda _: None
        self.source = KubeSource(client, self._take, self._see, pace=pace, namespaces=namespaces)
        self._news = asyncio.Event()

    def want(self, kind: str, *names: str) -> None:
        """The rules read these Secrets or ConfigMaps."""
        self.source.wants["", kind]({Name.of(name) for name in names}, set())

    def forgo(self, kind: str, *names: str) -> None:
        """The rules read these no more."""
        self.source.wants["", kind](set(), {Name.of(name) for name in names})

    async def until(self, met: Callable[[], object], seconds: float = 60.0) -> None:
        """Wait until the condition holds; it is looked at after every batch, and now and then."""
        async with asyncio.timeout(seconds):
            while not met():
                self._news.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.02):
                        await self._news.wait()

    def names(self, kind: str) -> set[str]:
        """The objects of a kind."""
        return {str(ref.key) for ref in self.objects if ref.kind == kind}

    def _take(self, batch: Batch) -> None:
        for ref, value in batch.objects.items():
            if value is None:
                del self.objects[ref]  # nothing goes that was not there
            else:
                assert self.objects.get(ref) != value, "nothing is said twice"
                self.objects[ref] = value
        self.batches.append(batch)
        self.on_batch(batch)
        self._news.set()

    def _see(self, ref: Ref, seen: Seen | None) -> None:
        if seen is None:
            del self.seen[ref]
        else:
            self.seen[ref] = seen


@contextlib.asynccontextmanager
async def watching(
    server: str | Path, pace: Pace | None = QUICK, namespaces: Iterable[str] = (), *, run: bool = True
) -> AsyncIterator[KubeWatcher]:
    """A source that follows the API server at a URL, or of a kubeconfig, for the time of the block."""
    async with KubeClient.connect(kubeconfig=server) if isinstance(server, Path) else KubeClient.at(server) as client:
        watcher = KubeWatcher(client, pace, namespaces)
        task = asyncio.create_task(watcher.source.run()) if run else None
        try:
            yield watcher
        finally:
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
