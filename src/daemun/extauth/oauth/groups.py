"""Groups that a token has no room for, as Microsoft Graph lists them.

Entra ID puts at most 200 into a token. Of somebody in more it says that `groups` are elsewhere (`_claim_names`, OpenID
Connect Core, 5.6.2). The address that it names in `_claim_sources` is not followed: it is that of an interface which is
no more, and who is asked is not for a token to say. Whose groups they are says the claim `oid`.
"""

import asyncio
import hashlib
import logging
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping

import msgspec

from daemun.extauth.checker import Tools
from daemun.extauth.oauth.grants import Tokens
from daemun.extauth.oauth.sealing import Sealer
from daemun.extauth.oauth.sessions import Session
from daemun.extauth.oauth.shared import Shared, SharedError
from daemun.extauth.oauth.tokens import Claims
from daemun.fetch import Fetcher, FetchError
from daemun.ir.auth.oauth import Azure

_log = logging.getLogger(__name__)
_LONGEST = 3600.0
"""How long groups are kept, in seconds: never longer than the token that they belong to."""
_PAUSE = 2.0
"""After Graph could not be asked it is not asked again for anybody, in seconds; nor for one user of whom it says no."""
_MOST = 10_000
"""Of so many users it is remembered that they are left alone."""
_OF_ONE = frozenset((400, 403, 404))
"""What concerns the user who is asked about; of others Graph may know more."""
_SPARE = 60.0
"""How long before it ends our own token is replaced, in seconds."""
_LIFETIME = 300.0
"""How long it counts if nobody says."""
_JSON = {"Accept": "application/json"}
_ALL = b'{"securityEnabledOnly":false}'
_IDENTITY = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


class _Listed(msgspec.Struct):
    """What Graph answers. `more` is where the rest is, if that is not all."""

    value: tuple[str, ...]
    more: str = msgspec.field(default="", name="@odata.nextLink")


class _OfOneError(FetchError):
    """What is asked about one user has no answer that could be used; others have theirs."""


class Groups:
    """Looks groups up, once for a token, whoever asks for it meanwhile. `shared` keeps them, sealed with that token."""

    def __init__(self, azure: Azure, fetcher: Fetcher, shared: Shared, name: str, tools: Tools) -> None:
        self._graph = Graph(azure, fetcher, tools.ticks)
        self._shared = shared
        self._name = name
        self._clock = tools.clock
        self._flights: dict[str, asyncio.Task[tuple[str, ...]]] = {}

    async def of(self, session: Session, identity: Claims, access: Claims) -> list[str] | None:
        """The groups that one of its tokens lacks, of which there are the claims; None: neither lacks any.

        Raises FetchError if they cannot be had: nothing stands for all groups that is less than that.
        """
        if not lacking(identity) and not lacking(access):
            return None
        user = identity.get("oid") or access.get("oid")
        if not isinstance(user, str) or not _IDENTITY.fullmatch(user):
            raise FetchError("a token without its groups does not say in oid whose it is")
        return list(await self._once(session, user))

    async def close(self) -> None:
        """End what is under way."""
        under_way = list(self._flights.values())
        for one in under_way:
            one.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    async def _once(self, session: Session, user: str) -> tuple[str, ...]:
        token = session.id_token or session.access_token
        name = f"{self._name}:groups:{hashlib.sha256(token.encode()).hexdigest()}"
        flight = self._flights.get(name)
        if flight is None:
            until = min(_LONGEST, max(session.expires - self._clock(), 1.0))
            flight = asyncio.get_running_loop().create_task(self._find(name, Sealer(token.encode()), user, until))
            self._flights[name] = flight
            flight.add_done_callback(lambda done: self._landed(name, done))
        return await asyncio.shield(flight)

    async def _find(self, name: str, sealer: Sealer, user: str, seconds: float) -> tuple[str, ...]:
        """Where they are kept, or from Graph. Who cannot keep them asks Graph again the next time."""
        try:
            sealed = await self._shared.get(name)
            kept = sealer.open("groups", sealed, tuple[str, ...]) if sealed else None
        except SharedError as error:
            _log.warning("Groups that were kept cannot be read: %s.", error)
            kept = None
        if kept is not None:
            return kept
        found = await self._graph.groups(user)
        try:
            await self._shared.put(name, sealer.seal("groups", found), seconds)
        except SharedError as error:
            _log.warning("Groups cannot be kept: %s.", error)
        return found

    def _landed(self, name: str, done: "asyncio.Task[tuple[str, ...]]") -> None:
        self._flights.pop(name, None)
        if not done.cancelled():
            done.exception()


