"""Sessions whose tokens are about to expire. Many requests that notice it at once lead to one renewal, of which all of
them get the result: a refresh token may be good for one time only.
"""

import asyncio
import hashlib
import logging
import random
import secrets
from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec

from daemun.extauth.kept import Kept
from daemun.extauth.oauth.sealing import Sealer
from daemun.extauth.oauth.sessions import Session
from daemun.extauth.oauth.shared import Shared, SharedError

_log = logging.getLogger(__name__)
_KEPT = 60.0
"""Requests that were under way with the old cookies come for a while, in seconds."""
_PAUSE = 2.0
"""After a provider could not be asked it is not asked again for the same session, in seconds."""
_LOCK = 20.0
"""More than a renewal takes at most."""
_WAIT = 8.0
_POLL = 0.05

Verdict = Literal["renewed", "refused", "away"]


class Outcome(msgspec.Struct, frozen=True, array_like=True):
    """`refused`: the provider ends the session. `away`: nobody knows.

    `kept` says whether the session is where it was before; if not, who finds the one of before there has to put it.
    """

    verdict: Verdict
    session: Session | None = None
    kept: bool = True


AWAY = Outcome("away")
REFUSED = Outcome("refused")
Ask = Callable[[Session], Awaitable[Outcome]]
"""Asks the provider for new tokens, and keeps them; it raises nothing."""


Landed = Kept[tuple[Outcome, float]]
"""What became of sessions lately, and until when that is told."""


class Renewals:
    """Renews sessions, each once, also where other replicas want it too. `name` is that of the client.

    `landed` is for all clients; what there is of this one is the namespace's.
    """

    def __init__(self, shared: Shared, name: str, landed: Landed, namespace: str) -> None:
        self._shared = shared
        self._name = name
        self._kept = landed
        self._namespace = namespace
        self._flights: dict[str, asyncio.Task[Outcome]] = {}

    async def renew(self, session: Session, ask: Ask) -> Outcome:
        """What became of a session. It goes on when nobody waits for it any more."""
        key = hashlib.sha256(session.refresh_token.encode()).hexdigest()
        outcome, until = self._kept.get((self._name, key)) or (AWAY, 0.0)
        if asyncio.get_running_loop().time() < until:
            return outcome
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.get_running_loop().create_task(self._across(key, session, ask))
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(flight)

    async def close(self) -> None:
        """End what is under way."""
        under_way = [one for one in self._flights.values() if not one.done()]
        for one in under_way:
            one.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        self._flights.clear()

    def _landed(self, key: str, done: "asyncio.Task[Outcome]") -> None:
        self._flights.pop(key, None)
        if done.cancelled() or done.exception() is not None:
            return
        outcome = done.result()
        away = outcome.verdict == "away"
        seconds = _PAUSE * random.uniform(0.5, 1.0) if away else _KEPT  # noqa: S311 - not a secret
        until = asyncio.get_running_loop().time() + seconds
        self._kept.put((self._name, key), (outcome, until), _size(outcome), self._namespace)

    async def _across(self, key: str, session: Session, ask: Ask) -> Outcome:
        """One replica asks; the others find its result, sealed with what only they know who had the session."""
        if self._shared.alone:
            return await ask(session)
        try:
            return await self._locked(f"{self._name}:renewal:{key}", session, ask)
        except SharedError as error:
            _log.warning("A session is renewed without a word to other replicas: %s.", error)
            return await ask(session)

    async def _locked(self, name: str, session: Session, ask: Ask) -> Outcome:
        sealer, mine = Sealer(session.refresh_token.encode()), secrets.token_bytes(16)
        deadline = asyncio.get_running_loop().time() + _WAIT
        while asyncio.get_running_loop().time() < deadline:
            holds = await self._shared.add(f"{name}:lock", mine, _LOCK)
            try:
                sealed = await self._shared.get(name)
                found = sealer.open("renewal", sealed, Outcome) if sealed else None
                if found is not None:
                    return found
                if holds:
                    outcome = await ask(session)
                    if outcome.verdict != "away":
                        await self._told(name, sealer.seal("renewal", outcome))
                    return outcome
            finally:
                if holds:
                    await self._released(f"{name}:lock", mine)
            await asyncio.sleep(_POLL)
        return AWAY

    async def _told(self, name: str, outcome: bytes) -> None:
        """What has been done is done: Redis failing now is no reason to do it again."""
        try:
            await self._shared.put(name, outcome, _KEPT)
        except SharedError as error:
            _log.warning("Other replicas do not learn of a renewed session: %s.", error)

    async def _released(self, name: str, mine: bytes) -> None:
        try:
            await self._shared.release(name, mine)
        except SharedError:
            return  # it ends by itself


def _size(outcome: Outcome) -> int:
    session = outcome.session
    return len(session.access_token + session.id_token + session.refresh_token) if session is not None else 0
