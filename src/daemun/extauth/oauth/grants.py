"""The token endpoint (RFC 6749, 3.2): codes and refresh tokens for tokens; revocation (RFC 7009)."""

import base64
import secrets
from collections.abc import Callable, Mapping
from urllib.parse import quote_plus

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from daemun.extauth.oauth.provider import Endpoints
from daemun.fetch import Answer, Fetcher, FetchError
from daemun.ir.auth.oauth import App

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_JSON = {"Accept": "application/json"}
_LONGEST = 256 << 10
_NOTHING: Mapping[str, str] = {}
_Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
_FAMILIES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


class GrantError(Exception):
    """The provider will not: `code` is its own word (RFC 6749, 5.2), or empty."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the provider refuses: {code or 'no reason given'}")
        self.code = code


class Tokens(msgspec.Struct, frozen=True):
    """What it gives."""

    access_token: str = ""
    id_token: str = ""
    refresh_token: str = ""
    expires_in: float | str | None = None

    @property
    def seconds(self) -> float | None:
        """How long the access token is good; providers write it as a number or as text."""
        try:
            found = float(self.expires_in) if self.expires_in is not None else None
        except ValueError:
            return None
        return found if found is not None and 0 < found < 1e9 else None


class _Refusal(msgspec.Struct):
    error: str = ""


class Grants:
    """Asks for tokens on behalf of one client."""

    def __init__(self, fetcher: Fetcher, app: App, clock: Callable[[], float]) -> None:
        self._fetcher = fetcher
        self._app = app
        self._clock = clock
        self._key = _signing_key(app.client.signing_key) if app.client.signing_key else None

    async def code(
        self,
        endpoints: Endpoints,
        code: str,
        redirect_uri: str,
        verifier: str,
        extra: Mapping[str, str],
        more: Mapping[str, str],
    ) -> Tokens:
        """Tokens for the code that a browser brought; `more` are headers. Raises GrantError, FetchError."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        return await self._ask(endpoints, {**extra, **form, "code_verifier": verifier}, more)

    async def refresh(self, endpoints: Endpoints, refresh_token: str) -> Tokens:
        """Tokens for a refresh token, which may be worth nothing from then on. Raises GrantError, FetchError."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return await self._ask(endpoints, {**self._app.token_params, **form})

    async def revoke(self, endpoints: Endpoints, token: str, kind: str) -> None:
        """Tell the provider that a token is not used any more. Raises FetchError."""
        headers, form = self._proof(endpoints, endpoints.revocation)
        await self._fetcher.post(endpoints.revocation, {**form, "token": token, "token_type_hint": kind}, headers)

    async def _ask(self, endpoints: Endpoints, form: Mapping[str, str], more: Mapping[str, str] = _NOTHING) -> Tokens:
        headers, proof = self._proof(endpoints, endpoints.token)
        answer = await self._fetcher.post(endpoints.token, {**form, **proof}, {**more, **_JSON, **headers})
        if answer.status != 200:
            raise _refused(endpoints, answer)
        if len(answer.body) > _LONGEST:
            raise FetchError(f"{endpoints.token} gives tokens that are too long")
        try:
            tokens = msgspec.json.decode(answer.body, type=Tokens)
        except (msgspec.MsgspecError, RecursionError):
            raise FetchError(f"{endpoints.token} gives what are no tokens") from None
        if not tokens.access_token:
            raise FetchError(f"{endpoints.token} gives no access token")
        return tokens

    def _proof(self, endpoints: Endpoints, audience: str) -> tuple[dict[str, str], dict[str, str]]:
        """Headers and fields that say who asks."""
        client_id, client = self._app.client_id, self._app.client
        if self._key is not None:
            return {}, {
                "client_id": client_id,
                "client_assertion_type": _ASSERTION,
                "client_assertion": self._assertion(*self._key, audience),
            }
        methods = endpoints.auth_methods
        if not client.secret:
            return {}, {"client_id": client_id}
        if "client_secret_basic" not in methods and "client_secret_post" in methods:
            return {}, {"client_id": client_id, "client_secret": client.secret}
        return basic(client_id, client.secret), {}

    def _assertion(self, private: _Private, algorithm: str, audience: str) -> str:
        now = self._clock()
        claims = {
            "iss": self._app.client_id,
            "sub": self._app.client_id,
            "aud": audience,
            "jti": secrets.token_urlsafe(16),
            "iat": int(now),
            "exp": int(now + self._app.client.valid_for),
        }
        return jwt.encode(claims, private, algorithm)


def basic(user: str, password: str) -> dict[str, str]:
    """The header of a client that has a secret (RFC 6749, 2.3.1)."""
    pair = f"{quote_plus(user)}:{quote_plus(password)}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def _refused(endpoints: Endpoints, answer: Answer) -> Exception:
    """A provider that is broken has refused nothing."""
    if answer.status >= 500 or answer.status in (408, 429) or answer.status < 400:
        return FetchError(f"{endpoints.token} answers {answer.status}")
    try:
        code = msgspec.json.decode(answer.body, type=_Refusal).error
    except (msgspec.MsgspecError, RecursionError):
        code = ""
    return GrantError(code if code.replace("_", "").isalnum() and code.isascii() else "")


def _signing_key(pem: str) -> tuple[_Private, str]:
    """A private key in PEM, and the algorithm that it signs with. Raises ValueError."""
    found = load_pem_private_key(pem.encode(), None)
    if isinstance(found, rsa.RSAPrivateKey):
        return found, "RS256"
    if isinstance(found, ec.EllipticCurvePrivateKey) and found.curve.name in _FAMILIES:
        return found, _FAMILIES[found.curve.name]
    raise ValueError("a key that signs for a client is one of RSA or of an elliptic curve")
