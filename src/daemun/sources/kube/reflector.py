"""A list and watch of one kind, in the whole cluster or in a namespace: it keeps a store as the API server has it.

A list says what there is, and a watch from that version on what happened since. After any doubt about the version (it
is too old, or the server was restored from a backup and is behind it) there is a list again, of which only the
differences are news.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterator

import msgspec

from daemun.base.names import Ref
from daemun.kube.client import JSON, KubeClient
from daemun.kube.errors import ApiError, KubeError, UnreachableError, UnreadableError
from daemun.kube.stream import lines
from daemun.process.turns import Turns
from daemun.sources.kube.backoff import Backoff, Pace
from daemun.sources.kube.objects import Store
from daemun.sources.kube.wire import Entry, Listed, Wire

_LIST_SECONDS = 60.0
"""A list comes as a whole: an API server has it in its cache. In parts it took ten times as much of the server's time
(10,000 routes, Kubernetes 1.36), and as a stream of events (sendInitialEvents) twice as much of ours."""
WATCH_SECONDS = (40, 50)
"""A watch ends by itself after a while, at random, so that not all of them begin anew together. That is before the
API server would send its bookmark of each minute: silence is noticed within one. To begin anew costs no list."""
_log = logging.getLogger(__name__)


class Watched(msgspec.Struct):
    """How the watch of a kind is doing. `namespace` is empty for the whole cluster."""

    kind: str
    namespace: str
    synced: bool = False
    """Whether it was listed."""
    lists: int = 0
    events: int = 0
    breaks: int = 0
    heard: float = 0.0
    """When the API server was last heard (time.time)."""
    trouble: str = ""
    """Why it cannot be followed just now."""

    def __str__(self) -> str:
        return f"{self.kind} in {self.namespace}" if self.namespace else self.kind


class Reflector:
    """Fills `store` from `path`. `missing` is called when there is no such kind (any more)."""

    def __init__(
        self,
        client: KubeClient,
        path: str,
        wire: Wire,
        store: Store,
        watched: Watched,
        *,
        accept: tuple[str, str] = (JSON, JSON),
        pace: Pace,
        missing: Callable[[], None],
    ) -> None:
        self._client, self._path, self._wire, self._store = client, path, wire, store
        self._watched, self._pace, self._missing = watched, pace, missing
        self._accept_list, self._accept_watch = accept
        self._backoff = Backoff(pace)
        self._version = ""  # how far the store has come; empty: list first
        self._doubtful = False
        self._turns = Turns()

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                if not self._version or (self._doubtful and await self._behind()):
                    await self.list()
                self._doubtful = False
                await self._watch()
            except KubeError as error:
                self._failed(error)
                await asyncio.sleep(self._backoff.after(error))

    async def read(self) -> None:
        """List once; again only if the API server asks for it, as it does while a kind is being installed."""
        while True:
            try:
                await self.list()
                return
            except ApiError as error:
                if not error.retry_after:
                    raise
                await asyncio.sleep(self._backoff.after(error))

    async def list(self) -> None:
        """Make the store what the API server has."""
        text = await self._client.get(self._path, accept=self._accept_list, seconds=_LIST_SECONDS)
        found = self._wire.list(text)
        entries: dict[Ref, Entry] = {}
        await self._turns.through(self._decode(found, entries))
        await self._turns.through(self._store.replace(entries))
        self._version = found.version
        self._watched.lists += 1
        self._watched.synced = True
        self._heard()

    def _decode(self, found: Listed, entries: dict[Ref, Entry]) -> Iterator[None]:
        for text in found.objects:
            entry = self._wire.object(text)
            entries[entry.ref] = entry
            yield

    async def _watch(self) -> None:
        params = {
            "watch": "1",
            "resourceVersion": self._version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(random.randint(*WATCH_SECONDS)),  # noqa: S311 - not a secret
        }
        began = time.monotonic()
        stream = self._client.stream(self._path, params, accept=self._accept_watch, idle=self._pace.silence)
        async with stream as pieces:
            self._heard()
            async for line in lines(pieces):
                event = self._wire.event(line)
                if event.entry is not None:
                    self._watched.events += 1
                    if event.gone:
                        self._store.drop(event.entry.ref)
                    else:
                        self._store.put(event.entry)
                self._version = event.version
                self._heard()
                if time.monotonic() - began > self._pace.healthy:
                    self._backoff.reset()
        if time.monotonic() - began < self._pace.healthy:
            raise UnreachableError(f"the API server ended the watch of {self._watched} at once")

    async def _behind(self) -> bool:
        """Whether the API server has not come as far as the store.

        It would not say so: a watch from a version in its future is silent until that comes.
        """
        found = self._wire.list(await self._client.get(self._path, {"limit": "1"}, self._accept_list))
        return not (found.version.isdigit() and self._version.isdigit() and int(found.version) >= int(self._version))

    def _heard(self) -> None:
        self._watched.heard = time.time()
        if self._watched.trouble:
            self._watched.trouble = ""
            _log.debug("%s: followed again", self._watched)

    def _failed(self, error: KubeError) -> None:
        self._doubtful = True
        self._watched.breaks += 1
        usual = isinstance(error, ApiError) and (error.gone or error.missing)
        if usual or isinstance(error, UnreadableError):
            self._version = ""
        if isinstance(error, ApiError) and error.missing:
            self._missing()
        if usual:
            return  # nothing is wrong with a watch that is too old, or with a kind that is removed
        if not self._watched.trouble:  # that nobody answers is told once for all kinds, by whoever looks for them
            level = logging.DEBUG if isinstance(error, UnreachableError) else logging.WARNING
            _log.log(level, "%s: %s", self._watched, error.text)
        self._watched.trouble = error.text
