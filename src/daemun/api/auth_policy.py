"""AuthPolicy, Daemun's own kind: who may come in through a Gateway, a listener, a route or one of its rules."""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, field

from daemun.api.filters import HTTPExternalAuthFilter
from daemun.api.gloo.rbac import Permissions, Principal
from daemun.api.meta import Api, BackendObjectReference, List, ObjectReference, Resource, SecretObjectReference
from daemun.api.scalars import Duration, HeaderName, ObjectName, SectionName

Text: TypeAlias = Annotated[str, Meta(min_length=1, max_length=1024)]
Url: TypeAlias = Annotated[str, Meta(max_length=2048, pattern=r"^https?://[^/?#\s]+[^\s]*$")]
UrlPath: TypeAlias = Annotated[str, Meta(max_length=1024, pattern=r"^/[^?#\s]*$")]
Few: TypeAlias = Annotated[List[Text], Meta(max_length=64)]
IpBlocks: TypeAlias = Annotated[List[Annotated[str, Meta(min_length=2, max_length=43)]], Meta(max_length=64)]
"""Addresses, and networks in CIDR notation."""


class AuthTargetReference(Api, frozen=True):
    """What a policy is for, in its own namespace: an object, one of its listeners, or one of its rules by name."""

    kind: Literal["Gateway", "ListenerSet", "HTTPRoute", "GRPCRoute"]
    name: ObjectName
    group: Literal["gateway.networking.k8s.io"] = "gateway.networking.k8s.io"
    section_name: SectionName | None = None


class RemoteKeys(Api, frozen=True):
    """Keys that a Service or an Upstream serves at a URL."""

    url: Url
    backend_ref: BackendObjectReference
    cache_duration: Duration | None = None


class Keys(Api, frozen=True):
    """The keys that tokens are signed with: a JWKS or a public key in PEM that stands here, or a place to fetch one."""

    inline: Annotated[str, Meta(min_length=1, max_length=65536)] | None = None
    remote: RemoteKeys | None = None


class TokenHeader(Api, frozen=True):
    """A header that tokens come in, after a prefix."""

    name: HeaderName
    prefix: Annotated[str, Meta(max_length=64)] = ""


class ClaimHeader(Api, frozen=True):
    """A claim that goes on to the backend in a header."""

    claim: Text
    header: HeaderName


class Provider(Api, frozen=True):
    """Who issues tokens, for whom, and where in a request they are looked for."""

    name: SectionName
    issuer: Text
    jwks: Keys
    audiences: Few = ()
    from_headers: Annotated[List[TokenHeader], Meta(max_length=16)] = ()
    from_params: Annotated[List[Text], Meta(max_length=16)] = ()
    claims_to_headers: Annotated[List[ClaimHeader], Meta(max_length=64)] = ()
    forward: bool = False


class Jwt(Api, frozen=True):
    """Requests bear a token of one of these. If that is `optional`, those without a good one pass, too."""

    providers: Annotated[List[Provider], Meta(min_length=1, max_length=16)]
    optional: bool = False


class BasicAuth(Api, frozen=True):
    """Names and passwords, as `htpasswd` writes them, below `.htpasswd` in a Secret."""

    secret_ref: SecretObjectReference
    realm: Annotated[str, Meta(max_length=256, pattern=r'^[^"\\\x00-\x1f]*$')] = ""


class ApiKeys(Api, frozen=True):
    """Keys in Secrets, by name or by all of these labels, in the header, or else in the parameter of the query;
    in a header `api-key` if neither is named.
    """

    secret_refs: Annotated[List[SecretObjectReference], Meta(max_length=64)] = ()
    selector: Annotated[dict[str, str], Meta(max_length=16)] = field(default_factory=dict)
    header: HeaderName | None = None
    query_param: Annotated[str, Meta(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9._~-]+$")] | None = None


class OidcSession(Api, frozen=True):
    """Where sessions are kept, and with which cookies. In Redis, the cookie is no more than a name for one.

    Without `maxAge` a browser keeps the cookies until it is closed. `refresh`: tokens that expire are renewed.
    """

    store: Literal["Cookie", "Redis"] = "Cookie"
    cookie_name: Annotated[str, Meta(max_length=64, pattern=r"^[A-Za-z0-9_.-]*$")] = ""
    domain: Annotated[str, Meta(max_length=253, pattern=r"^[A-Za-z0-9.-]*$")] = ""
    same_site: Literal["Lax", "Strict", "None"] = "Lax"
    insecure: bool = False
    max_age: Duration | None = None
    refresh: bool = False


class Oidc(Api, frozen=True):
    """Browsers are sent to an OpenID Connect provider to log in, and come back to `appUrl` and the callback path."""

    issuer_url: Url
    client_id: Text
    app_url: Url
    callback_path: UrlPath
    client_secret_ref: SecretObjectReference | None = None
    scopes: Few = ()
    logout_path: UrlPath = ""
    after_logout_url: Annotated[str, Meta(max_length=2048)] = ""
    session: OidcSession | None = None


class AuthorizationRule(Api, frozen=True):
    """Who may do what: whose token has all these claims, be it of any provider or of one, and who comes from there.

    `ipBlocks` are of whoever holds the connection, `remoteIpBlocks` of the client that it is held for, as the PROXY
    protocol or a trusted X-Forwarded-For says (both are Istio's names).
    """

    claims: Annotated[dict[str, str], Meta(max_length=32)] = field(default_factory=dict)
    ip_blocks: IpBlocks = ()
    remote_ip_blocks: IpBlocks = ()
    match: Literal["Exact", "Contains", "Boolean"] = "Exact"
    provider: SectionName | None = None
    methods: Annotated[List[Annotated[str, Meta(pattern=r"^[A-Z]{1,32}$")]], Meta(max_length=16)] = ()
    path_prefix: UrlPath | None = None


class AddressedPrincipal(Principal, frozen=True):
    """What such a rule says of who it is: beyond Gloo's claims, addresses."""

    ip_blocks: tuple[str, ...] = ()
    remote_ip_blocks: tuple[str, ...] = ()


class ElementPermissions(Permissions, frozen=True):
    """What such a rule says of a path is of whole elements, as in an HTTPRoute: `/pub` is not for `/publisher`."""


class Authorization(Api, frozen=True):
    """What no rule allows is answered with 403."""

    rules: Annotated[List[AuthorizationRule], Meta(min_length=1, max_length=64)]


class AuthPolicySpec(Api, frozen=True):
    """For what, and who comes in there: `jwt`, one of the other ways, or both; then `authorization`."""

    target_refs: Annotated[List[AuthTargetReference], Meta(min_length=1, max_length=16)]
    jwt: Jwt | None = None
    basic_auth: BasicAuth | None = None
    api_key: ApiKeys | None = None
    oidc: Oidc | None = None
    ext: HTTPExternalAuthFilter | None = None
    auth_config_ref: ObjectReference | None = None
    authorization: Authorization | None = None


class AuthPolicy(Resource, frozen=True):
    """Who may come in. The policy for the more specific target counts, as a whole."""

    spec: AuthPolicySpec
