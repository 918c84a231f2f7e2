"""Checks of OAuth 2 (RFC 6749) and OpenID Connect: logging in, and tokens that requests bear. Times are in seconds."""

from typing import Literal

import msgspec

SameSite = Literal["", "Lax", "Strict", "None"]


class _Check(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag_field="kind"):
    pass


class ClientAuth(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """How the client proves to the provider who it is: by a secret, or by a token signed with a key in PEM
    (private_key_jwt); with neither it is a public client.
    """

    secret: str = ""
    signing_key: str = ""
    valid_for: float = 60.0


class Redis(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Where a Redis is. Without a `host` it is the server's own, or its memory if it has none."""

    host: str = ""
    db: int = 0
    pool: int = 10
    tls: bool = False


class Cookie(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The attributes of a session's cookies (RFC 6265). `max_age` None: Gloo's 30 days; 0: until the browser ends."""

    max_age: int | None = None
    secure: bool = True
    http_only: bool = True
    path: str = "/"
    same_site: SameSite = "Lax"
    domain: str = ""


class Session(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Where who has logged in is kept: in Redis under an id, or sealed in cookies, as many as it takes.

    `key` seals cookies; without one a key that all replicas share is the server's own business. `before_expiry` is how
    long before they expire tokens are refreshed. In the `header` the provider is told the id of a session, when it is
    asked for its tokens.
    """

    redis: Redis | None = None
    cookie: Cookie = Cookie()
    cookie_name: str = ""
    prefix: str = ""
    header: str = ""
    key: bytes = b""
    refresh: bool = True
    before_expiry: float = 2.0
    target_domain: str = ""
    fail_on_fetch_failure: bool = False


class ClaimHeader(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A claim that goes on in a header, beside or in the place of what is there."""

    claim: str
    header: str
    append: bool = False


class Provider(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Who logs people in. What is given here stands for what its discovery document says (OpenID Connect Discovery)."""

    issuer: str = ""
    auth_endpoint: str = ""
    token_endpoint: str = ""
    jwks_uri: str = ""
    revocation_endpoint: str = ""
    end_session_endpoint: str = ""
    algorithms: tuple[str, ...] = ()
    auth_methods: tuple[str, ...] = ()
    poll_interval: float = 1800.0


class App(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The client at the provider, and the URLs at which browsers come back to it.

    `callback_regex`: the path is an RE2 expression.
    """

    client_id: str
    url: str
    callback: str
    client: ClientAuth = ClientAuth()
    logout: str = ""
    after_logout: str = ""
    scopes: tuple[str, ...] = ()
    auth_params: dict[str, str] = {}
    token_params: dict[str, str] = {}
    session: Session = Session()
    callback_regex: bool = False


class Azure(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The application at Entra ID that asks Microsoft Graph for groups that a token has no room for.

    `cache` is where they are kept; without one it is the server's own Redis, or its memory.
    """

    tenant: str
    client_id: str
    client_secret: str
    authority: str = "https://login.microsoftonline.com"
    graph: str = "https://graph.microsoft.com"
    cache: Redis | None = None


class AuthorizationCode(_Check, frozen=True, tag="oidc"):
    """Browsers log in at an OpenID Connect provider. The headers in which tokens go on; claims to headers, metadata.

    `jwks_refreshes` bounds how often keys are fetched for a token that none of them has signed, in one
    `poll_interval`: 0 never, None always.
    """

    provider: Provider
    app: App
    id_token_header: str = ""
    access_token_header: str = ""
    bearer: bool = False
    access_claims: tuple[ClaimHeader, ...] = ()
    id_claims: tuple[ClaimHeader, ...] = ()
    metadata: dict[str, str] = {}
    jwks_refreshes: int | None = None
    end_session_by_post: bool = False
    map_metadata: str = ""
    azure: Azure | None = None


class PlainOAuth(_Check, frozen=True, tag="oauth2"):
    """Browsers log in at a server of OAuth 2 that is no OpenID Connect provider: it gives an access token alone."""

    provider: Provider
    app: App


class Introspection(_Check, frozen=True, tag="introspection"):
    """An access token that its issuer says is active (RFC 7662), with all of the `scopes`."""

    url: str
    client_id: str = ""
    client_secret: str = ""
    user_attribute: str = ""
    userinfo_url: str = ""
    cache: float = 600.0
    scopes: tuple[str, ...] = ()
    metadata: dict[str, str] = {}


class SignedToken(_Check, frozen=True, tag="access-token"):
    """An access token that is a JWT, signed with a key of the set at `jwks_url`, or in `jwks`, with all `scopes`."""

    jwks_url: str = ""
    jwks: str = ""
    refresh: float = 300.0
    issuer: str = ""
    userinfo_url: str = ""
    cache: float = 600.0
    scopes: tuple[str, ...] = ()
    metadata: dict[str, str] = {}
