"""Requests that another server is asked about."""

from typing import ClassVar, Literal, TypeAlias

from msgspec import field

from daemun.api.gloo.common import ResourceRef
from daemun.api.gloo.scalars import Duration, OneOf, UInt32
from daemun.api.meta import Api, List

ApiVersion: TypeAlias = Literal["V3"]


class ExtAuthGrpcService(Api, frozen=True):
    """How the server is called over gRPC."""

    authority: str = ""


class ExtAuthHttpRequest(Api, frozen=True):
    """What of a request goes to the server."""

    allowed_headers: List[str] = ()
    headers_to_add: dict[str, str] = field(default_factory=dict)
    allowed_headers_regex: List[str] = ()


class ExtAuthHttpResponse(Api, frozen=True):
    """What of the server's answer goes on."""

    allowed_upstream_headers: List[str] = ()
    allowed_client_headers: List[str] = ()
    allowed_upstream_headers_to_append: List[str] = ()


class ExtAuthHttpService(Api, frozen=True):
    """The server is asked over plain HTTP."""

    path_prefix: str = ""
    request: ExtAuthHttpRequest | None = None
    response: ExtAuthHttpResponse | None = None


class ExtAuthBufferSettings(Api, frozen=True):
    """How much of the body the server sees, in bytes."""

    max_request_bytes: UInt32 = 0
    allow_partial_message: bool = False
    pack_as_bytes: bool = False


class ExtAuthSettings(Api, frozen=True):
    """The server, and what happens when it does not answer."""

    ONE_OF: ClassVar[OneOf] = (("http_service", "grpc_service"),)

    extauthz_server_ref: ResourceRef | None = None
    http_service: ExtAuthHttpService | None = None
    grpc_service: ExtAuthGrpcService | None = None
    user_id_header: str = ""
    request_timeout: Duration | None = None
    failure_mode_allow: bool = False
    request_body: ExtAuthBufferSettings | None = None
    clear_route_cache: bool = False
    status_on_error: UInt32 = 0
    transport_api_version: ApiVersion = "V3"
    stat_prefix: str = ""


class CustomAuth(Api, frozen=True):
    """What the server is told of a route."""

    context_extensions: dict[str, str] = field(default_factory=dict)
    name: str = ""


class ExtAuthExtension(Api, frozen=True):
    """Whether and how the server is asked about a virtual host or route."""

    ONE_OF: ClassVar[OneOf] = (("disable", "config_ref", "custom_auth"),)

    disable: bool | None = None
    config_ref: ResourceRef | None = None
    custom_auth: CustomAuth | None = None
