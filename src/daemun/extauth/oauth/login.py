"""The way of a browser to the provider and back (authorization code with PKCE; RFC 6749, RFC 7636, RFC 9700).

What the browser must bring back is in a sealed cookie of this browser, one for each login that is under way: state,
nonce, code verifier, and where it wanted to go. The `state` in the URL names that cookie, and the host that has it.
"""

import hashlib
import secrets
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

import msgspec
import re2

from daemun.extauth.oauth import sealing
from daemun.extauth.oauth.cookies import Jar
from daemun.extauth.oauth.provider import Endpoints
from daemun.extauth.oauth.sealing import Sealer
from daemun.extauth.request import Request
from daemun.ir.auth.oauth import App, Cookie, SameSite

_SECONDS = 1800
"""How long somebody may look at the provider's form."""
_UNDER_WAY = 5
"""Logins of one browser at once; older ones give way."""
_LONGEST, _LONGEST_TOLD = 3_000, 300
"""Characters of where a browser wanted to go, in its cookie, and in the URL that goes over the provider."""
_MARK = "_login_"


class Pending(msgspec.Struct, frozen=True, array_like=True):
    """A login that a browser has begun."""

    id: str
    nonce: str
    verifier: str
    host: str
    path: str
    redirect_uri: str
    until: float


class _State(msgspec.Struct, frozen=True, array_like=True):
    """What goes to the provider and comes back."""

    id: str
    host: str
    until: float
    path: str = ""


class Login:
    """Logins at one client of a provider. `name` is that of the session's cookie."""

    def __init__(self, app: App, name: str, sealer: Sealer, *, identity: bool) -> None:
        self._app = app
        self._name = name
        self._sealer = sealer
        self._identity = identity
        self._url = urlsplit(app.url.rstrip("/"))
        cookie = app.session.cookie
        lax: SameSite = "None" if cookie.same_site == "None" else "Lax"  # it has to come along from the provider's site
        self._attributes = Cookie(_SECONDS, cookie.secure, True, "/", lax, cookie.domain)
        self._domain = (app.session.target_domain or cookie.domain).lstrip(".").lower()
        path = urlsplit(app.url.rstrip("/")).path + "/" + app.callback.lstrip("/")
        self._regex = re2.compile(app.callback) if app.callback_regex else None
        self.callback = path if self._regex is None else literal(app.callback)

    def is_callback(self, path: str) -> bool:
        """Whether a path, without its query, is one at which browsers come back."""
        return path == self.callback if self._regex is None else self._regex.fullmatch(path) is not None

    def begin(
        self,
        request: Request,
        cookies: Mapping[str, str],
        endpoints: Endpoints,
        path: str,
        now: float,
        extra: Mapping[str, str],
    ) -> tuple[str, tuple[str, ...]]:
        """Where a browser logs in, and the Set-Cookie headers that know it when it comes back to go to `path`."""
        host = request.host.lower()
        ours = _name(host) == self._url.hostname or self._covers(host)
        origin = f"{self._url.scheme}://{self._url.netloc if ours else host}"
        verifier = secrets.token_urlsafe(48)
        pending = Pending(
            id=secrets.token_urlsafe(16),
            nonce=secrets.token_urlsafe(24),
            verifier=verifier,
            host=host,
            path=path if len(path) <= _LONGEST else path.partition("?")[0][:_LONGEST],
            redirect_uri=origin + self.callback,
            until=now + _SECONDS,
        )
        state = _State(pending.id, host, pending.until, pending.path if len(pending.path) <= _LONGEST_TOLD else "")
        parameters = {
            **self._app.auth_params,
            **extra,
            "response_type": "code",
            "client_id": self._app.client_id,
            "redirect_uri": pending.redirect_uri,
            "state": sealing.text(self._sealer.seal("state", state)),
            "code_challenge": challenge(verifier),
            "code_challenge_method": "S256",
        }
        scopes = dict.fromkeys((*(["openid"] if self._identity else []), *self._app.scopes))
        if scopes:
            parameters["scope"] = " ".join(scopes)
        if self._identity:
            parameters["nonce"] = pending.nonce
        joint = "&" if "?" in endpoints.authorization else "?"
        sealed = sealing.text(self._sealer.seal("login", pending))
        return endpoints.authorization + joint + urlencode(parameters), (
            *self._jar(pending.id).write(sealed),
            *self._outdated(cookies),
        )

    def found(self, request: Request, cookies: Mapping[str, str], state: str, now: float) -> "Pending | str | None":
        """The login that a browser comes back from; or the URL at which it is known; None: it was not begun here."""
        named = self._sealer.open("state", sealing.data(state), _State)
        if named is None or now >= named.until:
            return None
        sealed = self._jar(named.id).read(cookies)
        pending = self._sealer.open("login", sealing.data(sealed), Pending) if sealed else None
        if pending is not None and pending.id == named.id and now < pending.until:
            return pending
        if named.host != request.host.lower() and self._covers(named.host):
            return f"{self._url.scheme}://{named.host}{request.path}"
        return None

    def aim(self, request: Request, state: str) -> str:
        """Where a browser wanted to go whose login is over, or is another one's; the root if nothing tells it."""
        named = self._sealer.open("state", sealing.data(state), _State)
        return self.back(request, named or _State("", request.host, 0.0))

    def back(self, request: Request, pending: Pending | _State) -> str:
        """Where the browser wanted to go: on this host, or on another one that shares its cookies."""
        host = request.host.lower()
        there = pending.host if _name(pending.host) == _name(host) or self._covers(pending.host) else host
        return f"{self._url.scheme}://{there}{pending.path if pending.path.startswith('/') else '/'}"

    def ended(self, pending: Pending, cookies: Mapping[str, str]) -> tuple[str, ...]:
        """The Set-Cookie headers that forget a login."""
        return tuple(self._jar(pending.id).end(cookies))

    def cookies(self, cookies: Mapping[str, str]) -> list[str]:
        """The names of those of logins, in a request."""
        return [name for name in cookies if name.startswith(self._name + _MARK)]

    def _outdated(self, cookies: Mapping[str, str]) -> tuple[str, ...]:
        begun = self.cookies(cookies)
        gone = begun[: max(0, len(begun) - _UNDER_WAY + 1)]
        return tuple(header for name in gone for header in Jar(name, self._attributes).end({name: ""}))

    def _jar(self, identity: str) -> Jar:
        return Jar(f"{self._name}{_MARK}{identity[:8]}", self._attributes)

    def _covers(self, host: str) -> bool:
        name = _name(host)
        return bool(self._domain) and (name == self._domain or name.endswith("." + self._domain))


def challenge(verifier: str) -> str:
    """What is told of a verifier beforehand (RFC 7636, S256)."""
    return sealing.text(hashlib.sha256(verifier.encode()).digest())


def literal(regex: str) -> str:
    """The path that a callback's regex begins with: that is where browsers are sent back to."""
    text = regex.removeprefix("^")
    end = next((at for at, one in enumerate(text) if one in ".*+?()[]{}|\\$^"), len(text))
    if end < len(text) and text[end] in "*?{" and end:
        end -= 1
    return "/" + text[:end].lstrip("/")


def _name(host: str) -> str:
    """A host without its port."""
    return host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() and not host.endswith("]") else host
