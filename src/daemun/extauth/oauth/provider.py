"""A provider as its discovery document describes it (OpenID Connect Discovery), and its keys; neither fetched twice."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from daemun.extauth.oauth.tokens import ALGORITHMS, Claims, Key, UnknownKeyError, parse_keys, verified
from daemun.fetch import Document, Fetcher, FetchError
from daemun.ir.auth.oauth import Provider

_LIFETIME = 24 * 3600.0
"""How long what was said last counts while a provider is away, in seconds."""
_GAP = 5.0
"""Between two fetches of keys for tokens that are signed with an unknown one, in seconds."""
_WELL_KNOWN = "/.well-known/openid-configuration"


class Endpoints(NamedTuple):
    """Where a provider does what. Those that are empty it has not.

    `signs` says that whoever it sends back says by whom they were sent (RFC 9207).
    """

    issuer: str
    authorization: str
    token: str
    jwks: str = ""
    revocation: str = ""
    end_session: str = ""
    algorithms: tuple[str, ...] = ("RS256",)
    auth_methods: tuple[str, ...] = ("client_secret_basic",)
    signs: bool = False


class _Discovered(msgspec.Struct):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str = ""
    revocation_endpoint: str = ""
    end_session_endpoint: str = ""
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: Any = False


class Keyring:
    """A set of keys at a URL. Keys that are not there are asked for, but not by every token that comes along."""

    def __init__(self, fetcher: Fetcher, url: str, refresh: float, limit: int | None = None) -> None:
        self._document: Document[tuple[Key, ...]] = Document(
            fetcher, url, parse_keys, refresh=refresh, lifetime=max(_LIFETIME, refresh)
        )
        self._gap = float("inf") if limit == 0 else max(_GAP, refresh / limit) if limit else _GAP

    async def claims(self, token: str, algorithms: Iterable[str] = ALGORITHMS) -> Claims:
        """Those of a token that is signed with one of the keys. Raises TokenError; FetchError if there are no keys."""
        allowed = tuple(algorithms)
        try:
            return verified(token, await self._document.get(), allowed)
        except UnknownKeyError:
            return verified(token, await self._document.newer(self._gap), allowed)

    async def close(self) -> None:
        """End what is under way."""
        await self._document.close()


class ProviderClient:
    """Asks a provider where things are, and what its keys are."""

    def __init__(self, fetcher: Fetcher, provider: Provider, limit: int | None = None) -> None:
        self._fetcher = fetcher
        self._provider = provider
        self._limit = limit
        self._keyrings: dict[str, Keyring] = {}
        self._issuer = provider.issuer.rstrip("/")
        self._document: Document[_Discovered] | None = None
        if self._issuer and not (provider.auth_endpoint and provider.token_endpoint and provider.jwks_uri):
            refresh = provider.poll_interval
            self._document = Document(
                fetcher, self._issuer + _WELL_KNOWN, self._read, refresh=refresh, lifetime=max(_LIFETIME, refresh)
            )

    async def endpoints(self) -> Endpoints:
        """Where things are. Raises FetchError."""
        given = self._provider
        if self._document is None:
            return Endpoints(
                given.issuer,
                given.auth_endpoint,
                given.token_endpoint,
                given.jwks_uri,
                given.revocation_endpoint,
                given.end_session_endpoint,
                given.algorithms or ("RS256",),
                given.auth_methods or ("client_secret_basic",),
            )
        found = await self._document.get()
        return Endpoints(
            found.issuer,
            given.auth_endpoint or found.authorization_endpoint,
            given.token_endpoint or found.token_endpoint,
            given.jwks_uri or found.jwks_uri,
            given.revocation_endpoint or found.revocation_endpoint,
            given.end_session_endpoint or found.end_session_endpoint,
            given.algorithms or found.id_token_signing_alg_values_supported,
            given.auth_methods or found.token_endpoint_auth_methods_supported,
            # Another place to log in, which the policy names, may be of somebody who does not.
            found.authorization_response_iss_parameter_supported is True and not given.auth_endpoint,
        )

    async def claims(self, token: str, endpoints: Endpoints) -> Claims:
        """Those of a token that the provider has signed. Raises TokenError, FetchError."""
        keyring = self._keyrings.get(endpoints.jwks)
        if keyring is None:
            keyring = Keyring(self._fetcher, endpoints.jwks, self._provider.poll_interval, self._limit)
            self._keyrings[endpoints.jwks] = keyring
        return await keyring.claims(token, endpoints.algorithms)

    async def close(self) -> None:
        """End what is under way."""
        if self._document is not None:
            await self._document.close()
        for keyring in self._keyrings.values():
            await keyring.close()

    def _read(self, body: bytes) -> _Discovered:
        try:
            found = msgspec.json.decode(body, type=_Discovered)
        except (msgspec.MsgspecError, RecursionError):
            raise FetchError(f"{self._issuer} has no discovery document") from None
        if found.issuer.rstrip("/") != self._issuer:
            raise FetchError(f"{self._issuer} says that it is another issuer")
        return found
