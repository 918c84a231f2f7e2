"""The Kubernetes source: Config Watcher, Secret Watcher and Endpoint Discovery of a cluster.

discovery -> KindWatch per kind -> Reflector per namespace -> Objects ---+
                                                                         +-> Outbox -> batches
what rules read ------------------------------------------> Contents ----+
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping

from daemun.api.kinds import KINDS, Kind
from daemun.base.names import CORE, Name, Ref
from daemun.kube.client import KubeClient
from daemun.kube.discovery import Discovery, Served
from daemun.kube.errors import KubeError, UnreachableError
from daemun.kube.seen import OnSeen
from daemun.sources.batch import Batch
from daemun.sources.kube.backoff import Backoff, Pace
from daemun.sources.kube.contents import Contents
from daemun.sources.kube.kindwatch import KindWatch
from daemun.sources.kube.labels import Labelled
from daemun.sources.kube.objects import Objects, Store
from daemun.sources.kube.outbox import Outbox
from daemun.sources.kube.reflector import Watched

KindKey = tuple[str, str]
Want = Callable[[set[Name], set[Name]], None]
"""Told which objects the rules read now and did not before, and which they read no more."""

CONTENTS = ((CORE, "Secret"), (CORE, "ConfigMap"), (CORE, "Pod"))
"""What anybody may put anything into, and what there are many of: only what is wanted of it is read."""
_LOOKS = 2
"""A kind is gone when so many looks in a row have not found it: an API server that starts may not know all at once."""
_LOAD_SECONDS = 60.0
_log = logging.getLogger(__name__)


class KubeSource:
    """Follows a cluster and calls `changed`, on the event loop, with each batch of changes.

    The first batch is everything there is, and is given only when every kind was listed. `wants` has to be told, by
    group and kind, what the rules read of `CONTENTS`; while that is being fetched `complete` is false, no
    further batch is given, and what was made of the last one is not to be sent to anybody: it lacks what is there.

    `seen` is told of every version of the objects that have a status of ours, before the batch they are in.
    `namespaces` are those to watch; without any, the whole cluster.
    """

    def __init__(
        self,
        client: KubeClient,
        changed: Callable[[Batch], None],
        seen: OnSeen | None = None,
        *,
        kinds: Iterable[Kind] = KINDS,
        namespaces: Iterable[str] = (),
        pace: Pace | None = None,
    ) -> None:
        self._client, self._seen = client, seen
        self._pace = pace = pace or Pace()
        self._kinds = {(kind.group, kind.kind): kind for kind in kinds}
        self._namespaces = tuple(dict.fromkeys(namespaces))
        self._outbox = Outbox(changed, lambda: self._listed and self._fetched, pace)
        self._contents = {
            key: Contents(client, self._kinds[key], self.locate, self._outbox, pace, self._allowed)
            for key in CONTENTS
            if key in self._kinds
        }
        self.wants: Mapping[KindKey, Want] = {key: one.want for key, one in self._contents.items()}
        self._discovery = Discovery(client, self._kinds.values())
        self._lost = asyncio.Event()
        self._known = False
        self._trouble = ""
        self._missed: dict[KindKey, int] = {}
        self._watches = {
            key: KindWatch(client, kind, self._stores(kind), pace, self._lost.set, metadata=key in self._contents)
            for key, kind in self._kinds.items()
        }

    @property
    def complete(self) -> bool:
        """Whether a batch was given and everything is there that was asked for because of it."""
        return self._outbox.opened and self._fetched

    @property
    def watched(self) -> list[Watched]:
        """How each watch is doing, of the kinds that there are."""
        return [each for one in self._watches.values() if one.served is not None for each in one.watched]

    @property
    def away(self) -> bool:
        """Whether the API server does not answer, and has not since the start."""
        trouble = self._trouble or next((one.trouble for one in self.watched if one.trouble), "")
        return bool(trouble) and not self._outbox.opened

    def locate(self, ref: Ref) -> str | None:
        """The path of an object in the version that the API server has; None while its kind is not installed."""
        watch = self._watches.get((ref.group, ref.kind))
        return None if watch is None or watch.served is None else watch.served.object(ref)

    def whole(self, ref: Ref) -> bool:
        """Whether the status of an object is written with it, since its CRD has no subresource for it."""
        watch = self._watches.get((ref.group, ref.kind))
        return watch is not None and watch.served is not None and watch.served.whole

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._outbox.run())
            await self._follow(group)

    async def load(self) -> None:
        """Read everything once, with what is wanted. Raises KubeError if that fails."""
        try:
            async with asyncio.timeout(_LOAD_SECONDS):
                served = await self._discovery.look()
                await asyncio.gather(*(self._watches[key].read(one) for key, one in served.items()))
                self._known = True
                readers = [asyncio.create_task(one.run()) for one in self._contents.values()]
                try:
                    while not (self._outbox.flush() and self.complete):
                        await self._outbox.stirred()
                finally:
                    for reader in readers:
                        reader.cancel()
                    await asyncio.gather(*readers, return_exceptions=True)
        except TimeoutError:
            raise UnreachableError(f"the API server at {self._client.server} takes too long") from None

    async def _follow(self, group: asyncio.TaskGroup) -> None:
        """Begin and end kinds as they are installed and removed.

        They are looked up again every few seconds: that takes two small requests and no permission, which watching
        CustomResourceDefinitions would.
        """
        backoff = Backoff(self._pace)
        while True:
            try:
                self._arrange(await self._discovery.look(), group)
                backoff.reset()
                self._trouble = ""
                pause = self._pace.again if self._missed else self._pace.look
            except KubeError as error:
                if not self._trouble:
                    _log.warning("%s", error.text)
                self._trouble = error.text
                pause = backoff.after(error)
            if self._missed:  # let the server come to itself before it is believed
                await asyncio.sleep(pause)
            else:
                with contextlib.suppress(TimeoutError):  # wait_for of Python 3.11 may swallow a cancellation
                    async with asyncio.timeout(pause):
                        await self._lost.wait()
            self._lost.clear()

    def _arrange(self, served: Mapping[KindKey, Served], group: asyncio.TaskGroup) -> None:
        for key, watch in self._watches.items():
            there = served.get(key)
            if there is not None:
                self._missed.pop(key, None)
                if there != watch.served:
                    if self._known:
                        _log.info("%s is installed, as %s", there.kind.kind, there.version)
                    watch.begin(there, group)
            elif watch.served is not None:
                self._missed[key] = self._missed.get(key, 0) + 1
                if self._missed[key] >= _LOOKS:
                    del self._missed[key]
                    _log.info("%s is not installed any more", watch.served.kind.kind)
                    watch.end()
        if not self._known:  # only now is it known where anything is to be read
            self._known = True
            for contents in self._contents.values():
                group.create_task(contents.run())
        self._outbox.poke()

    @property
    def _listed(self) -> bool:
        """A kind that comes later does not keep the others waiting."""
        return self._outbox.opened or (self._known and all(one.synced for one in self._watches.values()))

    @property
    def _fetched(self) -> bool:
        return all(one.complete for one in self._contents.values())

    def _allowed(self, namespace: str) -> bool:
        return not self._namespaces or namespace in self._namespaces

    def _stores(self, kind: Kind) -> dict[str, Store]:
        scopes = self._namespaces if kind.namespaced and self._namespaces else ("",)
        contents = self._contents.get((kind.group, kind.kind))
        if contents is not None:
            within: dict[str, Store] = {namespace: contents.within(namespace) for namespace in scopes}
            labelled = kind.kind == "Secret"
            return {each: Labelled(one, self._outbox) if labelled else one for each, one in within.items()}
        return {namespace: Objects(self._outbox, self._seen if kind.strict else None) for namespace in scopes}
