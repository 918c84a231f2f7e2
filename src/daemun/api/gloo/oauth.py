"""OAuth 2 and OpenID Connect."""

from typing import ClassVar, Literal, TypeAlias

from msgspec import field

from daemun.api.gloo.common import Empty, ResourceRef
from daemun.api.gloo.jwt import ClaimToHeader
from daemun.api.gloo.scalars import Duration, Int32, OneOf, UInt32
from daemun.api.meta import Api, List

SocketType: TypeAlias = Literal["TCP", "TLS"]
SameSite: TypeAlias = Literal["DefaultMode", "LaxMode", "StrictMode", "NoneMode"]
MethodType: TypeAlias = Literal["GetMethod", "PostMethod"]


class OAuth(Api, frozen=True):
    """The old way to write `oauth2`."""

    client_id: str = ""
    client_secret_ref: ResourceRef | None = None
    issuer_url: str = ""
    auth_endpoint_query_params: dict[str, str] = field(default_factory=dict)
    app_url: str = ""
    callback_path: str = ""
    scopes: List[str] = ()


class RedisOptions(Api, frozen=True):
    """How Redis is reached."""

    host: str = ""
    db: Int32 = 0
    pool_size: Int32 = 0
    tls_cert_mount_path: str = ""
    socket_type: SocketType = "TCP"


class InternalSession(Api, frozen=True):
    """Sessions in cookies."""

    allow_refreshing: bool | None = None
    key_prefix: str = ""
    target_domain: str = ""


class RedisSession(Api, frozen=True):
    """Sessions in Redis."""

    options: RedisOptions | None = None
    key_prefix: str = ""
    cookie_name: str = ""
    allow_refreshing: bool | None = None
    pre_expiry_buffer: Duration | None = None
    target_domain: str = ""
    header_name: str = ""


class CookieOptions(Api, frozen=True):
    """The cookies of a session."""

    max_age: UInt32 | None = None
    not_secure: bool = False
    http_only: bool | None = None
    path: str | None = None
    same_site: SameSite = "DefaultMode"
    domain: str = ""


class CipherConfig(Api, frozen=True):
    """The key that cookies are encrypted with."""

    key_ref: ResourceRef | None = None


class UserSession(Api, frozen=True):
    """Where sessions are kept."""

    ONE_OF: ClassVar[OneOf] = (("cookie", "redis"),)

    fail_on_fetch_failure: bool = False
    cookie_options: CookieOptions | None = None
    cookie: InternalSession | None = None
    redis: RedisSession | None = None
    cipher_config: CipherConfig | None = None


class HeaderConfiguration(Api, frozen=True):
    """The headers in which tokens go on."""

    id_token_header: str = ""
    access_token_header: str = ""
    use_bearer_schema_for_authorization: bool | None = None


class DiscoveryOverride(Api, frozen=True):
    """What stands for that which the provider tells of itself."""

    auth_endpoint: str = ""
    token_endpoint: str = ""
    jwks_uri: str = ""
    scopes: List[str] = ()
    response_types: List[str] = ()
    subjects: List[str] = ()
    id_token_algs: List[str] = ()
    auth_methods: List[str] = ()
    claims: List[str] = ()
    revocation_endpoint: str = ""
    end_session_endpoint: str = ""


class JwksOnDemandCacheRefreshPolicy(Api, frozen=True):
    """Whether keys are fetched anew for a token that none of them has signed."""

    ONE_OF: ClassVar[OneOf] = (("never", "always", "max_idp_req_per_polling_interval"),)

    never: Empty | None = None
    always: Empty | None = None
    max_idp_req_per_polling_interval: UInt32 | None = None


class AutoMapFromMetadata(Api, frozen=True):
    """Metadata that is taken over."""

    namespace: str = ""


class EndSessionProperties(Api, frozen=True):
    """How a session is ended."""

    method_type: MethodType = "GetMethod"


class OidcAccessToken(Api, frozen=True):
    """What of the access token goes on."""

    claims_to_headers: List[ClaimToHeader] = ()


class OidcIdentityToken(Api, frozen=True):
    """What of the identity token goes on."""

    claims_to_headers: List[ClaimToHeader] = ()


class OidcClientSecret(Api, frozen=True):
    """A secret that client and provider share."""

    client_secret_ref: ResourceRef | None = None
    disable_client_secret: bool | None = None


class OidcPrivateKeyJwt(Api, frozen=True):
    """A token that the client signs."""

    signing_key_ref: ResourceRef | None = None
    valid_for: Duration | None = None


