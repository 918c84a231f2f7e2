"""Rate limits, by a server or by each proxy."""

from typing import ClassVar, Literal, TypeAlias

from msgspec import field

from daemun.api.gloo.common import Empty, Int64Range, ResourceRef
from daemun.api.gloo.resource import GlooResource
from daemun.api.gloo.scalars import Duration, OneOf, UInt32
from daemun.api.meta import Api, List

RateLimitUnit: TypeAlias = Literal["UNKNOWN", "SECOND", "MINUTE", "HOUR", "DAY"]
MetadataSource: TypeAlias = Literal["DYNAMIC", "ROUTE_ENTRY"]


class TokenBucket(Api, frozen=True):
    """So many tokens, filled up at an interval; each request or connection takes one."""

    max_tokens: UInt32 = 0
    tokens_per_fill: UInt32 | None = None
    fill_interval: Duration | None = None


class LocalRateLimitSettings(Api, frozen=True):
    """A limit that each proxy keeps by itself, for all of a listener."""

    default_limit: TokenBucket | None = None
    local_rate_limit_per_downstream_connection: bool | None = None
    enable_x_ratelimit_headers: bool | None = None


class RateLimit(Api, frozen=True):
    """So many requests in a unit of time."""

    unit: RateLimitUnit = "UNKNOWN"
    requests_per_unit: UInt32 = 0


class Descriptor(Api, frozen=True):
    """A limit for requests with a value under a key, and those below it."""

    key: str = ""
    value: str = ""
    rate_limit: RateLimit | None = None
    descriptors: List["Descriptor"] = ()
    weight: UInt32 = 0
    always_apply: bool = False


class SimpleDescriptor(Api, frozen=True):
    """A value under a key."""

    key: str = ""
    value: str = ""


class SetDescriptor(Api, frozen=True):
    """A limit for requests that have all of these values."""

    simple_descriptors: List[SimpleDescriptor] = ()
    rate_limit: RateLimit | None = None
    always_apply: bool = False


class MetadataPathSegment(Api, frozen=True):
    """A step into a value."""

    key: str = ""


class MetadataKey(Api, frozen=True):
    """Where in a request's metadata a value is."""

    key: str = ""
    path: List[MetadataPathSegment] = ()


class RequestHeadersAction(Api, frozen=True):
    """The value of a header."""

    header_name: str = ""
    descriptor_key: str = ""


class GenericKeyAction(Api, frozen=True):
    """A value that is always the same."""

    descriptor_value: str = ""


class RateLimitHeaderMatcher(Api, frozen=True):
    """A condition on a header."""

    ONE_OF: ClassVar[OneOf] = (
        ("exact_match", "regex_match", "range_match", "present_match", "prefix_match", "suffix_match"),
    )

    name: str = ""
    exact_match: str | None = None
    regex_match: str | None = None
    range_match: Int64Range | None = None
    present_match: bool | None = None
    prefix_match: str | None = None
    suffix_match: str | None = None
    invert_match: bool = False


class HeaderValueMatchAction(Api, frozen=True):
    """A value, if headers match."""

    descriptor_value: str = ""
    expect_match: bool | None = None
    headers: List[RateLimitHeaderMatcher] = ()


class MetadataAction(Api, frozen=True):
    """A value of a request's metadata."""

    descriptor_key: str = ""
    metadata_key: MetadataKey | None = None
    default_value: str = ""
    source: MetadataSource = "DYNAMIC"


class RateLimitAction(Api, frozen=True):
    """One value of a descriptor, and where it is taken from."""

    ONE_OF: ClassVar[OneOf] = (
        (
            "source_cluster",
            "destination_cluster",
            "request_headers",
            "remote_address",
            "generic_key",
            "header_value_match",
            "metadata",
        ),
    )

    source_cluster: Empty | None = None
    destination_cluster: Empty | None = None
    request_headers: RequestHeadersAction | None = None
    remote_address: Empty | None = None
    generic_key: GenericKeyAction | None = None
    header_value_match: HeaderValueMatchAction | None = None
    metadata: MetadataAction | None = None


class DynamicMetadataOverride(Api, frozen=True):
    """A limit in a request's metadata."""

    metadata_key: MetadataKey | None = None


class RateLimitOverride(Api, frozen=True):
    """A limit that stands for that of the server."""

    dynamic_metadata: DynamicMetadataOverride | None = None


class RateLimitActions(Api, frozen=True):
    """The descriptor of a request, of which the server knows the limit."""

    actions: List[RateLimitAction] = ()
    set_actions: List[RateLimitAction] = ()
    limit: RateLimitOverride | None = None


class RawRateLimitConfig(Api, frozen=True):
    """The limits and the descriptors that they are for."""

    descriptors: List[Descriptor] = ()
    rate_limits: List[RateLimitActions] = ()
    set_descriptors: List[SetDescriptor] = ()


class RateLimitConfigSpec(Api, frozen=True):
    """Limits, and which requests they are for."""

    raw: RawRateLimitConfig | None = None


class RateLimitConfig(GlooResource, frozen=True):
    """Rate limits that routes refer to."""

    spec: RateLimitConfigSpec = field(default_factory=RateLimitConfigSpec)


class IngressRateLimit(Api, frozen=True):
    """Limits for users that are known, and for the others together."""

    authorized_limits: RateLimit | None = None
    anonymous_limits: RateLimit | None = None


class RateLimitConfigRef(Api, frozen=True):
    """A reference to a RateLimitConfig."""

    name: str = ""
    namespace: str = ""


class RateLimitConfigRefs(Api, frozen=True):
    """References to RateLimitConfigs."""

    refs: List[RateLimitConfigRef] = ()


class RateLimitVhostExtension(Api, frozen=True):
    """The limits of a virtual host."""

    rate_limits: List[RateLimitActions] = ()
    local_ratelimit: TokenBucket | None = None


class RateLimitRouteExtension(Api, frozen=True):
    """The limits of a route."""

    include_vh_rate_limits: bool = False
    rate_limits: List[RateLimitActions] = ()
    local_ratelimit: TokenBucket | None = None


class RateLimitGrpcService(Api, frozen=True):
    """How the server is called."""

    authority: str = ""


class RateLimitServerSettings(Api, frozen=True):
    """The server that knows the limits."""

    ratelimit_server_ref: ResourceRef | None = None
    request_timeout: Duration | None = None
    deny_on_fail: bool = False
    enable_x_ratelimit_headers: bool = False
    rate_limit_before_auth: bool = False
    grpc_service: RateLimitGrpcService | None = None


class RateLimitServiceSettings(Api, frozen=True):
    """The limits of Gloo's own server."""

    descriptors: List[Descriptor] = ()
    set_descriptors: List[SetDescriptor] = ()
