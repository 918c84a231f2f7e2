"""Access logs, and which requests are logged."""

from typing import ClassVar, Literal, TypeAlias

from daemun.api.gloo.common import Empty, EnvoyHeaderMatcher, FractionalPercent, RuntimeUInt32
from daemun.api.gloo.scalars import OneOf, Struct
from daemun.api.meta import Api, List

ComparisonFilterOp: TypeAlias = Literal["EQ", "GE", "LE"]
GrpcStatusFilterStatus: TypeAlias = Literal[
    "OK",
    "CANCELED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
]


class FileSink(Api, frozen=True):
    """A file, and the form of its lines."""

    ONE_OF: ClassVar[OneOf] = (("string_format", "json_format"),)

    path: str = ""
    string_format: str | None = None
    json_format: Struct | None = None


class AccessLogGrpcService(Api, frozen=True):
    """A gRPC service that takes the log."""

    log_name: str = ""
    static_cluster_name: str | None = None
    additional_request_headers_to_log: List[str] = ()
    additional_response_headers_to_log: List[str] = ()
    additional_response_trailers_to_log: List[str] = ()
    filter_state_objects_to_log: List[str] = ()


class ComparisonFilter(Api, frozen=True):
    """A comparison with a number."""

    op: ComparisonFilterOp = "EQ"
    value: RuntimeUInt32 | None = None


class StatusCodeFilter(Api, frozen=True):
    """Requests by the status of their response."""

    comparison: ComparisonFilter | None = None


class DurationFilter(Api, frozen=True):
    """Requests by how long they took, in milliseconds."""

    comparison: ComparisonFilter | None = None


class RuntimeFilter(Api, frozen=True):
    """A share of the requests."""

    runtime_key: str = ""
    percent_sampled: FractionalPercent | None = None
    use_independent_randomness: bool = False


class HeaderFilter(Api, frozen=True):
    """Requests by a header."""

    header: EnvoyHeaderMatcher | None = None


class ResponseFlagFilter(Api, frozen=True):
    """Requests by Envoy's response flags."""

    flags: List[str] = ()


class GrpcStatusFilter(Api, frozen=True):
    """Requests by their gRPC status."""

    statuses: List[GrpcStatusFilterStatus] = ()
    exclude: bool = False


class OrFilter(Api, frozen=True):
    """Requests that pass one of these."""

    filters: List["AccessLogFilter"] = ()


class AccessLogFilter(Api, frozen=True):
    """Which requests are logged."""

    ONE_OF: ClassVar[OneOf] = (
        (
            "status_code_filter",
            "duration_filter",
            "not_health_check_filter",
            "traceable_filter",
            "runtime_filter",
            "and_filter",
            "or_filter",
            "header_filter",
            "response_flag_filter",
            "grpc_status_filter",
        ),
    )

    status_code_filter: StatusCodeFilter | None = None
    duration_filter: DurationFilter | None = None
    not_health_check_filter: Empty | None = None
    traceable_filter: Empty | None = None
    runtime_filter: RuntimeFilter | None = None
    and_filter: "AndFilter | None" = None
    or_filter: OrFilter | None = None
    header_filter: HeaderFilter | None = None
    response_flag_filter: ResponseFlagFilter | None = None
    grpc_status_filter: GrpcStatusFilter | None = None


class AndFilter(Api, frozen=True):
    """Requests that pass all of these."""

    filters: List[AccessLogFilter] = ()


class AccessLog(Api, frozen=True):
    """One access log."""

    ONE_OF: ClassVar[OneOf] = (("file_sink", "grpc_service"),)

    file_sink: FileSink | None = None
    grpc_service: AccessLogGrpcService | None = None
    filter: AccessLogFilter | None = None


class AccessLoggingService(Api, frozen=True):
    """The access logs of a listener."""

    access_log: List[AccessLog] = ()
