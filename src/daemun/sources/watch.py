"""Noticing changes: inotify where there is one, and looking at time stamps everywhere.

inotify is asked for the end of writing (CLOSE_WRITE) and for names that appear and disappear, never for single writes:
a file is not read while somebody is writing it. What inotify cannot see (a bind mount changed on the other side, a
file that is kept open) is found by the poll, which reads a file only when it has rested from one look to the next.
"""

import asyncio
import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from daemun.sources.files import SUFFIXES, Key
from daemun.sources.reader import Hints

if TYPE_CHECKING:
    from asyncinotify import Event, Inotify


class Notices:
    """Collects what happens until somebody takes it."""

    def __init__(self) -> None:
        self._hints = Hints()
        self._some = asyncio.Event()

    def told(self, key: Key) -> None:
        """This file was closed after writing, or put in its place as a whole."""
        self._hints.told.add(key)
        self._some.set()

    def moved(self, key: Key) -> None:
        """This folder was put in its place as a whole."""
        self._hints.moved.add(key)
        self.anything()

    def anything(self) -> None:
        """Something that only a look at everything can tell."""
        self._hints.full = True
        self._some.set()

    async def take(self, seconds: float) -> Hints | None:
        """What has happened, as soon as it has. None when nothing has for this long."""
        try:
            async with asyncio.timeout(max(seconds, 0)):
                await self._some.wait()
        except TimeoutError:
            return None
        self._some.clear()
        hints, self._hints = self._hints, Hints()
        return hints


class Watcher:
    """Watches directories by their descriptors, so that it is sure to be the directory that was opened.

    `add` may be called from the thread that walks the folder. A directory that was renamed keeps its watch, and the
    next walk tells its new name; `sweep`, after a walk, drops the watches that the walk did not come by.
    """

    def __init__(self, notices: Notices, linked: Callable[[Key], bool]) -> None:
        self._notices, self._linked = notices, linked
        self._inotify: Inotify | None = None
        self._reader: asyncio.Task[None] | None = None
        self._places: dict[int, set[tuple[Key, str]]] = {}
        self._fresh: dict[int, set[tuple[Key, str]]] = {}
        self.failure = ""

    def __enter__(self) -> Self:
        if sys.platform == "linux":
            from asyncinotify import Inotify

            try:
                self._inotify = Inotify(cache_size=256)
            except OSError as error:  # the limit of instances per user; polling goes on
                self.failure = error.strerror or ""
        if (inotify := self._inotify) is not None:
            self._reader = asyncio.get_running_loop().create_task(self._read(inotify), name="inotify")
            # Not before: whoever opens something then may be given its number, and the loop would take it for this.
            self._reader.add_done_callback(lambda _: inotify.close())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reader is not None:
            self._reader.cancel()
        self._inotify = None

    def add(self, descriptor: int, key: Key, only: str = "") -> None:
        """Watches an open directory; `only` one name in it if that is what the PATH names."""
        inotify = self._inotify
        if inotify is None:
            return
        from asyncinotify import Mask

        mask = Mask.CLOSE_WRITE | Mask.MOVE | Mask.CREATE | Mask.DELETE | Mask.DELETE_SELF | Mask.MOVE_SELF
        try:
            watch = inotify.add_watch(f"/proc/self/fd/{descriptor}", mask | Mask.ONLYDIR)
        except OSError as error:
            self.failure = error.strerror or ""
            return
        self._fresh.setdefault(watch.wd, set()).add((key, only))
        self._places.setdefault(watch.wd, set()).add((key, only))

    def sweep(self) -> None:
        """A walk has come to its end: what it did not come by is no longer watched."""
        fresh, self._fresh = self._fresh, {}
        if self._inotify is None:
            return
        for watch in self._inotify.watches:
            if watch.wd not in fresh:
                try:
                    self._inotify.rm_watch(watch)
                except OSError:
                    continue  # the directory is gone, and its watch with it
        self._places = fresh

    async def _read(self, inotify: "Inotify") -> None:
        while True:
            self._notice(await inotify.get())

    def _notice(self, event: "Event") -> None:
        from asyncinotify import Mask

        mask, watch = event.mask, event.watch
        if mask & Mask.Q_OVERFLOW or watch is None:
            self._notices.anything()
            return
        if mask & Mask.IGNORED:
            return
        name = os.fspath(event.name) if event.name is not None else ""
        for folder, only in tuple(self._places.get(watch.wd, ())):
            if only:
                self._single(folder, only, name)
            elif not name:
                self._notices.anything()  # the directory itself was moved or deleted
            else:
                self._entry(folder, name, mask)

    def _single(self, key: Key, only: str, name: str) -> None:
        """Something in the directory of a PATH that is a file."""
        if name == only:
            self._notices.told(key)
        elif name.startswith(".."):
            self._notices.anything()

    def _entry(self, folder: Key, name: str, mask: int) -> None:
        from asyncinotify import Mask

        key = Key(folder.root, f"{folder.name}/{name}" if folder.name else name)
        if name.startswith("."):
            if name.startswith(".."):  # the ..data of a Kubernetes volume
                self._notices.anything()
        elif mask & Mask.ISDIR:
            if mask & Mask.MOVED_TO:
                self._notices.moved(key)
            elif not mask & Mask.CLOSE_WRITE:
                self._notices.anything()
        elif self._linked(key):
            self._notices.anything()
        elif name.endswith(SUFFIXES) and not mask & Mask.CREATE:
            self._notices.told(key)
