"""Requests that must bear a JSON Web Token."""

from typing import ClassVar

from msgspec import field

from daemun.api.gloo.common import ResourceRef
from daemun.api.gloo.scalars import Duration, OneOf, UInt32
from daemun.api.meta import Api, List


class JwksAsyncFetch(Api, frozen=True):
    """Keys are fetched before the first request that needs them."""

    fast_listener: bool = False


class RemoteJwks(Api, frozen=True):
    """Keys that an Upstream serves."""

    url: str = ""
    upstream_ref: ResourceRef | None = None
    cache_duration: Duration | None = None
    async_fetch: JwksAsyncFetch | None = None


class LocalJwks(Api, frozen=True):
    """Keys that stand here: a JWKS, or a public key in PEM."""

    key: str = ""


class Jwks(Api, frozen=True):
    """The keys that tokens are signed with."""

    ONE_OF: ClassVar[OneOf] = (("remote", "local"),)

    remote: RemoteJwks | None = None
    local: LocalJwks | None = None


class TokenHeaderSource(Api, frozen=True):
    """A header that tokens come in, after a prefix."""

    header: str = ""
    prefix: str = ""


class TokenSource(Api, frozen=True):
    """Where tokens are looked for."""

    headers: List[TokenHeaderSource] = ()
    query_params: List[str] = ()


class ClaimToHeader(Api, frozen=True):
    """A claim that goes on to the backend in a header."""

    claim: str = ""
    header: str = ""
    append: bool = False


class JwtProvider(Api, frozen=True):
    """Who issues tokens, and how they are checked."""

    jwks: Jwks | None = None
    audiences: List[str] = ()
    issuer: str = ""
    token_source: TokenSource | None = None
    keep_token: bool = False
    claims_to_headers: List[ClaimToHeader] = ()
    clock_skew_seconds: UInt32 | None = None


class JwtVhostExtension(Api, frozen=True):
    """The issuers of which a virtual host takes tokens."""

    providers: dict[str, JwtProvider] = field(default_factory=dict)
    allow_missing_or_failed_jwt: bool = False


class JwtRouteExtension(Api, frozen=True):
    """Whether a route needs no token."""

    disable: bool = False


class JwtStagedVhostExtension(Api, frozen=True):
    """Tokens that are checked before external auth, and after it."""

    before_ext_auth: JwtVhostExtension | None = None
    after_ext_auth: JwtVhostExtension | None = None


class JwtStagedRouteExtension(Api, frozen=True):
    """Whether a route needs no token, by stage."""

    before_ext_auth: JwtRouteExtension | None = None
    after_ext_auth: JwtRouteExtension | None = None
