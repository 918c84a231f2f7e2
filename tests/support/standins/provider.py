"""An OpenID Connect provider of tests, which can be away, turn its keys and use a refresh token only once."""

import asyncio
import base64
import contextlib
import hashlib
import json
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlencode, urlsplit

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec

from support.servers.sites import serve

CLIENT, SECRET = "gate", "s3cret/+%"


class Provider:
    """One provider. `clock` is in seconds since 1970."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.issuer = ""
        self.asked: Counter[str] = Counter()
        self.lifetime = 60.0
        self.away = False
        self.garbage = b""
        self.slow = 0.0
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.discovered: dict[str, Any] = {}
        self.forms: list[dict[str, str]] = []
        self.headers: Mapping[str, str] = {}
        self.revoked: list[str] = []
        self.keys: dict[str, ec.EllipticCurvePrivateKey] = {}
        self._codes: dict[str, dict[str, str]] = {}
        self._refreshable: set[str] = set()
        self.turn_key()

    def turn_key(self) -> None:
        """Sign with a new key from now on; the old ones are gone."""
        self.keys = {secrets.token_hex(4): ec.generate_private_key(ec.SECP256R1())}

    def sign(self, claims: dict[str, Any], header: dict[str, Any] | None = None) -> str:
        """A token."""
        (kid, key), *_ = self.keys.items()
        return jwt.encode(claims, key, "ES256", {"kid": kid, **(header or {})})

    def jwks(self) -> dict[str, Any]:
        """The keys that its tokens are verified by."""
        algorithm = jwt.algorithms.ECAlgorithm
        keys = [{**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid} for kid, key in self.keys.items()]
        return {"keys": keys}

    def log_in(self, location: str, *, error: str = "") -> str:
        """What a browser does that is sent to `location`, as somebody who logs in; where it is sent back to."""
        asked = dict(parse_qsl(urlsplit(location).query))
        back = {"state": asked["state"]}
        if error:
            return f"{asked['redirect_uri']}?{urlencode({**back, 'error': error})}"
        code = secrets.token_urlsafe(8)
        self._codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({**back, 'code': code})}"

    def access_token(self, **claims: Any) -> str:
        """A token that is right but for the claims."""
        now = int(self.clock())
        return self.sign({"iss": self.issuer, "sub": "ada", "iat": now, "exp": now + int(self.lifetime), **claims})

    async def answer(self, request: web.Request) -> web.StreamResponse:
        name = request.path.rpartition("/")[2]
        self.asked[name] += 1
        if self.slow:
            await asyncio.sleep(self.slow)
        if self.away:
            return web.Response(status=503)
        if self.garbage:
            return web.Response(body=self.garbage)
        answers = {
            "openid-configuration": self._discovery,
            "keys": self._keys,
            "token": self._token,
            "revoke": self._revoke,
            "introspect": self._introspect,
            "userinfo": self._userinfo,
        }
        return await answers[name](request)

    async def _discovery(self, _: web.Request) -> web.Response:
        names = {"authorization": "authorize", "token": "token", "revocation": "revoke", "end_session": "logout"}
        endpoints = {f"{key}_endpoint": f"{self.issuer}/{name}" for key, name in names.items()}
        return web.json_response(
            {
                "issuer": self.issuer,
                "jwks_uri": f"{self.issuer}/keys",
                "id_token_signing_alg_values_supported": ["ES256", "none", "HS256"],
                **endpoints,
                **self.discovered,
            }
        )

    async def _keys(self, _: web.Request) -> web.Response:
        return web.json_response(self.jwks())

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.forms.append(form)
        self.headers = request.headers
        if not self._knows(request):
            return web.json_response({"error": "invalid_client"}, status=401)
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] not in self._refreshable:
                return web.json_response({"error": "invalid_grant"}, status=400)
            self._refreshable.discard(form["refresh_token"])
            return self._tokens({})
        asked = self._codes.pop(form["code"], None)
        if asked is None or asked["redirect_uri"] != form["redirect_uri"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        return self._tokens({"nonce": asked["nonce"]} if "nonce" in asked else {})

    def _tokens(self, more: dict[str, Any]) -> web.Response:
        refresh = secrets.token_urlsafe(16)
        self._refreshable.add(refresh)
        access = self.access_token(scope="openid", level=7)
        now = int(self.clock())
        half = hashlib.sha256(access.encode()).digest()[:16]
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "ada",
            "iat": now,
            "exp": now + int(self.lifetime),
            "at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode(),
            "groups": ["a", "b"],
            **more,
            **self.claims,
        }
        return web.json_response(
            {
                "access_token": access,
                "token_type": "Bearer",
                "expires_in": int(self.lifetime),
                "refresh_token": refresh,
                "id_token": self.sign({key: one for key, one in claims.items() if one is not None}, self.header),
            }
        )

    async def _revoke(self, request: web.Request) -> web.Response:
        token = str((await request.post())["token"])
        self.revoked.append(token)
        self._refreshable.discard(token)
        return web.Response()

    async def _introspect(self, request: web.Request) -> web.Response:
        token = str((await request.post())["token"])
        if not self._knows(request):
            return web.Response(status=401)
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
        except jwt.PyJWTError:
            return web.json_response({"active": False})
        return web.json_response({"active": True, "username": "ada", **claims})

    async def _userinfo(self, request: web.Request) -> web.Response:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        return web.json_response({"sub": jwt.decode(token, options={"verify_signature": False})["sub"], "email": "a@b"})

    def _knows(self, request: web.Request) -> bool:
        pair = base64.b64decode(request.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        user, _, password = pair.partition(":")
        return (unquote_plus(user), unquote_plus(password)) == (CLIENT, SECRET)


@contextlib.asynccontextmanager
async def running(clock: Callable[[], float]) -> AsyncIterator[Provider]:
    """A provider on loopback."""
    provider = Provider(clock)
    async with serve(provider.answer) as site:
        provider.issuer = f"http://127.0.0.1:{site.port}"
        yield provider


def query(url: str) -> dict[str, str]:
    """The parameters of a URL."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
