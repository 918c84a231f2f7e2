"""Follows Settings: starts and stops the places for Secrets that they name, and puts together what these say."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import NamedTuple

from daemun.api.core import Secret
from daemun.api.gloo.settings import Settings, SettingsSpec
from daemun.base.names import CORE, Name, Ref
from daemun.flow import Collection
from daemun.flow.values import Delta
from daemun.gatewayapi.findings import Finding
from daemun.gloo.secrets.places import Directory, Place, Platform, Vault, places, refresh_seconds
from daemun.sources.ended import ended
from daemun.sources.secrets.directory import DirectoryStore
from daemun.sources.secrets.poller import Pace, Poller
from daemun.sources.secrets.store import Store, StoreError

Want = Callable[[set[Name], set[Name]], None]
Objects = Mapping[Ref, object | None]
Open = Callable[[Vault], Store]
"""How a Vault is opened. Raises StoreError if it cannot be, for want of a login, say."""
Remembered = Callable[[], Awaitable[Mapping[Name, Secret]]]
"""Gives the Secrets of before the start."""
UNAVAILABLE = "SecretsUnavailable"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_log = logging.getLogger(__name__)


class _Running(NamedTuple):
    """A place that is followed."""

    poller: Poller
    task: asyncio.Task[None]


class SecretWatcher:
    """What the platform's own source says of Secrets goes through `primary`; `changed` is told what others change.

    `want` is the platform's own, told what the rules read. `reported` is told what is wrong, by place and Secret.
    `remembered` is asked once, if a place is away at the start: what it gives counts until that place has answered.
    """

    def __init__(
        self,
        open_vault: Open,
        changed: Callable[[Objects], None],
        reported: Callable[[Mapping[str, Finding]], None],
        want: Want | None = None,
        remembered: Remembered | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._open, self._changed, self._reported, self._platform_want = open_vault, changed, reported, want
        self._remembered, self._pace = remembered, pace
        self._past: Mapping[Name, Secret] = {}
        self._places: tuple[Place, ...] = (Platform(""),)
        self._refresh = 0.0
        self._running: dict[Place, _Running] = {}
        self._closed: dict[Place, StoreError] = {}  # those that cannot be opened
        self._ended: list[asyncio.Task[None]] = []
        self._primary: dict[Name, Secret] = {}
        self._wanted: set[Name] = set()
        self._touched: set[Name] = set()
        self._told: Mapping[str, Finding] = {}
        self._waited = False
        self._news = asyncio.Event()

    @property
    def complete(self) -> bool:
        """Whether everything that is wanted was answered by every place, or nobody waits for it any more."""
        return all(one.poller.complete for one in self._running.values())

    @property
    def pollers(self) -> dict[str, Poller]:
        """The places that are followed, by the field of Settings."""
        return {place.where: one.poller for place, one in self._running.items()}

    def follow(self, settings: Collection[Name, Settings], name: Name) -> None:
        """The Settings of this name are those that count."""

        def changed(delta: Delta[Name, Settings]) -> None:
            if name in delta:
                new = delta[name][1]
                self.configure(new.spec if isinstance(new, Settings) else None)

        settings.subscribe(changed)

    def configure(self, spec: SettingsSpec | None) -> None:
        """These are the Settings now."""
        spec = spec or SettingsSpec()
        found, refresh = places(spec), refresh_seconds(spec)
        if (found, refresh) == (self._places, self._refresh):
            return
        others = [one for one in self._running if refresh != self._refresh or one not in found]
        held = {place.where: self._running[place].poller.held for place in others}
        self._places, self._refresh = found, refresh
        for place in others:
            self._end(place)
        self._closed = {}
        for place in found:
            if not isinstance(place, Platform) and place not in self._running:
                self._begin(place, held.get(place.where, {}))
        self._touched |= self._wanted
        self._news.set()

    def want(self, added: set[Name], removed: set[Name]) -> None:
        """The rules have begun to read these, and nobody reads those any more."""
        if self._platform_want is not None:
            self._platform_want(added, removed)
        self._wanted |= added
        self._wanted -= removed
        for one in self._running.values():
            one.poller.want(filter(_sound, added), removed)
        self._waited = self._waited or not self.complete

    def primary(self, objects: Objects) -> dict[Ref, object | None]:
        """What the platform's source says, with Secrets of earlier places in the place of its own."""
        merged = dict(objects)
        for ref, value in objects.items():
            if ref[:2] == (CORE, "Secret"):
                if isinstance(value, Secret):
                    self._primary[ref.key] = value
                else:
                    self._primary.pop(ref.key, None)
                merged[ref] = self._first(ref.key)
        return merged

    async def run(self) -> None:
        """Hand on what the places say until cancelled; then let go of them."""
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                await self._let_go()
                await self._remember()
                self._hand_on()
        finally:
            for place in list(self._running):
                self._end(place)
            await self._let_go()

    async def _remember(self) -> None:
        """Look at what was before the start while a place says nothing, and forget it when all have spoken."""
        silent = [one.poller for one in self._running.values() if one.poller.silent]
        if self._remembered is not None and any(one.failure or one.slow for one in silent):
            remembered, self._remembered = self._remembered, None
            self._past = await remembered()
            self._touched |= self._wanted & self._past.keys()
        elif self._running and not silent:
            self._remembered = None  # what was before the start is older by now than what they have said
            self._touched |= self._wanted & self._past.keys()
            self._past = {}

    def _hand_on(self) -> None:
        for one in self._running.values():
            self._touched |= one.poller.take()
        touched, self._touched = self._touched, set()
        told = dict(self._troubles())
        if told != self._told:
            for key in told.keys() - self._told.keys():
                _log.warning("%s", told[key])
            self._told = told
            self._reported(told)
        released = self._waited and self.complete
        if touched or released:
            self._waited = self._waited and not released
            self._changed({_ref(name): self._first(name) for name in touched})

    def _first(self, name: Name) -> Secret | None:
        """What the first place says that has it."""
        for place in self._places:
            if isinstance(place, Platform):
                found = self._primary.get(name)
            else:
                found = self._running[place].poller.held.get(name) if place in self._running else None
            if found is not None:
                return found
        return self._past.get(name)

    def _begin(self, place: Vault | Directory, held: Mapping[Name, Secret]) -> None:
        """Follow a place. What was `held` of the one before it stays until this one has answered."""
        try:
            store = self._open(place) if isinstance(place, Vault) else DirectoryStore(place.directory)
        except StoreError as error:
            self._closed[place] = error
            return
        pace = self._pace or Pace(refresh=self._refresh)
        poller = Poller(store, pace, self._news.set, held)
        poller.want(filter(_sound, self._wanted), ())
        self._running[place] = _Running(poller, asyncio.create_task(poller.run()))
        self._waited = self._waited or not poller.complete

    def _end(self, place: Place) -> None:
        task = self._running.pop(place).task
        task.cancel()
        self._ended.append(task)

    async def _let_go(self) -> None:
        tasks, self._ended = self._ended, []
        await ended(tasks)

    def _troubles(self) -> Iterator[tuple[str, Finding]]:
        for place, error in self._closed.items():
            yield place.where, Finding(UNAVAILABLE, place.where, error.text, error.mend)
        for place, one in self._running.items():
            for name, error in one.poller.troubles():
                kept = name in one.poller.held if name else bool(one.poller.held or self._past)
                about = f"Secret {name} " if name else ""
                last = "; the last good is served on" if kept else ""
                text = f"{about}{error.text}{last}"
                yield f"{place.where} {name or ''}", Finding(UNAVAILABLE, place.where, text, error.mend)


def _ref(name: Name) -> Ref:
    return Ref(CORE, "Secret", *name)


def _sound(name: Name) -> bool:
    """Whether it is the name of a Secret: whatever else somebody writes leads nowhere in a path."""
    return bool(_NAME.fullmatch(name.name) and _NAME.fullmatch(name.namespace))
