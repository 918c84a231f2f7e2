"""Follows the gRPC servers whose services rules want to know: asks them again and again, and keeps what they said."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from daemun.base.guard import Guard
from daemun.base.names import Name
from daemun.flow import MISSING, Collection, Missing
from daemun.flow.values import Delta
from daemun.ir.reflection import Asked
from daemun.kube.pauses import growing
from daemun.sources.ended import ended
from daemun.sources.kept import Kept
from daemun.sources.reflection.asking import ReflectionError, reflect

Changes = Mapping[Name, bytes | Missing]
FILE = "reflected.json"
_log = logging.getLogger(__name__)


def memory(folder: Path | None) -> Kept[Name, bytes]:
    """What servers said last, on disk."""
    return Kept(folder / FILE if folder is not None else None, "gRPC servers", list[tuple[Name, bytes]])


class Pace(msgspec.Struct, frozen=True):
    """Waiting times, in seconds: before the second attempt, at most between two, between two times that a server is
    asked that has answered, and for the first answer.
    """

    first: float = 0.2
    longest: float = 15.0
    again: float = 30.0
    patience: float = 5.0


class ReflectionWatcher:
    """`changed` is told what servers say. What one said stays while it is away, also over a start (`kept`): until its
    Upstream is gone, or nobody wants to know any more.
    """

    def __init__(
        self, guard: Guard, changed: Callable[[Changes], None], kept: Kept[Name, bytes], pace: Pace | None = None
    ) -> None:
        self._guard, self._changed = guard, changed
        self._memory, self._pace = kept, pace or Pace()
        self._past = self._memory.load()
        self._held: dict[Name, bytes] = {}
        self._awaited: dict[Name, float] = {}
        self._news: dict[Name, bytes | Missing] = {}
        self._tasks: dict[Name, asyncio.Task[None]] = {}
        self._ended: list[asyncio.Task[None]] = []
        self._woken = asyncio.Event()

    @property
    def complete(self) -> bool:
        """Whether everybody who is asked has answered, or nobody waits for it any more."""
        late = time.monotonic() - self._pace.patience
        return all(since < late for since in self._awaited.values())

    def follow(self, asked: Collection[Name, Asked]) -> None:
        """These are asked."""
        asked.subscribe(self._change)

    def _change(self, delta: Delta[Name, Asked]) -> None:
        for name, (_, new) in delta.items():
            if (task := self._tasks.pop(name, None)) is not None:
                task.cancel()
                self._ended.append(task)
            self._awaited.pop(name, None)
            if isinstance(new, Asked):
                if name not in self._held:
                    self._awaited[name] = time.monotonic()
                self._tasks[name] = asyncio.create_task(self._ask(name, new))
            elif self._held.pop(name, None) is not None:
                self._news[name] = MISSING
        self._woken.set()

    async def run(self) -> None:
        """Hand on what servers say until cancelled."""
        waited = False
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    waiting = bool(self._awaited) and not self.complete
                    async with asyncio.timeout(self._pace.patience / 4 if waiting else None):
                        await self._woken.wait()
                self._woken.clear()
                news, self._news = self._news, {}
                released = waited and self.complete
                waited = not self.complete
                if news:
                    past = {name: said for name, said in self._past.items() if name in self._tasks}
                    await asyncio.to_thread(self._memory.save, past | self._held)
                if news or released:
                    self._changed(news)
        finally:
            tasks = [*self._tasks.values(), *self._ended]
            for task in tasks:
                task.cancel()
            await ended(tasks)

    async def _ask(self, name: Name, asked: Asked) -> None:
        failures, told = 0, ""
        while True:
            why = ""
            for host, port in asked.targets:
                try:
                    self._take(name, await reflect(host, port, self._guard))
                except ReflectionError as error:
                    why = str(error)
                except Exception as error:  # noqa: BLE001 - what others' servers say is not to take us with it
                    why = f"{host}:{port}: {error!r}"
                else:
                    why = ""
                    break
            if not why:
                failures, told = 0, ""
                await asyncio.sleep(self._pace.again)
                continue
            failures += 1
            if why != told:
                told = why
                _log.info("Upstream %s: %s", name, why)
            if name not in self._held and name in self._past:
                self._take(name, self._past[name])
            await asyncio.sleep(growing(failures, self._pace.first, self._pace.longest, random.random()))  # noqa: S311

    def _take(self, name: Name, found: bytes) -> None:
        self._awaited.pop(name, None)
        if self._held.get(name) != found:
            self._held[name] = self._news[name] = found
        self._woken.set()
