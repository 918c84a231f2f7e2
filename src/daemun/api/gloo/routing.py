"""What a route does with a request, but for transformations and security."""

from typing import ClassVar, Literal

from daemun.api.gloo.common import BackoffStrategy, HeaderValue, ResourceRef, RuntimeFractionalPercent, StringMatcher
from daemun.api.gloo.scalars import Duration, OneOf, UInt32
from daemun.api.meta import Api, List


class HeaderValueOption(Api, frozen=True):
    """A header to add: to what is there, unless `append` is false. Or all of a Secret's."""

    ONE_OF: ClassVar[OneOf] = (("header", "header_secret_ref"),)

    header: HeaderValue | None = None
    header_secret_ref: ResourceRef | None = None
    append: bool | None = None


class ResponseHeaderValueOption(Api, frozen=True):
    """A header to add to a response, or to a request before it is routed."""

    header: HeaderValue | None = None
    append: bool | None = None


class HeaderManipulation(Api, frozen=True):
    """Headers to add and remove."""

    request_headers_to_add: List[HeaderValueOption] = ()
    request_headers_to_remove: List[str] = ()
    response_headers_to_add: List[ResponseHeaderValueOption] = ()
    response_headers_to_remove: List[str] = ()


class EarlyHeaderManipulation(Api, frozen=True):
    """Headers of a request to add and remove before it is routed."""

    headers_to_add: List[HeaderValueOption] = ()
    headers_to_remove: List[str] = ()


class PreviousPriorities(Api, frozen=True):
    """A try again goes to endpoints of another priority."""

    update_frequency: UInt32 | None = None


class ResetHeader(Api, frozen=True):
    """A header of a response that says when to try again (Gloo 1.18 and newer)."""

    name: str = ""
    format: Literal["SECONDS", "UNIX_TIMESTAMP"] = "SECONDS"


class RateLimitedRetryBackOff(Api, frozen=True):
    """Pauses as the backend asks for them, up to a bound (Gloo 1.18 and newer)."""

    reset_headers: List[ResetHeader] = ()
    max_interval: Duration | None = None


class RetryPolicy(Api, frozen=True):
    """When and how often a request is tried again. `retryOn` is Envoy's list of conditions."""

    retry_on: str = ""
    num_retries: UInt32 = 0
    per_try_timeout: Duration | None = None
    retry_back_off: BackoffStrategy | None = None
    previous_priorities: PreviousPriorities | None = None
    retriable_status_codes: List[UInt32] = ()
    rate_limited_retry_back_off: RateLimitedRetryBackOff | None = None


class RouteAbort(Api, frozen=True):
    """Answers a share (percent) of the requests with a status."""

    percentage: float = 0.0
    http_status: UInt32 = 0


class RouteDelay(Api, frozen=True):
    """Delays a share (percent) of the requests."""

    percentage: float = 0.0
    fixed_delay: Duration | None = None


class RouteFaults(Api, frozen=True):
    """Faults that are put in on purpose."""

    abort: RouteAbort | None = None
    delay: RouteDelay | None = None


class RouteShadowing(Api, frozen=True):
    """Sends a copy of a share (percent) of the requests to another Upstream."""

    upstream: ResourceRef | None = None
    percentage: float = 0.0
    disable_shadow_host_suffix_append: bool = False
    host_rewrite_literal: str = ""


class CorsPolicy(Api, frozen=True):
    """Cross-origin requests that browsers may make."""

    allow_origin: List[str] = ()
    allow_origin_regex: List[str] = ()
    allow_methods: List[str] = ()
    allow_headers: List[str] = ()
    expose_headers: List[str] = ()
    max_age: str = ""
    allow_credentials: bool = False
    disable_for_route: bool = False


class HashCookie(Api, frozen=True):
    """A cookie that the choice of an endpoint rests on; with `ttl` it is made where it is missing."""

    name: str = ""
    ttl: Duration | None = None
    path: str = ""


class HashPolicy(Api, frozen=True):
    """What of a request the choice of an endpoint rests on."""

    ONE_OF: ClassVar[OneOf] = (("header", "cookie", "source_ip"),)

    header: str | None = None
    cookie: HashCookie | None = None
    source_ip: bool | None = None
    terminal: bool = False


class RouteActionHashConfig(Api, frozen=True):
    """Requests that are alike go to the same endpoint."""

    hash_policies: List[HashPolicy] = ()


class ProtocolUpgradeSpec(Api, frozen=True):
    """Whether a protocol may be upgraded to."""

    enabled: bool | None = None


class ProtocolUpgradeConfig(Api, frozen=True):
    """A protocol that a connection may be upgraded to."""

    ONE_OF: ClassVar[OneOf] = (("websocket", "connect", "connect_terminate"),)

    websocket: ProtocolUpgradeSpec | None = None
    connect: ProtocolUpgradeSpec | None = None
    connect_terminate: ProtocolUpgradeSpec | None = None


class VirtualCluster(Api, frozen=True):
    """Requests that are counted under a name. `pattern` is a regex of the path."""

    name: str = ""
    pattern: str = ""
    method: str = ""


class Stats(Api, frozen=True):
    """What is counted in addition."""

    virtual_clusters: List[VirtualCluster] = ()


class Buffer(Api, frozen=True):
    """Requests are read as a whole before they go on; larger ones are refused."""

    max_request_bytes: UInt32 | None = None


class BufferPerRoute(Api, frozen=True):
    """Another buffer for a route, or none."""

    ONE_OF: ClassVar[OneOf] = (("disabled", "buffer"),)

    disabled: bool | None = None
    buffer: Buffer | None = None


class CsrfPolicy(Api, frozen=True):
    """Refuses requests that change something and come from another origin."""

    filter_enabled: RuntimeFractionalPercent | None = None
    shadow_enabled: RuntimeFractionalPercent | None = None
    additional_origins: List[StringMatcher] = ()
