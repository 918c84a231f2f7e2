"""Basic auth: a name and a password (RFC 7617) of users that the policy knows."""

import asyncio
import hmac
import secrets
from collections import OrderedDict
from hashlib import sha256

from daemun.extauth.answers import Allowed, Answer, Denied
from daemun.extauth.checker import Checker, Place, State, Tools
from daemun.extauth.credentials import basic, challenge
from daemun.extauth.crypt import cheap, holds
from daemun.extauth.request import Request
from daemun.ir.auth.checks import BasicAuth, Password

_REMEMBERED = 4096
_SECONDS = 300.0
_AT_ONCE = 2
"""Hashes of one policy that are computed at a time: its users may be somebody's who wants others to wait."""
_NOBODY = Password("apr1", "0" * 22, "nobody00")


class BasicPasswords(Checker):
    """A user that there is not costs what one costs that there is.

    A password that was right is remembered for a while, as a keyed hash whose key nobody else has: a hash that is meant
    to be slow would otherwise be computed for every request. What was wrong is not remembered.
    """

    def __init__(self, check: BasicAuth, place: Place, tools: Tools) -> None:
        del place
        self._users = check.users
        self._tools = tools
        self._denied = Denied(401, (challenge(check.realm),))
        self._others = tuple(check.users.values()) or (_NOBODY,)
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, float] = OrderedDict()
        self._computing = asyncio.Semaphore(_AT_ONCE)

    async def check(self, request: Request, state: State) -> Answer:
        """Whether the password is that of the user."""
        del state
        given = basic(request.header("authorization"))
        if given is None:
            return self._denied
        name, password = given
        mark = hmac.digest(self._key, b"%d:%s%s" % (len(name), name.encode(), password), sha256)
        if self._right.get(mark, 0.0) > self._tools.ticks():
            return Allowed(name)
        known = self._users.get(name) or self._instead(name)
        if cheap(known):
            right = holds(password, known)
        else:
            async with self._computing:
                right = await self._tools.in_thread(holds, password, known)
        if not right or name not in self._users:
            return self._denied
        self._remember(mark)
        return Allowed(name)

    def _instead(self, name: str) -> Password:
        """What is computed for a user that there is not: what another one has, and always the same.

        Users' hashes may take differently long. If the first one's were always taken, that would tell who there is.
        """
        return self._others[int.from_bytes(hmac.digest(self._key, name.encode(), sha256)) % len(self._others)]

    def _remember(self, mark: bytes) -> None:
        self._right[mark] = self._tools.ticks() + _SECONDS
        self._right.move_to_end(mark)
        if len(self._right) > _REMEMBERED:
            self._right.popitem(last=False)
