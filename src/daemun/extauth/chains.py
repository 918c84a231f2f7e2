"""The chains that the server knows, and how a chain gives way to its successor."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Iterable

from daemun.extauth.chain import Ready
from daemun.extauth.checker import Checker, Place, Tools
from daemun.extauth.checks.broken import BrokenCheck
from daemun.extauth.registry import made
from daemun.ir.auth import Chain, Step

_log = logging.getLogger(__name__)
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
        self._leaving: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, name: str) -> Ready | None:
        """The chain of this name."""
        return self._known.get(name)

    def names(self) -> list[str]:
        """Of all of them."""
        return list(self._known)

    def put(self, chain: Chain) -> None:
        """A chain that is new or has changed."""
        before = self._known.get(chain.name)
        if before is not None and before.chain == chain:
            return
        old = {} if before is None else {step.name: step for step in before.chain.steps}
        checkers: dict[str, Checker] = {}
        for step in chain.steps:
            if before is not None and old.get(step.name) == step:
                checkers[step.name] = before.checkers[step.name]
            else:
                checkers[step.name] = self._made(chain, step)
        self._known[chain.name] = Ready(chain, checkers)
        self.changes["put"] += 1
        if before is not None:
            self._leave(checker for name, checker in before.checkers.items() if checkers.get(name) is not checker)

    def remove(self, name: str) -> None:
        """A chain that is no more."""
        before = self._known.pop(name, None)
        if before is not None:
            self.changes["removed"] += 1
            self._leave(before.checkers.values())

    async def close(self) -> None:
        """Give back what all of them hold."""
        for task in self._leaving:
            task.cancel()
        await asyncio.gather(*self._leaving, return_exceptions=True)
        for ready in self._known.values():
            await _close(ready.checkers.values())
        self._known.clear()

    def _made(self, chain: Chain, step: Step) -> Checker:
        try:
            return made(step.check, Place(chain.name, step.name), self.tools)
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
