"""Who has logged in: kept by the browser in sealed cookies, or in Redis under an id that the browser keeps."""

import contextlib
import hashlib
import secrets
from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from daemun.extauth.oauth import sealing
from daemun.extauth.oauth.cookies import DAYS_30, Jar
from daemun.extauth.oauth.sealing import Sealer
from daemun.extauth.oauth.shared import Shared, SharedError
from daemun.ir.auth.oauth import Session as Settings

_SESSION = "session"
_UNDER_WAY = 900
"""How long an answer may be under way, in seconds."""


class Session(msgspec.Struct, frozen=True, array_like=True):
    """Tokens, and until when they are good, in seconds since 1970."""

    access_token: str
    id_token: str
    refresh_token: str
    expires: float
    began: float
    """When somebody logged in."""


class Kept(NamedTuple):
    """A session as it was found, and where."""

    session: Session
    id: str = ""


class CookieStore:
    """Everything is in the browser.

    An answer that is under way while somebody signs out brings cookies with a renewed session. So for a while another
    cookie says when that was, and sessions that began before count for nothing.
    """

    def __init__(self, jar: Jar, sealer: Sealer, clock: Callable[[], float]) -> None:
        self.jar = jar
        self._left = Jar(f"{jar.name}_left", msgspec.structs.replace(jar.attributes, max_age=_UNDER_WAY))
        self._sealer = sealer
        self._clock = clock

    def names(self, cookies: Mapping[str, str]) -> list[str]:
        """Of the cookies of a request that are ours."""
        return [*self.jar.of(cookies), *self._left.of(cookies)]

    async def load(self, cookies: Mapping[str, str]) -> Kept | None:
        """The session of a request."""
        found = self._sealer.open(f"{_SESSION} {self.jar.name}", sealing.data(self.jar.read(cookies)), Session)
        left = self._sealer.open("left", sealing.data(self._left.read(cookies)), float)
        return Kept(found) if found and (left is None or left < found.began) else None

    async def save(self, session: Session, cookies: Mapping[str, str], identity: str = "") -> tuple[str, ...]:
        """Keep a new session; the Set-Cookie headers that do it. It has no id. Raises TooLongError."""
        del identity
        sealed = self._sealer.seal(f"{_SESSION} {self.jar.name}", session)
        return tuple(self.jar.write(sealing.text(sealed), cookies))

    async def renewed(self, session: Session, cookies: Mapping[str, str]) -> tuple[str, ...]:
        """The Set-Cookie headers that a request gets whose session was renewed. Raises TooLongError."""
        return await self.save(session, cookies)

    async def update(self, kept: Kept, session: Session) -> None:
        """A session was renewed: every request that had the old one gets the cookies of the new one."""

    async def drop(self, cookies: Mapping[str, str]) -> tuple[str, ...]:
        """End a session; the Set-Cookie headers that do it."""
        left = self._sealer.seal("left", self._clock())
        return (*self.jar.end(cookies), *self._left.write(sealing.text(left)))


def new_identity() -> str:
    """An id for a session, which nobody guesses."""
    return secrets.token_urlsafe(32)


class SharedStore:
    """In Redis. Neither its ids nor what is in the sessions can be read there: their key is made from the id."""

    def __init__(self, jar: Jar, shared: Shared, prefix: str, secret: bytes, settings: Settings) -> None:
        self.jar = jar
        self._shared = shared
        self._prefix = prefix
        self._secret = secret
        self._seconds = settings.cookie.max_age or DAYS_30

    async def load(self, cookies: Mapping[str, str]) -> Kept | None:
        """The session of a request. Raises SharedError."""
        identity = self.jar.read(cookies)
        if not identity:
            return None
        data = await self._shared.get(self._name(identity))
        found = self._sealer(identity).open(_SESSION, data, Session) if data else None
        return Kept(found, identity) if found else None

    async def save(self, session: Session, cookies: Mapping[str, str], identity: str = "") -> tuple[str, ...]:
        """Keep a new session, if need be under a new id; the Set-Cookie headers for its id. Raises SharedError.

        The one that the browser had ends: whoever signs out later could not end it any more.
        """
        identity = identity or new_identity()
        await self._shared.put(self._name(identity), self._sealed(identity, session), self._seconds)
        if before := self.jar.read(cookies):
            with contextlib.suppress(SharedError):
                await self._shared.drop(self._name(before))
        return tuple(self.jar.write(identity, cookies))

    async def renewed(self, session: Session, cookies: Mapping[str, str]) -> tuple[str, ...]:
        """Its id is as it was."""
        return ()

    async def update(self, kept: Kept, session: Session) -> None:
        """A session that was renewed is kept under its id, unless somebody logged out meanwhile. Raises SharedError."""
        await self._shared.replace(self._name(kept.id), self._sealed(kept.id, session), self._seconds)

    async def drop(self, cookies: Mapping[str, str]) -> tuple[str, ...]:
        """End a session; the Set-Cookie headers that forget it. Raises SharedError."""
        identity = self.jar.read(cookies)
        if identity:
            await self._shared.drop(self._name(identity))
        return tuple(self.jar.end(cookies))

    def names(self, cookies: Mapping[str, str]) -> list[str]:
        """Of the cookies of a request that are ours."""
        return self.jar.of(cookies)

    def _sealed(self, identity: str, session: Session) -> bytes:
        return self._sealer(identity).seal(_SESSION, session)

    def _name(self, identity: str) -> str:
        return self._prefix + hashlib.sha256(identity.encode()).hexdigest()

    def _sealer(self, identity: str) -> Sealer:
        return Sealer(self._secret + b"\0" + identity.encode())


Store = CookieStore | SharedStore