class OidcClientAuthentication(Api, frozen=True):
    """How the client proves to the provider who it is."""

    ONE_OF: ClassVar[OneOf] = (("client_secret", "private_key_jwt"),)

    client_secret: OidcClientSecret | None = None
    private_key_jwt: OidcPrivateKeyJwt | None = None


class OidcAzure(Api, frozen=True):
    """Entra ID, and where its claims are kept."""

    client_id: str = ""
    tenant_id: str = ""
    client_secret: ResourceRef | None = None
    claims_caching_options: RedisOptions | None = None


class OidcAuthorizationCode(Api, frozen=True):
    """Browsers are sent to an OpenID Connect provider."""

    ONE_OF: ClassVar[OneOf] = (("default", "azure"),)

    client_id: str = ""
    client_secret_ref: ResourceRef | None = None
    issuer_url: str = ""
    auth_endpoint_query_params: dict[str, str] = field(default_factory=dict)
    token_endpoint_query_params: dict[str, str] = field(default_factory=dict)
    app_url: str = ""
    callback_path: str = ""
    logout_path: str = ""
    after_logout_url: str = ""
    scopes: List[str] = ()
    session: UserSession | None = None
    headers: HeaderConfiguration | None = None
    discovery_override: DiscoveryOverride | None = None
    discovery_poll_interval: Duration | None = None
    jwks_cache_refresh_policy: JwksOnDemandCacheRefreshPolicy | None = None
    session_id_header_name: str = ""
    parse_callback_path_as_regex: bool = False
    auto_map_from_metadata: AutoMapFromMetadata | None = None
    end_session_properties: EndSessionProperties | None = None
    dynamic_metadata_from_claims: dict[str, str] = field(default_factory=dict)
    disable_client_secret: bool | None = None
    access_token: OidcAccessToken | None = None
    identity_token: OidcIdentityToken | None = None
    client_authentication: OidcClientAuthentication | None = None
    default: Empty | None = None
    azure: OidcAzure | None = None


class PlainOAuth2(Api, frozen=True):
    """Browsers are sent to an OAuth 2 server."""

    client_id: str = ""
    client_secret_ref: ResourceRef | None = None
    auth_endpoint_query_params: dict[str, str] = field(default_factory=dict)
    app_url: str = ""
    callback_path: str = ""
    scopes: List[str] = ()
    session: UserSession | None = None
    logout_path: str = ""
    token_endpoint_query_params: dict[str, str] = field(default_factory=dict)
    after_logout_url: str = ""
    auth_endpoint: str = ""
    token_endpoint: str = ""
    revocation_endpoint: str = ""
    disable_client_secret: bool | None = None


class ValidationRemoteJwks(Api, frozen=True):
    """Keys at a URL."""

    url: str = ""
    refresh_interval: Duration | None = None


class ValidationLocalJwks(Api, frozen=True):
    """Keys that stand here."""

    inline_string: str = ""


class JwtValidation(Api, frozen=True):
    """Access tokens are checked by their signature."""

    ONE_OF: ClassVar[OneOf] = (("remote_jwks", "local_jwks"),)

    remote_jwks: ValidationRemoteJwks | None = None
    local_jwks: ValidationLocalJwks | None = None
    issuer: str = ""


class IntrospectionValidation(Api, frozen=True):
    """Access tokens are checked by asking who issued them."""

    introspection_url: str = ""
    client_id: str = ""
    client_secret_ref: ResourceRef | None = None
    user_id_attribute_name: str = ""
    disable_client_secret: bool | None = None


class ScopeList(Api, frozen=True):
    """Scopes, all of which a token must have."""

    scope: List[str] = ()


class AccessTokenValidation(Api, frozen=True):
    """Access tokens that requests bear."""

    ONE_OF: ClassVar[OneOf] = (("introspection_url", "jwt", "introspection"),)

    introspection_url: str | None = None
    jwt: JwtValidation | None = None
    introspection: IntrospectionValidation | None = None
    userinfo_url: str = ""
    cache_timeout: Duration | None = None
    required_scopes: ScopeList | None = None
    dynamic_metadata_from_claims: dict[str, str] = field(default_factory=dict)


class OAuth2(Api, frozen=True):
    """One of three ways of OAuth 2."""

    ONE_OF: ClassVar[OneOf] = (("oidc_authorization_code", "access_token_validation", "oauth2"),)

    oidc_authorization_code: OidcAuthorizationCode | None = None
    access_token_validation: AccessTokenValidation | None = None
    oauth2: PlainOAuth2 | None = None
