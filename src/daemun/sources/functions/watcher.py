"""Follows those whose functions rules want to know: asks them again and again, and keeps what they said."""

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
from daemun.ir.discovered import Asked, Said
from daemun.kube.pauses import growing
from daemun.sources.ended import ended
from daemun.sources.functions.asking import asking
from daemun.sources.functions.failure import AskError
from daemun.sources.kept import Kept

Changes = Mapping[Name, Said | Missing]
FILE = "functions.json"
_AT_ONCE = 64
"""Questions under way: there may be as many Upstreams as there are services."""
_log = logging.getLogger(__name__)


def memory(folder: Path | None) -> Kept[Name, Said]:
    """What was said last, on disk."""
    return Kept(folder / FILE if folder is not None else None, "servers of functions", list[tuple[Name, Said]])


class Pace(msgspec.Struct, frozen=True):
    """Waiting times, in seconds: before the second attempt, at most between two, between two times that somebody is
    asked who has answered, for the first answer, and at most between two attempts with those who are merely probed.
    """

    first: float = 0.2
    longest: float = 15.0
    again: float = 30.0
    patience: float = 5.0
    probing: float = 300.0


PACE = Pace()


class FunctionWatcher:
    """`changed` is told what is said. What one said stays while it is away, also over a start (`kept`): until its
    Upstream is gone, or nobody wants to know any more.
    """

    def __init__(
        self, guard: Guard, changed: Callable[[Changes], None], kept: Kept[Name, Said], pace: Pace | None = None
    ) -> None:
        self._guard, self._changed = guard, changed
        self._memory, self._pace = kept, pace or PACE
        self._past = self._memory.load()
        self._held: dict[Name, Said] = {}
        self._awaited: dict[Name, float] = {}
        self._news: dict[Name, Said | Missing] = {}
        self._tasks: dict[Name, asyncio.Task[None]] = {}
        self._ended: list[asyncio.Task[None]] = []
        self._woken = asyncio.Event()
        self._turns = asyncio.Semaphore(_AT_ONCE)

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
                self._ended = [*(one for one in self._ended if not one.done()), task]
            self._awaited.pop(name, None)
            if isinstance(new, Asked):
                held = self._held.get(name)
                if held is not None and all(held.kind != one.kind for one in new.questions):
                    # Its functions were of another kind.
                    del self._held[name]
                    self._news[name] = MISSING
                if name not in self._held:
                    self._awaited[name] = time.monotonic()
                self._tasks[name] = asyncio.create_task(self._ask(name, new))
            elif self._held.pop(name, None) is not None:
                self._news[name] = MISSING
        self._woken.set()

    async def run(self) -> None:
        """Hand on what is said until cancelled."""
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
                    held = {name: said._replace(trouble="") for name, said in self._held.items() if said.kind}
                    await asyncio.to_thread(self._memory.save, past | held)
                if news or released:
                    self._changed(news)
        finally:
            tasks = [*self._tasks.values(), *self._ended]
            for task in tasks:
                task.cancel()
            await ended(tasks)

    async def _ask(self, name: Name, asked: Asked) -> None:
        ways = [(one.kind, asking(one, self._guard)) for one in asked.questions]
        failures, told = 0, ""
        while True:
            why, after = "", 0.0
            for kind, ask in ways:
                try:
                    async with self._turns:
                        found = await ask()
                    self._take(name, Said(kind, found))
                except AskError as error:
                    why, after = str(error), error.after
                except Exception as error:  # noqa: BLE001 - what others' servers say is not to take us with it
                    why = repr(error)
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
                _log.log(logging.DEBUG if asked.probed else logging.INFO, "Upstream %s: %s", name, why)
            self._miss(name, asked, why)
            longest = self._pace.probing if asked.probed and name not in self._held else self._pace.longest
            chance = random.random()  # noqa: S311 - no secret
            await asyncio.sleep(max(after, growing(failures, self._pace.first, longest, chance)))

    def _miss(self, name: Name, asked: Asked, why: str) -> None:
        """Nothing newer is said, so what was said last counts. Nobody waits for those who are merely probed."""
        held = self._held.get(name) or self._past.get(name)
        if held is not None and any(held.kind == one.kind for one in asked.questions):
            self._take(name, held._replace(trouble="" if asked.probed else why))
        elif asked.probed:
            self._awaited.pop(name, None)
            self._woken.set()
        else:
            self._note(name, Said(trouble=why))

    def _take(self, name: Name, found: Said) -> None:
        self._awaited.pop(name, None)
        self._note(name, found)

    def _note(self, name: Name, found: Said) -> None:
        if self._held.get(name) != found:
            self._held[name] = self._news[name] = found
        self._woken.set()
