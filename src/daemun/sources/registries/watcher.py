"""Follows the registries that are configured: whatever rules look up there is asked for, and nothing else.

What a registry says is the truth; what it fails to say is nothing: the last good instances stay, however long it is
away, until it says that they are gone.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping

from daemun.flow import MISSING, Collection, Missing
from daemun.flow.values import Delta
from daemun.gatewayapi.findings import Finding
from daemun.ir.instances import Catalogue, Instances, Lookup
from daemun.ir.registries import Configured, Trouble
from daemun.sources.followed import Followed
from daemun.sources.registries.following import Pace, following
from daemun.sources.registries.memory import Memory
from daemun.sources.registries.memory import memory as kept_below
from daemun.sources.registries.registry import ConfigError, Registry, RegistryError
from daemun.sources.registries.troubles import troubles

Open = Callable[[Configured], Registry]
"""How a registry is opened. Raises ConfigError if it cannot be."""
Changes = Mapping[Lookup, Instances | Missing]
Listed = Callable[[str, Catalogue | None], None]
"""Told of all services of the registry with this key; None: nobody wants to know any more."""
_log = logging.getLogger(__name__)


class RegistryWatcher:
    """`changed` is told what registries say, in one batch for all that came at once; `reported` what is wrong;
    `listed` what services there are. Of the `memory` of before the start counts what a registry fails to say now.
    """

    def __init__(
        self,
        opened: Open,
        changed: Callable[[Changes], None],
        reported: Callable[[Mapping[Trouble, Finding]], None],
        listed: Listed | None = None,
        memory: Memory | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._opened, self._changed, self._reported, self._listed = opened, changed, reported, listed
        self._memory, self._pace = memory or kept_below(None), pace or Pace()
        self._past: Mapping[Lookup, Instances] = self._memory.load()
        self._saving: asyncio.Task[None] | None = None
        self._open: dict[str, Registry] = {}
        self._refused: dict[str, ConfigError] = {}
        self._wanted: set[Lookup] = set()
        self._following = Followed[Lookup | str]()  # a lookup, or by the registry's key its catalogue
        self._held: dict[Lookup, Instances] = {}
        self._awaited: dict[Lookup, float] = {}  # wanted, not answered yet; since when
        self._failed: dict[Lookup | str, RegistryError] = {}
        self._news: dict[Lookup, Instances | Missing] = {}
        self._lists: dict[str, Catalogue | None] = {}
        self._told: Mapping[Trouble, Finding] = {}
        self._released = False
        self._woken = asyncio.Event()

    @property
    def complete(self) -> bool:
        """Whether everything that is looked up was answered, or nobody waits for it any more."""
        late = time.monotonic() - self._pace.patience
        return all(since < late for since in self._awaited.values())

    def follow(self, configured: Collection[str, Configured]) -> None:
        """These are the registries, by their keys."""
        configured.subscribe(self._configure)

    def _configure(self, delta: Delta[str, Configured]) -> None:
        """A registry that is configured otherwise than before is opened anew; what it said stays until it has
        answered.
        """
        for key, (_, new) in delta.items():
            self._following.leave(key, self._open.pop(key, None))
            self._refused.pop(key, None)
            self._failed.pop(key, None)
            if isinstance(new, Configured):
                self._begin_registry(key, new)
            if key not in self._following:
                self._lists[key] = None
        self._woken.set()

    def want(self, added: set[Lookup], removed: set[Lookup]) -> None:
        """The rules have begun to look these up, and nobody looks those up any more."""
        self._wanted |= added
        self._wanted -= removed
        for one in removed:
            self._following.end(one)
            self._awaited.pop(one, None)
            self._failed.pop(one, None)
            if self._held.pop(one, None) is not None:
                self._news[one] = MISSING
        for one in added:
            self._begin(one)
        self._woken.set()

    async def run(self) -> None:
        """Hand on what the registries say until cancelled; then let go of them."""
        try:
            while True:
                waiting = bool(self._awaited) and not self.complete
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._pace.patience / 4 if waiting else None):
                        await self._woken.wait()
                self._woken.clear()
                await self._following.let_go()
                self._hand_on()
        finally:
            for key, registry in self._open.items():
                self._following.leave(key, registry)
            if self._saving is not None:
                self._saving.cancel()
            await self._following.let_go()

    def _hand_on(self) -> None:
        news, self._news = self._news, {}
        lists, self._lists = self._lists, {}
        for registry, found in lists.items():
            if self._listed is not None:
                self._listed(registry, found)
        told = dict(troubles(self._refused, self._failed, self._held))
        if told != self._told:
            for key in told.keys() - self._told.keys():
                if not key.service:
                    _log.warning("%s: %s", key.registry, told[key])
            self._told = told
            self._reported(told)
        released, self._released = self._released, self.complete
        if news or (self._released and not released):
            self._changed(news)
        if news and (self._saving is None or self._saving.done()):
            self._saving = asyncio.create_task(self._save())

    async def _save(self) -> None:
        await asyncio.sleep(self._pace.keep)
        past = {lookup: found for lookup, found in self._past.items() if lookup in self._wanted}
        await asyncio.to_thread(self._memory.save, past | self._held)

    def _begin_registry(self, key: str, configured: Configured) -> None:
        try:
            registry = self._open[key] = self._opened(configured)
        except ConfigError as error:
            self._refused[key] = error
            return
        for one in self._wanted:
            self._begin(one)
        if self._listed is None or not configured.catalogued:
            return
        if not registry.lists:
            text = f"a registry of the type {configured.type} cannot tell which services there are"
            self._refused[key] = ConfigError("discovery.enabled", text, "Write the Upstreams.")
            return

        def failed(error: RegistryError) -> None:
            self._fail(key, error)

        self._following.begin(
            key, key, following(registry.catalogue, lambda one: self._list(key, one), failed, self._pace)
        )

    def _begin(self, lookup: Lookup) -> None:
        registry = self._open.get(lookup.registry)
        if registry is None or lookup in self._following or lookup not in self._wanted:
            return
        if lookup not in self._held:
            self._awaited.setdefault(lookup, time.monotonic())
            self._released = False

        def failed(error: RegistryError) -> None:
            if lookup not in self._held and lookup in self._past:
                self._take(lookup, self._past[lookup])
            self._fail(lookup, error)

        def begin() -> AsyncGenerator[Instances, None]:
            return registry.follow(lookup)

        work = following(begin, lambda found: self._take(lookup, found), failed, self._pace)
        self._following.begin(lookup, lookup.registry, work)

    def _fail(self, what: Lookup | str, error: RegistryError) -> None:
        if what not in self._failed or self._failed[what].text != error.text:
            self._failed[what] = error
            self._woken.set()

    def _take(self, lookup: Lookup, found: Instances) -> None:
        self._awaited.pop(lookup, None)
        if self._failed.pop(lookup, None) is not None or self._held.get(lookup) != found:
            self._woken.set()
        if self._held.get(lookup) != found:
            self._held[lookup] = self._news[lookup] = found
        if not self._awaited:
            self._woken.set()

    def _list(self, key: str, found: Catalogue) -> None:
        self._failed.pop(key, None)
        self._lists[key] = found
        self._woken.set()
