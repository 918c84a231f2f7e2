"""A client of a provider: from codes and refresh tokens to sessions."""

import logging

from daemun.extauth.checker import Place, Tools
from daemun.extauth.oauth.grants import GrantError, Grants, Tokens
from daemun.extauth.oauth.login import Pending
from daemun.extauth.oauth.provider import Endpoints, ProviderClient
from daemun.extauth.oauth.renewal import AWAY, REFUSED, Outcome
from daemun.extauth.oauth.sessions import Kept, Session, Store
from daemun.extauth.oauth.shared import SharedError
from daemun.extauth.oauth.tokens import Claims, TokenError, check_access_token, check_id_token, peeked
from daemun.fetch import FetchError
from daemun.ir.auth.oauth import AuthorizationCode

_log = logging.getLogger(__name__)
_DAY = 24 * 3600.0
"""How long tokens count that nobody says the end of, in seconds."""


class Client:
    """Asks the provider; `identity` says that it is one of OpenID Connect, which gives ID tokens.

    `fetcher` is its own: a provider that keeps it waiting uses up nobody else's connections.
    """

    def __init__(self, check: AuthorizationCode, place: Place, tools: Tools, *, identity: bool) -> None:
        self._app = check.app
        self._identity = identity
        self._clock = tools.clock
        self.fetcher = tools.fetcher(place)
        self._provider = ProviderClient(self.fetcher, check.provider, check.jwks_refreshes)
        self._grants = Grants(self.fetcher, check.app, tools.clock)

    async def endpoints(self) -> Endpoints:
        """Where the provider does what. Raises FetchError."""
        return await self._provider.endpoints()

    async def logged_in(
        self, pending: Pending, code: str, issuer: str, extra: dict[str, str], headers: dict[str, str]
    ) -> Session | str:
        """The session of a browser that came back with a code; or why there is none. Raises FetchError.

        `issuer` is who says to have sent it back (RFC 9207), if anybody does; a provider that does it does it always.
        `extra` are further parameters of the question for tokens, and `headers` further headers of it.
        """
        endpoints = await self._provider.endpoints()
        if self._identity and (issuer or endpoints.signs) and issuer != endpoints.issuer:
            return "the code is from another issuer"
        parameters = {**self._app.token_params, **extra}
        try:
            tokens = await self._grants.code(
                endpoints, code, pending.redirect_uri, pending.verifier, parameters, headers
            )
            claims = await self._claims(tokens, endpoints, pending.nonce)
            if self._identity and claims is None:
                return "there is no ID token"
        except GrantError as error:
            return str(error)
        except TokenError as error:
            return f"its ID token is refused: {error}"
        return self._session(tokens, claims, None)

    async def renewed(self, session: Session, kept: Kept, store: Store) -> Outcome:
        """What became of a session whose refresh token was used; it is kept where it was."""
        try:
            endpoints = await self._provider.endpoints()
            tokens = await self._grants.refresh(endpoints, session.refresh_token)
            claims = await self._claims(tokens, endpoints, None)
            if claims is not None and claims.get("sub") != peeked(session.id_token).get("sub"):
                _log.error("A provider renews a session as that of somebody else.")
                return REFUSED
        except FetchError as error:
            _log.warning("A session cannot be renewed: %s.", error)
            return AWAY
        except (GrantError, TokenError) as error:
            _log.info("A session ends: %s.", error)
            return REFUSED
        found = self._session(tokens, claims, session)
        return Outcome("renewed", found, await self.keep(found, kept, store))

    @staticmethod
    async def keep(renewed: Session, kept: Kept, store: Store) -> bool:
        """Put a session that was renewed where it was before; whether that is done."""
        try:
            await store.update(kept, renewed)
        except SharedError as error:
            _log.warning("A renewed session cannot be kept: %s.", error)
            return False
        return True

    async def revoke(self, session: Session) -> None:
        """Tell the provider that the tokens are not used any more, if it wants to know."""
        try:
            endpoints = await self._provider.endpoints()
            if endpoints.revocation:
                token, kind = (
                    (session.refresh_token, "refresh_token")
                    if session.refresh_token
                    else (session.access_token, "access_token")
                )
                await self._grants.revoke(endpoints, token, kind)
        except FetchError as error:
            _log.warning("Tokens are not revoked: %s.", error)

    async def close(self) -> None:
        """End what is under way."""
        await self._provider.close()
        await self.fetcher.close()

    async def _claims(self, tokens: Tokens, endpoints: Endpoints, nonce: str | None) -> Claims | None:
        """Those of the ID token, if there is one. Raises TokenError, FetchError."""
        if not self._identity or not tokens.id_token:
            return None
        claims = await self._provider.claims(tokens.id_token, endpoints)
        check_id_token(claims, endpoints.issuer, self._app.client_id, nonce, self._clock())
        check_access_token(tokens.id_token, claims, tokens.access_token)
        return claims

    def _session(self, tokens: Tokens, claims: Claims | None, before: Session | None) -> Session:
        now = self._clock()
        ends = [now + tokens.seconds] if tokens.seconds else []
        if claims is not None:
            ends.append(float(claims["exp"]))
        return Session(
            tokens.access_token,
            tokens.id_token if claims is not None else before.id_token if before else "",
            tokens.refresh_token or (before.refresh_token if before else ""),
            min(ends, default=now + _DAY),
            before.began if before else now,
        )
