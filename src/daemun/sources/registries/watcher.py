"""Follows the registries that Settings configure: whatever rules look up there is asked for, and nothing else.

What a registry says is the truth; what it fails to say is nothing: the last good instances stay, however long it is
away, until it says that they are gone.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from daemun.api.gloo.settings import Settings, SettingsSpec
from daemun.base.names import Name
from daemun.flow import MISSING, Collection, Missing
from daemun.flow.values import Delta
from daemun.gatewayapi.findings import Finding
from daemun.ir.instances import Instances, Lookup
from daemun.kube.pauses import growing
from daemun.sources.registries.memory import Memory
from daemun.sources.registries.registry import Registry, RegistryError

UNAVAILABLE = "RegistryUnavailable"
Open = Callable[[SettingsSpec], Registry | None]
"""How a registry is opened from Settings; None: they do not configure it. Raises RegistryError if it cannot be."""
Changes = Mapping[Lookup, Instances | Missing]
_log = logging.getLogger(__name__)


class Pace(msgspec.Struct, frozen=True):
    """Waiting times, in seconds: before the second attempt, at most between two, for the first answer, and between two
    times that all is kept on disk.
    """

    first: float = 0.2
    longest: float = 15.0
    patience: float = 10.0
    keep: float = 2.0


class _Following(NamedTuple):
    """A lookup that is followed."""

    registry: str
    task: asyncio.Task[None]


class RegistryWatcher:
    """`changed` is told what registries say, in one batch for all that came at once; `reported` what is wrong, by
    registry and service. Of the `memory` of before the start counts what a registry fails to say now.
    """

    def __init__(
        self,
        kinds: Mapping[str, Open],
        changed: Callable[[Changes], None],
        reported: Callable[[Mapping[str, Finding]], None],
        memory: Memory | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._kinds, self._changed, self._reported = kinds, changed, reported
        self._memory, self._pace = memory or Memory(None), pace or Pace()
        self._past: Mapping[Lookup, Instances] = self._memory.load()
        self._saving: asyncio.Task[None] | None = None
        self._spec = SettingsSpec()
        self._open: dict[str, Registry] = {}
        self._closed: dict[str, RegistryError] = {}
        self._wanted: set[Lookup] = set()
        self._following: dict[Lookup, _Following] = {}
        self._held: dict[Lookup, Instances] = {}
        self._awaited: dict[Lookup, float] = {}  # wanted, not answered yet; since when
        self._failed: dict[Lookup, RegistryError] = {}
        self._news: dict[Lookup, Instances | Missing] = {}
        self._ended: list[asyncio.Task[None]] = []
        self._leaving: list[Registry] = []
        self._told: Mapping[str, Finding] = {}
        self._released = False
        self._woken = asyncio.Event()

    @property
    def complete(self) -> bool:
        """Whether everything that is looked up was answered, or nobody waits for it any more."""
        late = time.monotonic() - self._pace.patience
        return all(since < late for since in self._awaited.values())

    def follow(self, settings: Collection[Name, Settings], name: Name) -> None:
        """The Settings of this name are those that count."""

        def changed(delta: Delta[Name, Settings]) -> None:
            if name in delta:
                new = delta[name][1]
                self.configure(new.spec if isinstance(new, Settings) else SettingsSpec())

        settings.subscribe(changed)

    def configure(self, spec: SettingsSpec) -> None:
        """These are the Settings now. A registry that is configured otherwise than before is opened anew; what it said
        stays until it has answered.
        """
        before, self._spec = self._spec, spec
        for kind in self._kinds:
            if kind in self._open and getattr(before, kind, None) == getattr(spec, kind, None):
                continue
            for lookup in [one for one, each in self._following.items() if each.registry == kind]:
                self._end(lookup)
            if (registry := self._open.pop(kind, None)) is not None:
                self._leaving.append(registry)
            self._begin_kind(kind)
        self._woken.set()

    def want(self, added: set[Lookup], removed: set[Lookup]) -> None:
        """The rules have begun to look these up, and nobody looks those up any more."""
        self._wanted |= added
        self._wanted -= removed
        for one in removed:
            if one in self._following:
                self._end(one)
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
                await self._let_go()
                self._hand_on()
        finally:
            for one in list(self._following):
                self._end(one)
            if self._saving is not None:
                self._saving.cancel()
            self._leaving.extend(self._open.values())
            await self._let_go()

    def _hand_on(self) -> None:
        news, self._news = self._news, {}
        told = dict(self._troubles())
        if told != self._told:
            for key in told.keys() - self._told.keys():
                _log.warning("%s", told[key])
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

    def _begin_kind(self, kind: str) -> None:
        self._closed.pop(kind, None)
        try:
            registry = self._kinds[kind](self._spec)
        except RegistryError as error:
            self._closed[kind] = error
            return
        if registry is not None:
            self._open[kind] = registry
            for one in self._wanted:
                self._begin(one)

    def _begin(self, lookup: Lookup) -> None:
        registry = self._open.get(lookup.registry)
        if registry is None or lookup in self._following or lookup not in self._wanted:
            return
        if lookup not in self._held:
            self._awaited.setdefault(lookup, time.monotonic())
            self._released = False
        task = asyncio.create_task(self._keep(registry, lookup))
        self._following[lookup] = _Following(lookup.registry, task)

    async def _keep(self, registry: Registry, lookup: Lookup) -> None:
        """Follow a service, and begin anew when the registry does not answer."""
        failures = 0
        while True:
            try:
                async with contextlib.aclosing(registry.follow(lookup)) as answers:
                    async for found in answers:
                        failures = 0
                        self._take(lookup, found)
            except RegistryError as error:
                failures += 1
                if lookup not in self._held and lookup in self._past:
                    self._take(lookup, self._past[lookup])
                if lookup not in self._failed or self._failed[lookup].text != error.text:
                    self._failed[lookup] = error
                    self._woken.set()
                pause = growing(failures, self._pace.first, self._pace.longest, random.random())  # noqa: S311
                await asyncio.sleep(max(pause, min(error.after, self._pace.longest)))

    def _take(self, lookup: Lookup, found: Instances) -> None:
        self._awaited.pop(lookup, None)
        if self._failed.pop(lookup, None) is not None or self._held.get(lookup) != found:
            self._woken.set()
        if self._held.get(lookup) != found:
            self._held[lookup] = self._news[lookup] = found
        if not self._awaited:
            self._woken.set()

    def _end(self, lookup: Lookup) -> None:
        ended = self._following.pop(lookup)
        ended.task.cancel()
        self._ended.append(ended.task)

    async def _let_go(self) -> None:
        ended, self._ended = self._ended, []
        if ended:
            await asyncio.gather(*ended, return_exceptions=True)
        leaving, self._leaving = self._leaving, []
        for registry in leaving:
            await registry.close()

    def _troubles(self) -> list[tuple[str, Finding]]:
        found = [
            (kind, Finding(UNAVAILABLE, f"spec.{kind}", error.text, error.mend))
            for kind, error in sorted(self._closed.items())
        ]
        for lookup, error in sorted(self._failed.items(), key=lambda one: one[0]):
            kept = "; the last good endpoints stay" if lookup in self._held else ""
            place = f" in {lookup.place}" if lookup.place else ""
            text = f"the service {lookup.service}{place}: {error.text}{kept}"
            found.append((lookup.key, Finding(UNAVAILABLE, f"spec.{lookup.registry}", text, error.mend)))
        return found
