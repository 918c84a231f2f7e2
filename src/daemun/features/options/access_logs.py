"""accessLoggingService and listenerAccessLoggingService: which requests and connections are logged, and where to
(Gloo, AccessLoggingService)."""

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from envoy.config.accesslog.v3 import accesslog_pb2 as log_v3
from envoy.config.core.v3 import grpc_service_pb2
from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.extensions.access_loggers.file.v3 import file_pb2
from envoy.extensions.access_loggers.grpc.v3 import als_pb2
from envoy.type.v3 import percent_pb2
from google.protobuf import json_format
from google.protobuf.message import Message

from daemun.api.gloo.access_log import AccessLog, AccessLogFilter, AccessLogGrpcService, ComparisonFilter, FileSink
from daemun.api.gloo.access_log import AccessLoggingService as Spec
from daemun.api.gloo.common import EnvoyHeaderMatcher, ResourceRef
from daemun.features.constraints import broken
from daemun.features.drafts import ListenerDraft, Making, ManagerDraft
from daemun.features.feature import Fault, Feature, Scene
from daemun.features.formats import format_faults, nested_faults
from daemun.features.one_line import one_line
from daemun.features.printable import control_faults
from daemun.features.regexes import regex_faults
from daemun.ir.route import Use

_RUNTIME = "daemun.access_log"
"""Envoy wants a name under which its runtime could override a number."""
_DEEP = 8
"""How deep filters may be within filters."""


class AccessLogging(Feature[Spec]):
    """Access logs of files and of gRPC services, for requests."""

    kind: ClassVar = "accessLoggingService"

    def faults(self, spec: Spec, where: str) -> Iterable[Fault]:
        """Logs without a place, and filters that cannot be."""
        for index, one in enumerate(spec.access_log):
            at = f"{where}.accessLog[{index}]"
            if one.file_sink is None and one.grpc_service is None:
                yield at, "goes nowhere", "Set fileSink or grpcService."
            if one.file_sink is not None and not one.file_sink.path:
                yield f"{at}.fileSink.path", "is missing", "Name a file, such as /dev/stdout."
            elif one.file_sink is not None:  # of a name with a NUL the file that is called as what stands before it
                yield from control_faults(one.file_sink.path, f"{at}.fileSink.path")
            if one.file_sink is not None:
                yield from format_faults(one.file_sink.string_format or "", f"{at}.fileSink.stringFormat")
                yield from nested_faults(one.file_sink.json_format, f"{at}.fileSink.jsonFormat")
            if one.filter is not None:
                found = list(_filter_faults(one.filter, f"{at}.filter"))
                yield from found or _bounds(one.filter, f"{at}.filter")

    def omits(self, spec: Spec, where: str) -> Iterable[Fault]:
        """gRPC services that are no Upstream."""
        for index, one in enumerate(spec.access_log):
            if one.grpc_service is not None and _upstream(one.grpc_service) is None:
                at = f"{where}.accessLog[{index}].grpcService.staticClusterName"
                text = "is not served: it names a cluster of Envoy's bootstrap, and Daemun's has none"
                yield at, text, "Make an Upstream of it, and name it as Gloo names its cluster: NAME_NAMESPACE."

    def upstreams(self, spec: Spec) -> Iterable[tuple[str, Any]]:
        """The Upstreams of gRPC services, by the names that Gloo gives their clusters."""
        for index, one in enumerate(spec.access_log):
            ref = _upstream(one.grpc_service) if one.grpc_service is not None else None
            if ref is not None:
                yield f"accessLog[{index}].grpcService.staticClusterName", ref

    def does(self, spec: Spec, use: Use, scene: Scene) -> str:
        """Where requests are logged."""
        del use, scene
        places = [one.file_sink.path for one in spec.access_log if one.file_sink is not None]
        places += [
            one.grpc_service.static_cluster_name or "" for one in spec.access_log if one.grpc_service is not None
        ]
        return f"logs to {', '.join(places)}" if places else "logs nothing"

    def on_manager(self, spec: Spec, use: Use, draft: ManagerDraft) -> None:
        """A line for each request."""
        draft.proto.access_log.extend(_logs(spec, use, draft, als_pb2.HttpGrpcAccessLogConfig))


