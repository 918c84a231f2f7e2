"""How an Upstream's endpoints are watched."""

from typing import ClassVar, Literal, TypeAlias

from msgspec import field

from daemun.api.gloo.common import Empty, Int64Range
from daemun.api.gloo.routing import HeaderValueOption
from daemun.api.gloo.scalars import Duration, OneOf, Struct, UInt32
from daemun.api.meta import Api, List

HealthCheckResult: TypeAlias = Literal["default", "healthy", "degraded", "unhealthy"]
RequestMethod: TypeAlias = Literal[
    "METHOD_UNSPECIFIED", "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"
]


class Payload(Api, frozen=True):
    """Bytes to send or to expect, in hexadecimal digits."""

    text: str | None = None


class TcpHealthCheck(Api, frozen=True):
    """Connects, and may send and expect something."""

    send: Payload | None = None
    receive: List[Payload] = ()


class GrpcHealthCheck(Api, frozen=True):
    """Asks gRPC's health service."""

    service_name: str = ""
    authority: str = ""
    initial_metadata: List[HeaderValueOption] = ()


class CustomHealthCheck(Api, frozen=True):
    """A check of an extension of Envoy."""

    ONE_OF: ClassVar[OneOf] = (("config", "typed_config"),)

    name: str = ""
    config: Struct | None = None
    typed_config: Struct | None = None


class JsonPathSegment(Api, frozen=True):
    """A step into a JSON document."""

    key: str | None = None


class JsonKey(Api, frozen=True):
    """Where in a JSON document a value is."""

    path: List[JsonPathSegment] = ()


class HealthResponseMatch(Api, frozen=True):
    """A condition on a header or the body of the answer."""

    ONE_OF: ClassVar[OneOf] = (("header", "body"),)

    json_key: JsonKey | None = None
    ignore_error_on_parse: bool = False
    header: str | None = None
    body: Empty | None = None
    regex: str = ""


class HealthResponseMatcher(Api, frozen=True):
    """A condition on the answer, and what it means."""

    response_match: HealthResponseMatch | None = None
    match_health: HealthCheckResult = "default"


class ResponseAssertions(Api, frozen=True):
    """What answers mean."""

    response_matchers: List[HealthResponseMatcher] = ()
    no_match_health: HealthCheckResult = "default"


class HttpHealthCheck(Api, frozen=True):
    """Asks for a path."""

    host: str = ""
    path: str = ""
    service_name: str = ""
    request_headers_to_add: List[HeaderValueOption] = ()
    request_headers_to_remove: List[str] = ()
    use_http2: bool = False
    expected_statuses: List[Int64Range] = ()
    response_assertions: ResponseAssertions | None = None
    method: RequestMethod = "METHOD_UNSPECIFIED"


class HealthCheck(Api, frozen=True):
    """How endpoints are asked whether they are well."""

    ONE_OF: ClassVar[OneOf] = (("http_health_check", "tcp_health_check", "grpc_health_check", "custom_health_check"),)

    timeout: Duration | None = None
    interval: Duration | None = None
    initial_jitter: Duration | None = None
    interval_jitter: Duration | None = None
    interval_jitter_percent: UInt32 = 0
    unhealthy_threshold: UInt32 | None = None
    healthy_threshold: UInt32 | None = None
    reuse_connection: bool | None = None
    http_health_check: HttpHealthCheck | None = None
    tcp_health_check: TcpHealthCheck | None = None
    grpc_health_check: GrpcHealthCheck | None = None
    custom_health_check: CustomHealthCheck | None = None
    no_traffic_interval: Duration | None = None
    unhealthy_interval: Duration | None = None
    unhealthy_edge_interval: Duration | None = None
    healthy_edge_interval: Duration | None = None
    event_log_path: str = ""
    always_log_health_check_failures: bool = False


class OutlierDetection(Api, frozen=True):
    """Endpoints whose answers are bad are left alone for a while."""

    consecutive_5xx: UInt32 | None = field(default=None, name="consecutive5xx")
    interval: Duration | None = None
    base_ejection_time: Duration | None = None
    max_ejection_percent: UInt32 | None = None
    enforcing_consecutive_5xx: UInt32 | None = field(default=None, name="enforcingConsecutive5xx")
    enforcing_success_rate: UInt32 | None = None
    success_rate_minimum_hosts: UInt32 | None = None
    success_rate_request_volume: UInt32 | None = None
    success_rate_stdev_factor: UInt32 | None = None
    consecutive_gateway_failure: UInt32 | None = None
    enforcing_consecutive_gateway_failure: UInt32 | None = None
    split_external_local_origin_errors: bool = False
    consecutive_local_origin_failure: UInt32 | None = None
    enforcing_consecutive_local_origin_failure: UInt32 | None = None
    enforcing_local_origin_success_rate: UInt32 | None = None
