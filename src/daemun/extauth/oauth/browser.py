"""Checks whose requests come from browsers that log in: OpenID Connect, and OAuth 2 without an identity."""

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Mapping
from typing import NamedTuple

from daemun.extauth.answers import Allowed, Answer, Denied, Respond
from daemun.extauth.checker import Checker, Place, State, Tools
from daemun.extauth.oauth import pages, visits
from daemun.extauth.oauth.client import Client
from daemun.extauth.oauth.cookies import Jar, TooLongError, parsed, prefixed, without
from daemun.extauth.oauth.forwarding import forwarded, metadata
from daemun.extauth.oauth.groups import Groups, lacking
from daemun.extauth.oauth.login import Login, Pending
from daemun.extauth.oauth.logout import Logout
from daemun.extauth.oauth.renewal import Landed, Renewals
from daemun.extauth.oauth.sealing import Sealer
from daemun.extauth.oauth.sessions import CookieStore, Kept, Session, SharedStore, Store, new_identity
from daemun.extauth.oauth.shared import InRedis, Memory, Shared, SharedError, Values, common_secret
from daemun.extauth.oauth.tokens import peeked
from daemun.extauth.request import Request
from daemun.fetch import FetchError
from daemun.ir.auth.oauth import AuthorizationCode, Azure, PlainOAuth, Redis

_Login = tuple[str, str, str]
"""A login that ends: its id, the code that came for it, and from whom."""
_log = logging.getLogger(__name__)
_QUIET_SECONDS = 60.0
"""Between two lines in the log about the same trouble."""
_SESSIONS, _GROUPS, _RENEWED = 128 << 20, 16 << 20, 32 << 20
"""Bytes of sessions, of lists of groups, and of sessions just renewed, that are kept in memory."""
_SECRET = "daemun:secret"  # noqa: S105 - the name under which it lies


class Visit(NamedTuple):
    """A request on its way through the check."""

    request: Request
    state: State
    cookies: Mapping[str, str]
    store: Store
    login: Login


class _Parts(NamedTuple):
    """What needs a secret that others may have: made when it is first asked for."""

    store: Store
    login: Login


