"""Access tokens that requests bear (RFC 6750): what their issuer says of them, and those that are signed."""

import asyncio
import hashlib
import math
import secrets
import string
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec

from daemun.extauth.answers import Allowed, Answer, Denied, Failed
from daemun.extauth.checker import Checker, Place, State, Tools
from daemun.extauth.kept import Kept
from daemun.extauth.oauth.forwarding import claim, metadata
from daemun.extauth.oauth.grants import basic
from daemun.extauth.oauth.provider import Keyring
from daemun.extauth.oauth.sealing import data
from daemun.extauth.oauth.tokens import Claims, Key, TokenError, check_times, parse_keys, verified
from daemun.extauth.request import Request
from daemun.fetch import Answer as Fetched
from daemun.fetch import CrowdedError, FetchError
from daemun.ir.auth.oauth import Introspection, SignedToken

_SHORT, _LONGEST = 4 << 10, 128 << 10
_AS_LARGE = 24
"""How many times as large as it is written a document is in memory, if it is made for that."""
_TOKENS = 32 << 20
"""Bytes of what is said of tokens that are remembered, of all policies."""
_CHARACTERS = frozenset(string.ascii_letters + string.digits + "-._~+/=")
_WAITING = 2 << 10
"""Bytes that it takes to find out about a token, beside what is written of it."""
_REFUSED_SECONDS = 5.0
"""How long a token that counts for nothing is remembered as that."""
_KINDS = ("typ", "token_use", "token_type")
"""Where issuers say what a token is for: Keycloak, Hydra and Cognito, and introspection (RFC 7662)."""
_RENEWS = frozenset(("refresh", "offline", "refresh_token", "refresh-token", "logout"))
_JSON = {"Accept": "application/json"}
_MISSING = Denied(401, (("www-authenticate", "Bearer"),))
_INVALID = Denied(401, (("www-authenticate", 'Bearer error="invalid_token"'),))


class Said(msgspec.Struct, frozen=True):
    """What is known of a token: nothing if it counts for nothing. `userinfo` is what its owner's page says.

    In memory a document is many times as large as it is written. So one that is short is read each time; one that is
    not would take long.
    """

    claims: Claims | bytes | None
    userinfo: Claims | bytes | None = None


_NOTHING = Said(None)


Find = Callable[[str], Awaitable[tuple[Said, int]]]
"""Finds out about a token, and how many bytes it takes to keep that."""


class Remembered:
    """What was found out about tokens, by their digest, each found out once and for no longer than it is true."""

    def __init__(self, seconds: float, tools: Tools, place: Place) -> None:
        self._seconds = seconds
        self._clock, self._ticks = tools.clock, tools.ticks
        self._namespace, self._budget = place.namespace, tools.budget
        self._policy = secrets.token_bytes(16)
        self._said: Kept[tuple[Said, float, float]] = tools.shared("memory of tokens", lambda: Kept(_TOKENS))
        self._flights: dict[bytes, asyncio.Task[Said]] = {}

    async def get(self, token: str, find: Find) -> Said:
        """What `find` says of a token. What it raises is raised for all who asked meanwhile, and not remembered."""
        key = hashlib.sha256(self._policy + token.encode()).digest()
        said, until, ends = self._said.get(key) or (_NOTHING, 0.0, 0.0)
        if self._ticks() < until and self._clock() < ends:
            self._said.used(key)
            return said
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.get_running_loop().create_task(self._find(key, token, find))
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(flight)

    async def close(self) -> None:
        """End what is under way."""
        under_way = list(self._flights.values())
        for one in under_way:
            one.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    async def _find(self, key: bytes, token: str, find: Find) -> Said:
        try:
            # It goes on when nobody waits for it any more: others may ask for the same, but not without an end.
            with self._budget.share(self._namespace) as share:
                share.take(_WAITING + len(token))
                said, size = await find(token)
        except CrowdedError:
            raise FetchError("too many tokens are asked about at once") from None
        seconds = self._seconds if said.claims is not None else min(self._seconds, _REFUSED_SECONDS)
        expires = _read(said.claims).get("exp") if said.claims is not None else None
        ends = float(expires) if isinstance(expires, int | float) else math.inf
        self._said.put(key, (said, self._ticks() + seconds, ends), size, self._namespace)
        return said

    def _landed(self, key: bytes, done: "asyncio.Task[Said]") -> None:
        self._flights.pop(key, None)
        if not done.cancelled():
            done.exception()


