"""The Secret Watcher: what Secrets, ConfigMaps and pods hold, of just those that the rules read.

Of all others only the metadata is watched, and nothing of it kept: an event is a reason to read an object again if it
is wanted. What a read says is the truth, and a server that does not answer says nothing: a Secret is missing only when
the API server says so.
"""

import asyncio
import functools
import time
from collections.abc import Callable, Iterator, Mapping

from daemun.api.kinds import Kind
from daemun.base.names import Name, Ref
from daemun.ir.problem import Problem
from daemun.kube.client import KubeClient
from daemun.kube.errors import ApiError, KubeError, UnreadableError
from daemun.kube.seen import Locate
from daemun.sources.kube.backoff import Backoff, Pace
from daemun.sources.kube.outbox import Outbox
from daemun.sources.kube.wire import Entry, Wire

_AT_ONCE = 16
"""Objects that are read at the same time."""


class Contents:
    """The objects of one kind that are wanted. `allowed` tells the namespaces in which they may be read."""

    def __init__(
        self, client: KubeClient, kind: Kind, locate: Locate, outbox: Outbox, pace: Pace, allowed: Callable[[str], bool]
    ) -> None:
        self._client, self._kind, self._locate, self._outbox = client, kind, locate, outbox
        self._pace, self._allowed = pace, allowed
        self._wire = Wire(kind)
        self._wanted: set[Name] = set()
        self._awaited: set[Name] = set()  # wanted, and not answered yet
        self._read: dict[Name, str] = {}  # the version that was read; empty: there is no such object
        self._stale: set[Name] = set()  # to be read
        self._readers: dict[Name, asyncio.Task[None]] = {}
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._news = asyncio.Event()

    @property
    def complete(self) -> bool:
        """Whether everything that is wanted was read, or is known not to be there."""
        return not self._awaited

    def want(self, added: set[Name], removed: set[Name]) -> None:
        """The rules have begun to read these, and nobody reads those any more."""
        for name in added:
            self._wanted.add(name)
            if self._allowed(name.namespace):
                self._awaited.add(name)
                self._look(name)
                self._outbox.owe()
        for name in removed:
            for names in (self._wanted, self._awaited, self._stale):
                names.discard(name)
            self._outbox.note(self._ref(name), None)
            self._read.pop(name, None)
            self._outbox.put(self._ref(name), None)

    def told(self, name: Name, version: str) -> None:
        """The metadata says that this is the version of an object now; empty: it is gone."""
        if name in self._wanted and self._read.get(name) != version:
            self._look(name)

    def within(self, namespace: str) -> "ContentsWithin":
        """What the watch of a namespace's metadata fills; of the whole cluster if it is empty."""
        return ContentsWithin(self, namespace)

    def listed(self, namespace: str, versions: Mapping[Name, str]) -> None:
        """These are all objects of a namespace; of the whole cluster if it is empty."""
        for name in self._wanted:
            if namespace in {"", name.namespace}:
                self.told(name, versions.get(name, ""))
        self._outbox.poke()

    async def run(self) -> None:
        """Read until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._news.wait()
                self._news.clear()
                for name in self._stale - self._readers.keys():
                    self._readers[name] = group.create_task(self._follow(name))
                    self._readers[name].add_done_callback(functools.partial(self._ended, name))

    def _ref(self, name: Name) -> Ref:
        return Ref(self._kind.group, self._kind.kind, *name)

    def _look(self, name: Name) -> None:
        self._stale.add(name)
        self._news.set()

    def _ended(self, name: Name, _: asyncio.Task[None]) -> None:
        del self._readers[name]
        self._news.set()

    async def _follow(self, name: Name) -> None:
        backoff, since = Backoff(self._pace), 0.0
        while name in self._stale:
            self._stale.discard(name)
            try:
                self._answer(name, await self._get(name))
            except KubeError as error:
                if name not in self._wanted:
                    return
                self._stale.add(name)
                since = (since or time.monotonic()) if _hopeless(error) else 0.0
                if since and time.monotonic() - since > self._pace.patience:
                    self._give_up(name, error)
                await asyncio.sleep(backoff.after(error))

    async def _get(self, name: Name) -> Entry | None:
        path = self._locate(self._ref(name))
        try:
            async with self._turns:
                return None if path is None else self._wire.object(await self._client.get(path))
        except ApiError as error:
            if error.missing and error.reason == "NotFound":  # a proxy's 404 says nothing
                return None
            raise

    def _answer(self, name: Name, entry: Entry | None) -> None:
        if name not in self._wanted:
            return
        self._awaited.discard(name)
        self._read[name] = entry.version if entry else ""
        self._outbox.note(self._ref(name), entry.problem if entry else None)
        if entry is None or entry.value is not None:
            self._outbox.put(self._ref(name), entry.value if entry else None)
        self._outbox.poke()

    def _give_up(self, name: Name, error: KubeError) -> None:
        """Nobody waits any longer for it; it is tried again all the same."""
        problem = Problem(self._ref(name), "Unreadable", "", f"cannot be read: {error.text}")
        self._outbox.note(problem.ref, problem)
        self._awaited.discard(name)
        self._outbox.poke()


def _hopeless(error: KubeError) -> bool:
    """Whether it is just this object that cannot be read; a silent or busy server is another matter."""
    return isinstance(error, UnreadableError) or (isinstance(error, ApiError) and error.status in {403, 500})


class ContentsWithin:
    """Takes what the watch of the metadata tells."""

    def __init__(self, contents: Contents, namespace: str) -> None:
        self._contents, self._namespace = contents, namespace

    def replace(self, entries: Mapping[Ref, Entry]) -> Iterator[None]:
        yield
        self._contents.listed(self._namespace, {ref.key: entry.version for ref, entry in entries.items()})

    def put(self, entry: Entry) -> None:
        self._contents.told(entry.ref.key, entry.version)

    def drop(self, ref: Ref) -> None:
        self._contents.told(ref.key, "")