class BrowserCheck(Checker):
    """Lets those in who have logged in, and sends others to the provider."""

    def __init__(self, check: AuthorizationCode | PlainOAuth, place: Place, tools: Tools) -> None:
        self._check = check if isinstance(check, AuthorizationCode) else AuthorizationCode(check.provider, check.app)
        self._identity = isinstance(check, AuthorizationCode)
        self._place = place
        self._clock, self._ticks = tools.clock, tools.ticks
        app, self._settings = check.app, check.app.session
        self._client = Client(self._check, place, tools, identity=self._identity)
        digest = hashlib.sha256(f"{check.provider.issuer}\0{check.provider.token_endpoint}\0{app.client_id}".encode())
        self._name = f"daemun:{self._settings.prefix}:{digest.hexdigest()[:16]}"
        made = prefixed(
            f"{self._settings.prefix}session-{digest.hexdigest()[:8]}",
            self._settings.cookie,
            tls=app.url.lower().startswith("https:"),
        )
        self._jar = Jar(self._settings.cookie_name or made, self._settings.cookie)
        self._shared = _shared(self._settings.redis, tools, place)
        self._groups: Groups | None = None
        if (azure := self._check.azure) is not None:
            self._groups = Groups(azure, self._client.fetcher, _cache(azure, tools, place), self._name, tools)
        landed = tools.shared("renewals", lambda: Landed(_RENEWED))
        self._renewals = Renewals(self._shared, self._name, landed, place.namespace)
        self._logout = Logout(app, self._client, by_post=self._check.end_session_by_post)
        self._logins: dict[_Login, asyncio.Task[tuple[Session | str, str]]] = {}
        self._made: _Parts | None = None
        self._said = "", 0.0

    async def check(self, request: Request, state: State) -> Answer:
        """As Checker."""
        try:
            visit = Visit(request, state, parsed(request.header("cookie")), *await self._parts())
            path, _, query = request.path.partition("?")
            if path == self._logout.path:
                if visits.unseen(request):
                    return pages.page(403, "Not signed out", "Another site has asked for that, and not you.")
                return await self._logout.answer(visit.store, visit.cookies)
            if visit.login.is_callback(path) and "state" in (said := visits.said(query)):
                return await self._back(visit, said)
            kept = await self._kept(visit)
            return await (self._unknown(visit) if kept is None else self._known(visit, kept))
        except TooLongError:
            _log.error("Tokens of %s are too long for cookies: keep sessions in Redis.", self._place.chain)
            return pages.page(500, "Sign-in failed", "What the provider says of you is too long to be kept.")
        except SharedError as error:
            return self._unavailable(request, f"sessions cannot be read or kept: {error}")
        except FetchError as error:
            return self._unavailable(request, f"the provider is away: {error}")

    async def close(self) -> None:
        """As Checker."""
        under_way = list(self._logins.values())
        for one in under_way:
            one.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await self._renewals.close()
        await self._logout.close()
        if self._groups is not None:
            await self._groups.close()
        await self._client.close()

    async def _parts(self) -> _Parts:
        if self._made is None:
            secret = self._settings.key
            if not secret:
                secret = secrets.token_bytes(32) if self._shared.alone else await common_secret(self._shared, _SECRET)
            if self._made is None:
                sealer = Sealer(secret + self._name.encode())
                login = Login(self._check.app, self._jar.name, sealer, identity=self._identity)
                self._made = _Parts(self._store(sealer), login)
        return self._made

    def _store(self, sealer: Sealer) -> Store:
        if self._settings.redis is None:
            return CookieStore(self._jar, sealer, self._clock)
        return SharedStore(self._jar, self._shared, f"{self._name}:session:", self._settings.key, self._settings)

    async def _kept(self, visit: Visit) -> Kept | None:
        """The session of a request. What cannot be read may be none, or the end of the request."""
        try:
            return await visit.store.load(visit.cookies)
        except SharedError as error:
            if self._settings.fail_on_fetch_failure:
                raise
            _log.warning("A session of %s counts as none: %s.", self._place.chain, error)
            return None

    async def _known(self, visit: Visit, kept: Kept) -> Answer:
        session, now = kept.session, self._clock()
        if now < session.expires - self._settings.before_expiry:
            return await self._passed(visit, session)
        if self._settings.refresh and session.refresh_token:
            outcome = await self._renewals.renew(session, lambda one: self._client.renewed(one, kept, visit.store))
            if outcome.session is not None:
                if not outcome.kept:
                    await self._client.keep(outcome.session, kept, visit.store)
                renewed = await visit.store.renewed(outcome.session, visit.cookies)
                return await self._passed(visit, outcome.session, renewed)
            if outcome.verdict == "refused":
                return await self._unknown(visit)
            if self._clock() >= session.expires:
                return self._unavailable(visit.request, "the provider is away, and sessions expire")
        elif now >= session.expires:
            return await self._unknown(visit)
        return await self._passed(visit, session)

    async def _passed(self, visit: Visit, session: Session, set_cookies: tuple[str, ...] = ()) -> Answer:
        """Whose groups are elsewhere and cannot be had does not pass: it would be as a member of none."""
        identity, access = peeked(session.id_token), peeked(session.access_token)
        try:
            groups = await self._groups.of(session, identity, access) if self._groups is not None else None
        except FetchError as error:
            return self._unavailable(visit.request, f"groups cannot be had: {error}", set_cookies)
        if groups is not None:
            identity, access = ({**one, "groups": groups} if lacking(one) else one for one in (identity, access))
            visit.state.values["groups"] = groups
        headers, claims = forwarded(self._check, session, identity, access)
        ours = (*visit.store.names(visit.cookies), *visit.login.cookies(visit.cookies))
        headers.put("cookie", without(visit.request.header("cookie"), ours) or None)
        visit.state.values |= {"jwt": session.id_token, "jwtAccessToken": session.access_token}
        return Allowed(
            user=str(claims.get("sub", "")),
            upstream=tuple(headers.upstream.items()),
            appended=tuple(headers.appended),
            remove=headers.removed(),
            downstream=pages.set_cookies(set_cookies),
            metadata=metadata(self._check.metadata, claims),
        )

    async def _unknown(self, visit: Visit) -> Answer:
        """Nobody is known: a browser that goes somewhere logs in, and whatever else asks is told so."""
        request = visit.request
        if not visits.navigates(request):
            return Denied(401, pages.NOT_KEPT)
        endpoints = await self._client.endpoints()
        sends = request.method not in ("GET", "HEAD")
        path = visits.came_from(request) if sends else request.path
        begun = visit.login.begin(request, visit.cookies, endpoints, path, self._clock(), self._mapped(request))
        if not sends:
            return pages.moved(*begun, login=True)
        text = "What you sent has not been delivered, as nobody is signed in. Sign in, and send it again."
        shown = pages.page(401, "You are signed out", text, begun[0], "Sign in", begun[1])
        return Denied(shown.status, shown.headers, shown.body)

    async def _back(self, visit: Visit, said: dict[str, list[str]]) -> Respond:
        """A browser comes back from the provider, with a code or without one."""
        request, login = visit.request, visit.login
        pending = login.found(request, visit.cookies, said["state"][0], self._clock())
        if isinstance(pending, str):
            return pages.moved(pending)
        if pending is None:
            return await self._astray(visit, login.aim(request, said["state"][0]))
        back, forget = login.back(request, pending), login.ended(pending, visit.cookies)
        if "code" not in said:
            if await self._kept(visit) is not None:
                return pages.moved(back, forget)  # in another tab somebody has logged in meanwhile
            return visits.refused(said.get("error", [""])[0], back, forget)
        key = pending.id, said["code"][0], said.get("iss", [""])[0]
        flight = self._logins.get(key)
        if flight is None:
            flight = asyncio.create_task(self._logged_in(pending, *key[1:], self._mapped(request)))
            self._logins[key] = flight
            flight.add_done_callback(lambda done: self._landed(key, done))
        session, identity = await asyncio.shield(flight)
        if isinstance(session, str):
            _log.error("A login of %s fails: %s.", self._place.chain, session)
            return visits.failed(back, forget)
        set_cookies = (*await visit.store.save(session, visit.cookies, identity), *forget)
        if self._settings.cookie.same_site == "Strict":
            return pages.onwards(back, set_cookies)
        return pages.moved(back, set_cookies)

    async def _logged_in(
        self, pending: Pending, code: str, issuer: str, extra: dict[str, str]
    ) -> tuple[Session | str, str]:
        """The session for a code, or why there is none, and the id that it is to have.

        A code is good once. Who loads the page again while it is asked about gets the same, and not a failure.
        """
        # Gloo's headerName: the provider is told the id that the session is going to have.
        named = self._settings.header if self._settings.redis is not None else ""
        identity = new_identity() if named else ""
        told = {named: identity} if named else {}
        return await self._client.logged_in(pending, code, issuer, extra, told), identity

    def _landed(self, key: _Login, done: "asyncio.Task[tuple[Session | str, str]]") -> None:
        self._logins.pop(key, None)
        if not done.cancelled():
            done.exception()

    async def _astray(self, visit: Visit, there: str) -> Respond:
        """A browser comes back from a login that is over, by its own button "back" say, or that it has not begun.

        The code counts for nothing. Who is known goes on to where they wanted to go.
        """
        if await self._kept(visit) is not None:
            return pages.moved(there)
        text = "This sign-in was begun elsewhere, or too long ago."
        return pages.page(400, "Sign-in failed", text, there, "Begin again")

    def _mapped(self, request: Request) -> dict[str, str]:
        """Parameters that filters before this one have chosen."""
        space = self._check.map_metadata
        return {key: one for key, one in request.metadata(space).items() if isinstance(one, str)} if space else {}

    def _unavailable(self, request: Request, why: str, cookies: tuple[str, ...] = ()) -> Respond:
        if why != self._said[0] or self._ticks() >= self._said[1]:
            self._said = why, self._ticks() + _QUIET_SECONDS
            _log.warning("%s of %s: %s.", self._place.step, self._place.chain, why)
        again = visits.local(request.path) if request.method == "GET" else ""
        return pages.page(
            503, "Sign-in is not available", "Who you are cannot be found out at the moment.", again, cookies=cookies
        )


def _cache(azure: Azure, tools: Tools, place: Place) -> Shared:
    """Where groups are kept. In memory there is less of them than of sessions, as one may have thousands."""
    if (azure.cache and azure.cache.host) or tools.redis:
        return _shared(azure.cache, tools, place)
    return Memory(tools.ticks, tools.shared("memory of groups", lambda: Values(_GROUPS)), place.namespace)


def _shared(where: Redis | None, tools: Tools, place: Place) -> Shared:
    """The Redis that is named, or the server's own, or this process. Where its own is, the operator alone has said."""
    host = (where.host if where else "") or tools.redis
    if not host:
        return Memory(tools.ticks, tools.shared("memory of sessions", lambda: Values(_SESSIONS)), place.namespace)
    chosen = Redis(host, *(where.db, where.pool, where.tls)) if where else Redis(host)
    guard = tools.guard if host != tools.redis else None
    return tools.shared(("redis", chosen), lambda: InRedis.at(chosen, guard, tools.budget), InRedis.close)