class _BearerCheck(Checker):
    """Lets a request pass whose token counts, with all scopes that are wanted."""

    def __init__(self, check: Introspection | SignedToken, place: Place, tools: Tools) -> None:
        self._wanted = check
        self._clock = tools.clock
        self._fetcher = tools.fetcher(place)
        self._remembered = Remembered(check.cache, tools, place)

    async def check(self, request: Request, state: State) -> Answer:
        """As Checker."""
        scheme, _, token = request.header("authorization").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or not _CHARACTERS.issuperset(token):
            return _MISSING
        try:
            said = await self._remembered.get(token, self._find)
        except FetchError as error:
            return Failed(f"what a token is worth cannot be told: {error}", 401)
        if said.claims is None:
            return _INVALID
        claims = _read(said.claims)
        if not set(self._wanted.scopes) <= scopes(claims):
            wanted = " ".join(self._wanted.scopes)
            return Denied(403, (("www-authenticate", f'Bearer error="insufficient_scope", scope="{wanted}"'),))
        userinfo = None if said.userinfo is None else _read(said.userinfo)
        return self._allowed(claims, userinfo, state)

    async def close(self) -> None:
        """As Checker."""
        await self._remembered.close()
        await self._fetcher.close()

    async def _find(self, token: str) -> tuple[Said, int]:
        """What a token is worth, and what it takes to keep that. Raises FetchError if it cannot be told."""
        found = await self._claims(token)
        if found is None or renews(found[0]):
            return _NOTHING, 0
        claims, size = _short(*found)
        if not self._wanted.userinfo_url:
            return Said(claims), size
        answer = await self._fetcher.get(self._wanted.userinfo_url, {**_JSON, "Authorization": f"Bearer {token}"})
        if answer.status in (401, 403):
            return _NOTHING, 0
        userinfo = _object(answer, "the user's page")
        if userinfo.get("sub") != found[0].get("sub", userinfo.get("sub")):
            return _NOTHING, 0
        owner, more = _short(userinfo, answer.body)
        return Said(claims, owner), size + more

    async def _claims(self, token: str) -> tuple[Claims, bytes] | None:
        """Those of a token that counts, and how they are written."""
        raise NotImplementedError

    def _user(self, claims: Claims) -> str | None:
        return str(claims.get("sub", ""))

    def _told(self, claims: Claims, userinfo: Claims | None) -> dict[str, Any]:
        """What later steps find: as Gloo, what a token says in `jwtAccessToken`, a user's page in `introspection`."""
        told: dict[str, Any] = {} if userinfo is None else {"userinfo": userinfo, "introspection": userinfo}
        if isinstance(self._wanted, Introspection):
            return {**told, "introspection": {**(userinfo or {}), **claims}}
        return {**told, "jwt": claims, "jwtAccessToken": claims}

    def _allowed(self, claims: Claims, userinfo: Claims | None, state: State) -> Answer:
        user = self._user(claims)
        if user is None:
            return _INVALID
        state.values |= self._told(claims, userinfo)
        return Allowed(user, metadata=metadata(self._wanted.metadata, {**(userinfo or {}), **claims}))


class IntrospectionCheck(_BearerCheck):
    """Asks the issuer whether a token is active (RFC 7662)."""

    def __init__(self, check: Introspection, place: Place, tools: Tools) -> None:
        super().__init__(check, place, tools)
        self._introspection = check

    async def _claims(self, token: str) -> tuple[Claims, bytes] | None:
        asked = self._introspection
        form, headers = {"token": token, "token_type_hint": "access_token"}, dict(_JSON)
        if asked.client_id and asked.client_secret:
            headers |= basic(asked.client_id, asked.client_secret)
        elif asked.client_id:
            form["client_id"] = asked.client_id
        answer = await self._fetcher.post(asked.url, form, headers)
        claims = _object(answer, asked.url)
        if claims.get("active") is not True:
            return None
        try:
            check_times(claims, self._clock(), must_expire=False)
        except TokenError:
            return None
        return claims, answer.body

    def _user(self, claims: Claims) -> str | None:
        """Whom the attribute names; a token that has none counts for nothing, if there is to be one."""
        if not self._introspection.user_attribute:
            return ""
        found = claim(claims, self._introspection.user_attribute)
        return found if isinstance(found, str) and found else None


class SignedTokenCheck(_BearerCheck):
    """Checks the signature of a token, and who issued it."""

    def __init__(self, check: SignedToken, place: Place, tools: Tools) -> None:
        super().__init__(check, place, tools)
        self._issuer = check.issuer
        self._keys: tuple[Key, ...] = parse_keys(check.jwks) if check.jwks else ()
        self._keyring = Keyring(self._fetcher, check.jwks_url, check.refresh) if check.jwks_url else None

    async def close(self) -> None:
        """As Checker."""
        if self._keyring is not None:
            await self._keyring.close()
        await super().close()

    async def _claims(self, token: str) -> tuple[Claims, bytes] | None:
        try:
            claims = await self._keyring.claims(token) if self._keyring is not None else verified(token, self._keys)
            check_times(claims, self._clock())
        except TokenError:
            return None
        if self._issuer and claims.get("iss") != self._issuer:
            return None
        return claims, data(token.split(".")[1])


def renews(claims: Claims) -> bool:
    """Whether this is no access token but what gets one, or ends a session: an issuer may call that active, too."""
    return any(isinstance(kind := claims.get(name), str) and kind.lower() in _RENEWS for name in _KINDS)


def scopes(claims: Claims) -> set[str]:
    """What a token may be used for: `scope` as text (RFC 9068), or `scp` or `scope` as a list."""
    found: set[str] = set()
    for said in (claims.get("scope"), claims.get("scp")):
        listed: Iterable[Any] = said.split() if isinstance(said, str) else said if isinstance(said, list) else ()
        found.update(one for one in listed if isinstance(one, str))
    return found


def _short(claims: Claims, written: bytes) -> tuple[Claims | bytes, int]:
    """How they are kept, and how many bytes they take then, at most."""
    return (written, len(written)) if len(written) <= _SHORT else (claims, _AS_LARGE * len(written))


def _read(claims: Claims | bytes) -> Claims:
    return msgspec.json.decode(claims, type=Claims) if isinstance(claims, bytes) else claims


def _object(answer: Fetched, what: str) -> Claims:
    if answer.status != 200:
        raise FetchError(f"{what} answers {answer.status}")
    if len(answer.body) > _LONGEST:
        raise FetchError(f"{what} says more of a token than anybody needs to know")
    try:
        return msgspec.json.decode(answer.body, type=Claims)
    except (msgspec.MsgspecError, RecursionError):
        raise FetchError(f"{what} answers what is no object") from None