class ListenerAccessLogging(AccessLogging):
    """The same for connections: also for those of which no request came."""

    kind: ClassVar = "listenerAccessLoggingService"
    on_manager = Feature.on_manager

    def on_listener(self, spec: Spec, use: Use, draft: ListenerDraft) -> None:
        """A line for each connection that no request came of."""
        draft.proto.access_log.extend(_logs(spec, use, draft, als_pb2.TcpGrpcAccessLogConfig))


def _upstream(service: AccessLogGrpcService) -> ResourceRef | None:
    """The Upstream whose cluster Gloo calls so. Names in Kubernetes have no underscore."""
    name, _, namespace = (service.static_cluster_name or "").rpartition("_")
    return ResourceRef(name, namespace) if name and namespace and "_" not in name else None


def _logs(spec: Spec, use: Use, draft: Making, grpc: type[Any]) -> Iterator[log_v3.AccessLog]:
    backends = iter(use.backends)
    for one in spec.access_log:
        config: Message | None = None
        if one.file_sink is not None:
            config = _file(one.file_sink)
        elif one.grpc_service is not None and _upstream(one.grpc_service) is not None:
            backend = next(backends, None)
            config = _grpc(one.grpc_service, draft.cluster(backend), grpc) if backend is not None else None
        if config is not None:
            yield _log(one, config)


def _log(one: AccessLog, config: Message) -> log_v3.AccessLog:
    name = "file" if isinstance(config, file_pb2.FileAccessLog) else "http_grpc"
    if isinstance(config, als_pb2.TcpGrpcAccessLogConfig):
        name = "tcp_grpc"
    log = log_v3.AccessLog(name=f"envoy.access_loggers.{name}")
    log.typed_config.Pack(config, deterministic=True)
    if one.filter is not None:
        log.filter.CopyFrom(_filter(one.filter))
    return log


def _file(sink: FileSink) -> file_pb2.FileAccessLog:
    """To a file. A format that is empty is Envoy's own, as with Gloo."""
    config = file_pb2.FileAccessLog(path=sink.path)
    if sink.string_format:
        config.log_format.text_format_source.inline_string = one_line(sink.string_format)
    elif sink.json_format is not None:
        json_format.ParseDict(sink.json_format, config.log_format.json_format)
    return config


def _grpc(service: AccessLogGrpcService, cluster: str, of: type[Any]) -> Message:
    made: Message = of()
    config: Any = made
    common = config.common_config
    common.log_name = service.log_name or "daemun"
    common.transport_api_version = 2  # V3
    common.grpc_service.CopyFrom(grpc_service_pb2.GrpcService(envoy_grpc={"cluster_name": cluster}))
    common.filter_state_objects_to_log.extend(service.filter_state_objects_to_log)
    if isinstance(config, als_pb2.HttpGrpcAccessLogConfig):
        config.additional_request_headers_to_log.extend(service.additional_request_headers_to_log)
        config.additional_response_headers_to_log.extend(service.additional_response_headers_to_log)
        config.additional_response_trailers_to_log.extend(service.additional_response_trailers_to_log)
    return made


def _bounds(spec: AccessLogFilter, where: str) -> Iterator[Fault]:
    """What Envoy's own rules say of a filter, and of those within it, such as that it knows no such flag."""
    for path, text in broken(_filter(spec)):
        yield f"{where}.{path}", text, "Change it."


