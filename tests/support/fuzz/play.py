"""A world under way: changes are made, clients ask, and each answer is held against what was right in its time."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from daemun.plane.plane import ControlPlane
from support.fuzz.bearing import concerns, takes
from support.fuzz.clients import Client, Requests
from support.fuzz.history import History
from support.fuzz.hosts import ROUTES
from support.fuzz.objects import Change, Key, Objects, ref_of
from support.fuzz.outcomes import Answer
from support.fuzz.routing import Request
from support.fuzz.settings import Ports
from support.scenes.churn import typed

WORKERS = 0.5
"""Seconds within which Envoy's workers have heard of what its main thread has acknowledged, on a busy machine."""
LASTING = 60
"""Seconds within which what is limited has been asked for often enough to be too much, on a busy machine."""
CHECKED = 25
"""Requests that are asked when all is quiet, each of which must be answered just as the objects say then."""


class Wrong(NamedTuple):
    """An answer that was not right, and what was."""

    request: Request
    answer: Answer
    right: frozenset[Answer]
    since: list[str]

    def __str__(self) -> str:
        during = "\n    ".join(self.since)
        return f"{self.request}\n  was answered {self.answer}\n  not {sorted(self.right)}\n  during\n    {during}"


class Play:
    """Plays it, and gathers what was wrong."""

    def __init__(self, plane: ControlPlane, objects: Objects, ports: Ports, seed: int) -> None:
        self.history = History(objects)
        self.wrong: list[Wrong] = []
        self.late = 0
        self.answers: Counter[str] = Counter()
        self._plane = plane
        self._ports = ports
        self._seed = seed
        self._done = asyncio.Event()
        self._names: list[str] = ["begin"]

    def change(self, name: str, change: Change) -> None:
        """Make a change."""
        self._names.append(f"{name} {_told(change)}")
        self.history.note(change)
        documents = typed(one for one in change.values() if one is not None)
        self._plane.take([*documents, *((ref_of(key), None) for key, one in change.items() if one is None)])

    def look(self) -> bool:
        """Whether all proxies have everything just now."""
        xds = self._plane.xds
        proxies = self._plane.wanted()
        sessions = [session for proxy in proxies for session in xds._proxies[proxy]._sessions]
        # Removals are late, and what is synced does not wait for them.
        late = any(one._gone for session in sessions for one in session._subscriptions.values())
        synced = self._plane.settled and not late and all(map(xds.synced, proxies))
        if synced:
            self.history.synced()
        return synced

    async def settled(self, seconds: float = 60) -> None:
        """Wait until the proxies have everything."""
        async with asyncio.timeout(seconds):
            while not self.look():  # noqa: ASYNC110 - it is looked at between the changes as well
                await asyncio.sleep(0.002)

    async def ask(self, number: int) -> None:
        """Ask until the end."""
        requests = Requests(random.Random(f"{self._seed}/{number}"), self._ports)  # noqa: S311
        client = Client()
        try:
            while not self._done.is_set():
                request = requests.next(self.history)
                began = time.monotonic()
                answer = await client.ask(request)
                self._judge(request, answer, began, time.monotonic())
        finally:
            await client.close()

    def end(self) -> None:
        """Have the clients end."""
        self._done.set()

    async def check(self, seed: str) -> None:
        """While nothing is under way, what is answered is what the objects say now."""
        requests = Requests(random.Random(seed), self._ports)  # noqa: S311
        client = Client()
        try:
            for _ in range(CHECKED):
                request = requests.next(self.history)
                right = self.history.now.outcomes.lasting(request)
                deadline = time.monotonic() + LASTING
                answer = await client.ask(request)
                while answer not in right and time.monotonic() < deadline:
                    await asyncio.sleep(0.01)
                    answer = await client.ask(request)
                if answer not in right:
                    at = len(self.history.moments) - 1
                    self._blame(request, answer, right, at, at)
        finally:
            await client.close()

    def _judge(self, request: Request, answer: Answer, began: float, ended: float) -> None:
        self.answers[answer.backend or str(answer.status)] += 1
        history = self.history
        if history.right(answer, request, began, ended):
            return
        if history.right(answer, request, began - WORKERS, ended):
            self.late += 1
            return
        first, last = history.within(began, ended)
        self._blame(request, answer, history.mixed(request, first, last), first, last)

    def _blame(self, request: Request, answer: Answer, right: frozenset[Answer], first: int, last: int) -> None:
        moments = self.history.moments
        during = [f"at first {one}" for one in self._for(request, moments[first].objects)]
        for at in range(first + 1, last + 1):
            during.append(self._names[at])
            for key, one in moments[at].change.items():
                if key.kind in ROUTES and "-" not in key.name:
                    during.append(
                        f"  {_name(key)} becomes {one and (one['metadata']['creationTimestamp'], one['spec'])}"
                    )
        self.wrong.append(Wrong(request, answer, right, during))

    def _for(self, request: Request, objects: Objects) -> Iterator[str]:
        """What of the objects may have to do with a request; routes only where they match."""
        for key, one in objects.every.items():
            if concerns(key, one, request) and takes(key, one, request) and key.kind in (*ROUTES, "Gateway"):
                yield f"{_name(key)}: {one['metadata'].get('creationTimestamp')} {one['spec']}"


def _told(change: Change) -> str:
    kinds = Counter(f"{'+' if one is not None else '-'}{key.kind}" for key, one in change.items())
    some = [_name(key) for key in change][:4]
    return f"{dict(kinds)} {some}"


def _name(key: Key) -> str:
    return f"{key.kind} {key.namespace}/{key.name}"
