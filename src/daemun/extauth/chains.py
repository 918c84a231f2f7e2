"""The chains that the server knows, and how a chain gives way to its successor."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Iterable

from daemun.extauth.chain import Ready
from daemun.extauth.checker import Checker, Place, Tools
from daemun.extauth.checks.broken import BrokenCheck
from daemun.extauth.checks.plugin import UnknownPluginError
from daemun.extauth.registry import made
from daemun.ir.auth import Chain, Step

_log = logging.getLogger(__name__)
_READY = 15.0
"""How long a chain waits for its successor to be ready, in seconds."""
_LINGER = 30.0
"""How long the checker of a chain that is gone may still be asked, in seconds: more than any request takes."""


class Chains:
    """By name. A step that is as it was keeps its checker, with what that holds: connections, sessions, keys."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self.complete = False
        """Whether all chains that there are have come once."""
        self.changes: Counter[str] = Counter()
        self._known: dict[str, Ready] = {}
        self._next: dict[str, tuple[Ready, asyncio.Task[None]]] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, name: str) -> Ready | None:
        """The chain of this name."""
        return self._known.get(name)

    def names(self) -> list[str]:
        """Of all of them."""
        return list(self._known)

    def put(self, chain: Chain) -> Ready:
        """A chain that is new or has changed. While what is new of it gets ready the one before it serves on, and stays
        if what is new has a `fault`.
        """
        self._forget_next(chain.name)
        before = self._known.get(chain.name)
        if before is not None and before.chain == chain:
            return before
        old = {} if before is None else {step.name: step for step in before.chain.steps}
        checkers: dict[str, Checker] = {}
        for step in chain.steps:
            if before is not None and old.get(step.name) == step:
                checkers[step.name] = before.checkers[step.name]
            else:
                checkers[step.name] = self._made(chain, step)
        ready = Ready(chain, checkers)
        kept = () if before is None else before.checkers.values()
        slow = [one for one in checkers.values() if one not in kept and type(one).ready is not Checker.ready]
        if before is None or not slow:
            self._replace(ready)
        else:
            self._next[chain.name] = (ready, asyncio.ensure_future(self._replace_when(ready)))
        return ready

    def remove(self, name: str) -> None:
        """A chain that is no more."""
        self._forget_next(name)
        before = self._known.pop(name, None)
        if before is not None:
            self.changes["removed"] += 1
            self._leave(before.checkers.values())

    async def _replace_when(self, ready: Ready) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_READY):
                await ready.settled()
        del self._next[ready.chain.name]
        self._replace(ready)

    def _replace(self, ready: Ready) -> None:
        before = self._known.get(ready.chain.name)
        if before is not None and ready.fault() and not before.fault():
            self._leave_but(before, ready)
            return
        self._known[ready.chain.name] = ready
        self.changes["put"] += 1
        if before is not None:
            self._leave_but(ready, before)

    def _forget_next(self, name: str) -> None:
        """What was about to come does not."""
        if name in self._next:
            ready, task = self._next.pop(name)
            task.cancel()
            now = self._known.get(name)
            if now is not None:
                self._leave_but(now, ready)

    def _leave_but(self, stays: Ready, goes: Ready) -> None:
        kept = stays.checkers.values()
        self._leave(one for one in goes.checkers.values() if one not in kept)

    async def close(self) -> None:
        """Give back what all of them hold."""
        for name in list(self._next):
            self._forget_next(name)
        for task in self._leaving:
            task.cancel()
        await asyncio.gather(*self._leaving, return_exceptions=True)
        for ready in self._known.values():
            await _close(ready.checkers.values())
        self._known.clear()

    def _made(self, chain: Chain, step: Step) -> Checker:
        try:
            return made(step.check, Place(chain.name, step.name), self.tools)
        except UnknownPluginError as error:
            return BrokenCheck.because(str(error))
        except Exception as error:  # noqa: BLE001 - a plug-in may raise anything; its chain stays shut
            _log.error("%s of %s cannot be made: %s.", step.name, chain.name, type(error).__name__)
            return BrokenCheck.because("it cannot be made")

    def _leave(self, checkers: Iterable[Checker]) -> None:
        gone = list(checkers)
        if gone:
            task = asyncio.ensure_future(_linger(gone))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)


async def _linger(checkers: list[Checker]) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(_LINGER)
    await _close(checkers)


async def _close(checkers: Iterable[Checker]) -> None:
    for checker in checkers:
        try:
            await checker.close()
        except Exception as error:  # noqa: BLE001 - whatever a plug-in does, the others are closed
            _log.warning(
                "A check of the kind %s could not be closed: %s.", type(checker).__name__, type(error).__name__
            )