def _filter_faults(spec: AccessLogFilter, where: str, depth: int = 0) -> Iterator[Fault]:
    if depth > _DEEP:
        yield where, "is nested too deep", f"Use at most {_DEEP} filters within each other."
        return
    if spec.header_filter is not None:
        at = f"{where}.headerFilter.header"
        header = spec.header_filter.header
        if header is None or not header.name:
            yield at, "names no header", "Name it."
        elif header.safe_regex_match is not None:
            yield from regex_faults(header.safe_regex_match.regex, f"{at}.safeRegexMatch.regex")
    for name, both in (("andFilter", spec.and_filter), ("orFilter", spec.or_filter)):
        if both is not None:
            if len(both.filters) < 2:
                yield f"{where}.{name}.filters", "has fewer than two filters", "Use the one by itself."
            for index, inner in enumerate(both.filters):
                yield from _filter_faults(inner, f"{where}.{name}.filters[{index}]", depth + 1)
    if not any(getattr(spec, name) is not None for name in spec.__struct_fields__):
        yield where, "says nothing", "Set one of its fields, or leave it out."


def _filter(spec: AccessLogFilter) -> log_v3.AccessLogFilter:
    made = log_v3.AccessLogFilter()
    if spec.status_code_filter is not None:
        _compare(spec.status_code_filter.comparison, made.status_code_filter.comparison)
    elif spec.duration_filter is not None:
        _compare(spec.duration_filter.comparison, made.duration_filter.comparison)
    elif spec.not_health_check_filter is not None:
        made.not_health_check_filter.SetInParent()
    elif spec.traceable_filter is not None:
        made.traceable_filter.SetInParent()
    elif spec.runtime_filter is not None:
        runtime = spec.runtime_filter
        made.runtime_filter.runtime_key = runtime.runtime_key or _RUNTIME
        made.runtime_filter.use_independent_randomness = runtime.use_independent_randomness
        if runtime.percent_sampled is not None:
            sampled = made.runtime_filter.percent_sampled
            sampled.numerator = runtime.percent_sampled.numerator
            sampled.denominator = percent_pb2.FractionalPercent.DenominatorType.Value(
                runtime.percent_sampled.denominator
            )
    elif spec.and_filter is not None:
        made.and_filter.filters.extend(_filter(one) for one in spec.and_filter.filters)
    elif spec.or_filter is not None:
        made.or_filter.filters.extend(_filter(one) for one in spec.or_filter.filters)
    elif spec.header_filter is not None and spec.header_filter.header is not None:
        made.header_filter.header.CopyFrom(_header(spec.header_filter.header))
    elif spec.response_flag_filter is not None:
        made.response_flag_filter.flags.extend(spec.response_flag_filter.flags)
    elif spec.grpc_status_filter is not None:
        of = log_v3.GrpcStatusFilter.Status
        made.grpc_status_filter.statuses.extend(of.Value(one) for one in spec.grpc_status_filter.statuses)
        made.grpc_status_filter.exclude = spec.grpc_status_filter.exclude
    return made


def _compare(spec: ComparisonFilter | None, made: log_v3.ComparisonFilter) -> None:
    value = spec.value if spec is not None else None
    made.op = log_v3.ComparisonFilter.Op.Value(spec.op if spec is not None else "EQ")
    made.value.default_value = value.default_value if value is not None else 0
    made.value.runtime_key = (value.runtime_key if value is not None else "") or _RUNTIME


def _header(spec: EnvoyHeaderMatcher) -> route_v3.HeaderMatcher:
    made = route_v3.HeaderMatcher(name=spec.name, invert_match=spec.invert_match)
    if spec.exact_match is not None:
        made.string_match.exact = spec.exact_match
    elif spec.safe_regex_match is not None:
        made.string_match.safe_regex.regex = spec.safe_regex_match.regex
    elif spec.prefix_match is not None:
        made.string_match.prefix = spec.prefix_match
    elif spec.suffix_match is not None:
        made.string_match.suffix = spec.suffix_match
    elif spec.range_match is not None:
        made.range_match.start, made.range_match.end = int(spec.range_match.start), int(spec.range_match.end)
    else:
        made.present_match = spec.present_match is not False
    return made
