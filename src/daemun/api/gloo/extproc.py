"""Requests and responses that a gRPC service may change."""

from typing import ClassVar, Literal, TypeAlias

from daemun.api.gloo.common import (
    FilterStage,
    GrpcRetryPolicy,
    HeaderValue,
    ListStringMatcher,
    RegexMatcher,
    ResourceRef,
)
from daemun.api.gloo.scalars import Duration, OneOf, Struct
from daemun.api.meta import Api, List

HeaderSendMode: TypeAlias = Literal["DEFAULT", "SEND", "SKIP"]
BodySendMode: TypeAlias = Literal["NONE", "STREAMED", "BUFFERED", "BUFFERED_PARTIAL"]


class HeaderMutationRules(Api, frozen=True):
    """Which headers the service may change."""

    allow_all_routing: bool | None = None
    allow_envoy: bool | None = None
    disallow_system: bool | None = None
    disallow_all: bool | None = None
    allow_expression: RegexMatcher | None = None
    disallow_expression: RegexMatcher | None = None
    disallow_is_error: bool | None = None


class ProcessingMode(Api, frozen=True):
    """Which parts of requests and responses the service sees."""

    request_header_mode: HeaderSendMode = "DEFAULT"
    response_header_mode: HeaderSendMode = "DEFAULT"
    request_body_mode: BodySendMode = "NONE"
    response_body_mode: BodySendMode = "NONE"
    request_trailer_mode: HeaderSendMode = "DEFAULT"
    response_trailer_mode: HeaderSendMode = "DEFAULT"


class ExtProcGrpcService(Api, frozen=True):
    """The service."""

    ext_proc_server_ref: ResourceRef | None = None
    authority: str | None = None
    retry_policy: GrpcRetryPolicy | None = None
    timeout: Duration | None = None
    initial_metadata: List[HeaderValue] = ()


class HeaderForwardingRules(Api, frozen=True):
    """Which headers the service sees."""

    allowed_headers: ListStringMatcher | None = None
    disallowed_headers: ListStringMatcher | None = None


class ExtProcOverrides(Api, frozen=True):
    """What is otherwise for a route."""

    processing_mode: ProcessingMode | None = None
    async_mode: bool | None = None
    request_attributes: List[str] = ()
    response_attributes: List[str] = ()
    grpc_service: ExtProcGrpcService | None = None
    metadata_context_namespaces: List[str] = ()
    typed_metadata_context_namespaces: List[str] = ()


class ExtProcRouteSettings(Api, frozen=True):
    """Not for this route, or otherwise."""

    ONE_OF: ClassVar[OneOf] = (("disabled", "overrides"),)

    disabled: bool | None = None
    overrides: ExtProcOverrides | None = None


class ExtProcSettings(Api, frozen=True):
    """External processing of a listener."""

    grpc_service: ExtProcGrpcService | None = None
    filter_stage: FilterStage | None = None
    failure_mode_allow: bool | None = None
    processing_mode: ProcessingMode | None = None
    async_mode: bool | None = None
    request_attributes: List[str] = ()
    response_attributes: List[str] = ()
    message_timeout: Duration | None = None
    stat_prefix: str | None = None
    mutation_rules: HeaderMutationRules | None = None
    max_message_timeout: Duration | None = None
    disable_clear_route_cache: bool | None = None
    forward_rules: HeaderForwardingRules | None = None
    filter_metadata: Struct | None = None
    allow_mode_override: bool | None = None
    metadata_context_namespaces: List[str] = ()
    typed_metadata_context_namespaces: List[str] = ()
