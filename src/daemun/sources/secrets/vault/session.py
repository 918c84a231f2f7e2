"""Access to Vault: a token that is renewed before it ends, and a new one when it cannot be."""

import time
from typing import Any

from daemun.sources.secrets.vault.http import Answered, VaultClient
from daemun.sources.secrets.vault.logins import Grant, Login, granted

_RENEW_AT = 2 / 3
"""After that part of its time a token is renewed."""
_LOGIN_AGAIN = 0.5
"""A renewed token that has less than this part of the time it had at first nears its end: Vault gives it no more."""
_SHORT = 1.0
"""A token that is good for fewer seconds than that is not waited with."""


class Session:
    """Asks Vault as somebody. `increment` is for how many seconds a renewal asks; 0: for as many as before."""

    def __init__(self, vault: VaultClient, login: Login, increment: int = 0) -> None:
        self._vault, self._login = vault, login
        self._longer = {"increment": f"{increment}s"} if increment > 0 else {}
        self._grant: Grant | None = None
        self._whole = 0.0
        self._renew = self._end = float("inf")
        self.logins = self.renewals = 0

    async def ask(self, method: str, path: str, body: Any = None) -> Answered:
        """Ask with the token; if it is not good any more, once again with another. Raises StoreError."""
        grant = await self._current()
        answer = await self._vault.ask(method, path, token=grant.token, body=body)
        if answer.status == 403 and self._grant is grant and not await self._good(grant):
            grant = await self._enter()
            answer = await self._vault.ask(method, path, token=grant.token, body=body)
        return answer

    async def keep(self) -> None:
        """Renew the token if it is time. Raises StoreError."""
        await self._current()

    async def _current(self) -> Grant:
        now = time.monotonic()
        if self._grant is None or now >= self._end:
            return await self._enter()
        if now >= self._renew:
            return await self._renewed(self._grant)
        return self._grant

    async def _enter(self) -> Grant:
        self._grant = None
        grant = await self._login(self._vault)
        self.logins += 1
        self._whole = grant.seconds
        return self._take(grant)

    async def _renewed(self, grant: Grant) -> Grant:
        if grant.renewable:
            answer = await self._vault.ask("POST", "auth/token/renew-self", token=grant.token, body=self._longer)
            if answer.status == 200:
                longer = granted(answer)
                if longer.seconds >= self._whole * _LOGIN_AGAIN:
                    self.renewals += 1
                    return self._take(longer)
            elif answer.status not in {400, 403} and (left := self._end - time.monotonic()) > _SHORT:
                # Vault is not itself. The token is good for a while yet, so there is time to ask again.
                self._renew = time.monotonic() + left / 2
                return grant
        return await self._enter()

    async def _good(self, grant: Grant) -> bool:
        """Whether the token itself is good, so that a refusal is about what was asked."""
        answer = await self._vault.ask("GET", "auth/token/lookup-self", token=grant.token)
        if answer.status not in {200, 403}:
            raise answer.refusal("the token is looked up", whole=True)
        return answer.status == 200

    def _take(self, grant: Grant) -> Grant:
        self._grant, now = grant, time.monotonic()
        self._renew = now + grant.seconds * _RENEW_AT if grant.seconds else float("inf")
        self._end = now + grant.seconds if grant.seconds else float("inf")
        return grant
