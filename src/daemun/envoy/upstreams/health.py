"""Endpoints that are asked whether they are well."""

from collections.abc import Iterable
from typing import Any

import msgspec
from envoy.config.core.v3 import base_pb2, health_check_pb2
from envoy.extensions.health_check.event_sinks.file.v3 import file_pb2
from envoy.type.v3 import http_pb2
from google.protobuf import json_format

from daemun.api.gloo.health import (
    CustomHealthCheck,
    GrpcHealthCheck,
    HealthCheck,
    HttpHealthCheck,
    TcpHealthCheck,
)
from daemun.api.gloo.routing import HeaderValueOption
from daemun.api.gloo.upstream import UpstreamSpec
from daemun.base import wire
from daemun.envoy.upstreams.family import Draft, Family, Fault, fill
from daemun.gloo.served.fields import Fields
from daemun.gloo.upstreams.upstream import ResolvedUpstream

_NAME = wire.tag(27)
"""HealthCheck.name: Envoy 1.40 wants one for each of several, and its generated messages do not have it yet."""
_APART: dict[str, object] = dict.fromkeys(
    ("httpHealthCheck", "tcpHealthCheck", "grpcHealthCheck", "customHealthCheck", "eventLogPath")
)
"""The fields of a check that Envoy has in another shape."""


def _names(message: type[msgspec.Struct], *but: str) -> tuple[str, ...]:
    return tuple(field.encode_name for field in msgspec.structs.fields(message) if field.encode_name not in but)


class Health(Family):
    """`healthChecks` and `ignoreHealthOnHostRemoval`."""

    serves = (
        Fields(UpstreamSpec, ("healthChecks", "ignoreHealthOnHostRemoval")),
        Fields(HealthCheck, _names(HealthCheck)),
        Fields(
            HttpHealthCheck,
            _names(HttpHealthCheck, "responseAssertions"),
            {"responseAssertions": "Envoy reads the status of an answer, not what is in it"},
        ),
        Fields(TcpHealthCheck, _names(TcpHealthCheck)),
        Fields(GrpcHealthCheck, _names(GrpcHealthCheck)),
        Fields(
            CustomHealthCheck,
            ("name", "typedConfig"),
            {"config": "Envoy takes it by its type only; write `typedConfig`"},
        ),
    )
    places = (("healthChecks", "spec.healthChecks"),)

    def faults(self, upstream: ResolvedUpstream) -> Iterable[Fault]:
        """What Envoy cannot read."""
        for index, check in enumerate(upstream.spec.health_checks):
            where = f"spec.healthChecks[{index}]"
            custom = check.custom_health_check
            if custom is not None and custom.typed_config is not None:
                try:
                    fill(health_check_pb2.HealthCheck.CustomHealthCheck(), custom, config=None)
                except json_format.ParseError as error:
                    yield f"{where}.customHealthCheck.typedConfig", f"cannot be read: {error}", ""
            tcp = check.tcp_health_check or TcpHealthCheck()
            for payload in (*tcp.receive, *([tcp.send] if tcp.send else [])):
                try:
                    bytes.fromhex(payload.text or "")
                except ValueError:
                    yield f"{where}.tcpHealthCheck", f"{payload.text!r} is not hexadecimal", "Write pairs of 0-9, a-f."
            if check.grpc_health_check is not None and not upstream.spec.use_http2:
                text = "is made by HTTP/2, which the Upstream does not say it speaks"
                yield f"{where}.grpcHealthCheck", text, "Set useHttp2."
            for headers in _headers_of(check):
                if any(one.header_secret_ref is not None for one in headers):
                    text = "headers of health checks cannot come from a Secret"
                    yield where, text, "Write the header, or leave it out."

    def on_cluster(self, spec: UpstreamSpec, draft: Draft) -> None:
        """Endpoints that are gone are left at once, well or not, unless they are to be kept while they are well."""
        wanted = spec.ignore_health_on_host_removal
        draft.cluster.ignore_health_on_host_removal = True if wanted is None else wanted
        for index, check in enumerate(spec.health_checks):
            proto = draft.cluster.health_checks.add()
            if len(spec.health_checks) > 1:
                proto.MergeFromString(wire.delimited(_NAME, str(index).encode()))
            fill(proto, check, **_APART)
            _kind(check, proto)
            if check.event_log_path:
                sink = proto.event_logger.add(name="file")
                sink.typed_config.Pack(
                    file_pb2.HealthCheckEventFileSink(event_log_path=check.event_log_path), deterministic=True
                )


def _headers_of(check: HealthCheck) -> Iterable[Iterable[HeaderValueOption]]:
    if check.http_health_check is not None:
        yield check.http_health_check.request_headers_to_add
    if check.grpc_health_check is not None:
        yield check.grpc_health_check.initial_metadata


def _kind(check: HealthCheck, proto: health_check_pb2.HealthCheck) -> None:
    if check.http_health_check is not None:
        _http(check.http_health_check, proto.http_health_check)
    elif check.tcp_health_check is not None:
        fill(proto.tcp_health_check, check.tcp_health_check)
    elif check.grpc_health_check is not None:
        fill(proto.grpc_health_check, check.grpc_health_check, initialMetadata=None)
        _headers(check.grpc_health_check.initial_metadata, proto.grpc_health_check.initial_metadata)
    elif check.custom_health_check is not None:
        fill(proto.custom_health_check, check.custom_health_check, config=None)


def _http(wanted: HttpHealthCheck, proto: health_check_pb2.HealthCheck.HttpHealthCheck) -> None:
    apart = ("requestHeadersToAdd", "serviceName", "useHttp2", "responseAssertions")
    fill(proto, wanted, **dict.fromkeys(apart))
    _headers(wanted.request_headers_to_add, proto.request_headers_to_add)
    if wanted.service_name:
        proto.service_name_matcher.prefix = wanted.service_name
    if wanted.use_http2:
        proto.codec_client_type = http_pb2.HTTP2


def _headers(wanted: Iterable[HeaderValueOption], protos: Any) -> None:
    for one in wanted:
        if one.header is not None:
            proto = protos.add()
            proto.header.key, proto.header.value = one.header.key, one.header.value
            if one.append is False:
                proto.append_action = base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