class Graph:
    """Microsoft Graph, asked by an application of its own (client credentials, RFC 6749, 4.4)."""

    def __init__(self, azure: Azure, fetcher: Fetcher, ticks: Callable[[], float]) -> None:
        self._azure = azure
        self._fetcher = fetcher
        self._ticks = ticks
        self._token = "", 0.0
        self._asking = asyncio.Lock()
        self._failed = "", 0.0
        self._unknown: OrderedDict[str, tuple[str, float]] = OrderedDict()

    async def groups(self, user: str) -> tuple[str, ...]:
        """All groups of a user, also those that one is in by another. Raises FetchError."""
        for why, until in (self._failed, self._unknown.get(user, ("", 0.0))):
            if self._ticks() < until:
                raise FetchError(why)
        try:
            return await self._asked(f"{self._azure.graph}/v1.0/users/{user}/getMemberObjects")
        except _OfOneError as error:
            self._unknown[user] = str(error), self._ticks() + _PAUSE
            self._unknown.move_to_end(user)
            while len(self._unknown) > _MOST:
                self._unknown.popitem(last=False)
            raise
        except FetchError as error:
            self._failed = str(error), self._ticks() + _PAUSE
            raise

    async def _asked(self, url: str) -> tuple[str, ...]:
        token = await self._own("")
        answer = await self._fetcher.send("POST", url, _ALL, self._headers(token))
        if answer.status == 401:
            # It may have been taken back before its end.
            answer = await self._fetcher.send("POST", url, _ALL, self._headers(await self._own(token)))
        if answer.status != 200:
            kind = _OfOneError if answer.status in _OF_ONE else FetchError
            raise kind(f"{self._azure.graph} answers {answer.status} to who asks for groups")
        try:
            found = msgspec.json.decode(answer.body, type=_Listed)
        except (msgspec.MsgspecError, RecursionError):
            raise _OfOneError(f"{self._azure.graph} answers with what are no groups") from None
        if found.more:
            raise _OfOneError(f"{self._azure.graph} lists groups in part alone")
        return found.value

    async def _own(self, refused: str) -> str:
        """Our own token: another one than what was refused."""
        async with self._asking:
            token, until = self._token
            if token == refused or self._ticks() >= until:
                token, until = await self._granted()
                self._token = token, until
            return token

    async def _granted(self) -> tuple[str, float]:
        azure = self._azure
        form = {
            "grant_type": "client_credentials",
            "client_id": azure.client_id,
            "client_secret": azure.client_secret,
            "scope": f"{azure.graph}/.default",
        }
        url = f"{azure.authority}/{azure.tenant}/oauth2/v2.0/token"
        answer = await self._fetcher.post(url, form, _JSON)
        if answer.status != 200:
            raise FetchError(f"{url} answers {answer.status}")
        try:
            tokens = msgspec.json.decode(answer.body, type=Tokens)
        except (msgspec.MsgspecError, RecursionError):
            raise FetchError(f"{url} gives what are no tokens") from None
        if not tokens.access_token:
            raise FetchError(f"{url} gives no token")
        return tokens.access_token, self._ticks() + max((tokens.seconds or _LIFETIME) - _SPARE, 1.0)

    @staticmethod
    def _headers(token: str) -> Mapping[str, str]:
        return {**_JSON, "Authorization": f"Bearer {token}", "Content-Type": "application/json"}


def lacking(claims: Claims) -> bool:
    """Whether a token says that it has no room for its groups."""
    names = claims.get("_claim_names")
    return (isinstance(names, dict) and "groups" in names) or claims.get("hasgroups") in (True, "true")
