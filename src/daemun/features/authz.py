"""Envoy's ext_authz, asked over gRPC or HTTP: what those who configure it have in common."""

from collections.abc import Iterable

from envoy.config.core.v3 import base_pb2 as base_v3
from envoy.config.core.v3 import http_uri_pb2
from envoy.extensions.filters.http.ext_authz.v3 import ext_authz_pb2 as authz_v3
from envoy.type.matcher.v3 import string_pb2

from daemun.base.framing import REGEX
from daemun.features.grpc_services import asked_again, lasts


def over_grpc(cluster: str, milliseconds: int, authority: str = "") -> authz_v3.ExtAuthz:
    """The filter that asks a gRPC server. Whatever goes wrong, the request does not pass."""
    config = authz_v3.ExtAuthz(failure_mode_allow=False, transport_api_version="V3")
    _bounded(config)
    config.grpc_service.envoy_grpc.cluster_name = cluster
    config.grpc_service.envoy_grpc.authority = authority
    lasts(config.grpc_service.timeout, milliseconds)
    return config


def again(milliseconds: int) -> base_v3.RetryPolicy:
    """What a server was asked in vain it is asked again: one that ends cancels what it has not begun to answer."""
    return asked_again("reset,connect-failure,refused-stream,unavailable,cancelled", milliseconds)


def over_http(cluster: str, milliseconds: int, prefix: str) -> authz_v3.ExtAuthz:
    """The filter that asks an HTTP server."""
    config = authz_v3.ExtAuthz(failure_mode_allow=False, transport_api_version="V3")
    _bounded(config)
    service = config.http_service
    service.server_uri.CopyFrom(http_uri_pb2.HttpUri(uri="http://external-auth", cluster=cluster))
    lasts(service.server_uri.timeout, milliseconds)
    if prefix.strip("/"):
        service.path_prefix = f"/{prefix.strip('/')}"
    return config


def by_name(patterns: string_pb2.ListStringMatcher, headers: Iterable[str]) -> None:
    """Add headers by their names."""
    for one in headers:
        patterns.patterns.add(exact=one.lower(), ignore_case=True)


def _bounded(config: authz_v3.ExtAuthz) -> None:
    """What a server says of headers is done, but it begins no other header, and does not say where a request ends."""
    config.validate_mutations = True
    rules = config.decoder_header_mutation_rules
    rules.allow_all_routing.value = rules.allow_envoy.value = True
    rules.disallow_expression.regex = REGEX
