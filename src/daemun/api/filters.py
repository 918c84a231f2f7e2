"""The filters of HTTPRoute and GRPCRoute (Gateway API v1.6)."""

from typing import Annotated, Literal

from msgspec import Meta

from daemun.api.meta import Api, BackendObjectReference, List, LocalObjectReference
from daemun.api.scalars import Duration, HeaderName, HeaderValue, Port, PreciseHostname

_ORIGIN = r"(^\*$)|(^(http(s)?):\/\/(((\*\.)?([a-zA-Z0-9\-]+\.)*[a-zA-Z0-9-]+|\*)(:([0-9]{1,5}))?)$)"
_PATH = r"^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$"


class HTTPHeader(Api, frozen=True):
    """A header with its value."""

    name: HeaderName
    value: HeaderValue


class HTTPHeaderFilter(Api, frozen=True):
    """Headers to set, add and remove."""

    set: Annotated[List[HTTPHeader], Meta(max_length=16)] = ()
    add: Annotated[List[HTTPHeader], Meta(max_length=16)] = ()
    remove: Annotated[List[str], Meta(max_length=16)] = ()


class HTTPPathModifier(Api, frozen=True):
    """A new path, or a new prefix for it."""

    type: Literal["ReplaceFullPath", "ReplacePrefixMatch"]
    replace_full_path: Annotated[str, Meta(max_length=1024)] | None = None
    replace_prefix_match: Annotated[str, Meta(max_length=1024)] | None = None


class HTTPRequestRedirectFilter(Api, frozen=True):
    """Answers with a redirect instead of a backend."""

    scheme: Literal["http", "https"] | None = None
    hostname: PreciseHostname | None = None
    path: HTTPPathModifier | None = None
    port: Port | None = None
    status_code: Literal[301, 302, 303, 307, 308] = 302


class HTTPURLRewriteFilter(Api, frozen=True):
    """Changes host or path before the request goes to the backend."""

    hostname: PreciseHostname | None = None
    path: HTTPPathModifier | None = None


class Fraction(Api, frozen=True):
    """`numerator` of `denominator`."""

    numerator: Annotated[int, Meta(ge=0)]
    denominator: Annotated[int, Meta(ge=1)] = 100


class HTTPRequestMirrorFilter(Api, frozen=True):
    """Sends a copy of (some) requests to another backend, whose answers are dropped."""

    backend_ref: BackendObjectReference
    percent: Annotated[int, Meta(ge=0, le=100)] | None = None
    fraction: Fraction | None = None


class HTTPCORSFilter(Api, frozen=True):
    """Cross-origin requests that browsers may make."""

    allow_origins: Annotated[List[Annotated[str, Meta(max_length=253, pattern=_ORIGIN)]], Meta(max_length=64)] = ()
    allow_credentials: bool = False
    allow_methods: Annotated[
        List[Literal["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "*"]],
        Meta(max_length=9),
    ] = ()
    allow_headers: Annotated[List[HeaderName], Meta(max_length=64)] = ()
    expose_headers: Annotated[List[HeaderName], Meta(max_length=64)] = ()
    max_age: Annotated[int, Meta(ge=1)] = 5


class GRPCAuthConfig(Api, frozen=True):
    """External authorization over Envoy's gRPC protocol."""

    allowed_headers: Annotated[List[str], Meta(max_length=64)] = ()


class HTTPAuthConfig(Api, frozen=True):
    """External authorization over plain HTTP."""

    path: Annotated[str, Meta(max_length=1024, pattern=_PATH)] | None = None
    allowed_headers: Annotated[List[str], Meta(max_length=64)] = ()
    allowed_response_headers: Annotated[List[str], Meta(max_length=64)] = ()


class ForwardBodyConfig(Api, frozen=True):
    """How much of the body the authorization server sees, in bytes."""

    max_size: Annotated[int, Meta(ge=0, le=65535)] = 0


class HTTPExternalAuthFilter(Api, frozen=True):
    """Asks another service whether a request may pass (GEP-1494, experimental)."""

    protocol: Literal["HTTP", "GRPC"]
    backend_ref: BackendObjectReference
    grpc: GRPCAuthConfig | None = None
    http: HTTPAuthConfig | None = None
    forward_body: ForwardBodyConfig | None = None


class RouteFilter(Api, frozen=True):
    """One filter of a rule or a backend. `type` names the field that is set."""

    type: Literal[
        "RequestHeaderModifier",
        "ResponseHeaderModifier",
        "RequestMirror",
        "RequestRedirect",
        "URLRewrite",
        "CORS",
        "ExternalAuth",
        "ExtensionRef",
    ]
    request_header_modifier: HTTPHeaderFilter | None = None
    response_header_modifier: HTTPHeaderFilter | None = None
    request_mirror: HTTPRequestMirrorFilter | None = None
    request_redirect: HTTPRequestRedirectFilter | None = None
    url_rewrite: HTTPURLRewriteFilter | None = None
    cors: HTTPCORSFilter | None = None
    external_auth: HTTPExternalAuthFilter | None = None
    extension_ref: LocalObjectReference | None = None


class HTTPRouteTimeouts(Api, frozen=True):
    """`request` is for the whole request, `backendRequest` for each try. `0s` means none."""

    request: Duration | None = None
    backend_request: Duration | None = None


class HTTPRouteRetry(Api, frozen=True):
    """When and how often a request is tried again."""

    codes: List[Annotated[int, Meta(ge=400, le=599)]] = ()
    attempts: Annotated[int, Meta(ge=1)] | None = None
    backoff: Duration | None = None


class CookieConfig(Api, frozen=True):
    """How long the session cookie lives."""

    lifetime_type: Literal["Permanent", "Session"] = "Session"


class SessionPersistence(Api, frozen=True):
    """Keeps a client with the backend that it first met (GEP-1619, experimental)."""

    session_name: Annotated[str, Meta(max_length=128)] | None = None
    absolute_timeout: Duration | None = None
    type: Literal["Cookie", "Header"] = "Cookie"
    cookie_config: CookieConfig | None = None
