"""The rules that Gateway API's CRDs state in CEL: what an API server refuses, a folder refuses too.

Each rule is a function from a resource to (field, what is wrong). They follow the `XValidation` markers of Gateway API
v1.6 (apis/v1/*_types.go), in our own words.
"""

import re
from collections.abc import Iterable, Iterator

from daemun.api.auth_policy import AuthPolicy
from daemun.api.auth_rules import auth_policy
from daemun.api.core import EndpointSlice
from daemun.api.filters import HTTPPathModifier, RouteFilter, SessionPersistence
from daemun.api.gateway import Gateway, GatewaySpec, Listener
from daemun.api.gloo.oneof import one_of_each
from daemun.api.gloo.resource import GlooResource
from daemun.api.listenerset import ListenerSet
from daemun.api.meta import BackendObjectReference, ParentReference, Resource
from daemun.api.policy import BackendTLSPolicy
from daemun.api.policy_rules import backend_tls
from daemun.api.rate_limit_policy import RateLimitPolicy, rate_limit_policy
from daemun.api.routes import (
    GRPCMethodMatch,
    GRPCRoute,
    GRPCRouteSpec,
    HTTPBackendRef,
    HTTPPathMatch,
    HTTPRoute,
    HTTPRouteMatch,
    HTTPRouteRule,
    RouteSpec,
)
from daemun.api.stream_rules import stream_rules
from daemun.api.streams import StreamRouteSpec, TCPRoute, TLSRoute, UDPRoute
from daemun.base.addresses import is_ip
from daemun.base.durations import milliseconds

Broken = tuple[str, str]

_PATH = re.compile(r"(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+")
_HOSTNAME = re.compile(r"(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_GRPC_SERVICE = re.compile(r"\.?[a-z_][a-z_0-9]*(\.[a-z_][a-z_0-9]*)*", re.IGNORECASE)
_GRPC_METHOD = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_FORBIDDEN_IN_PATH = ("//", "/./", "/../", "%2f", "%2F", "#")
_FIELD_OF = {
    "RequestHeaderModifier": "request_header_modifier",
    "ResponseHeaderModifier": "response_header_modifier",
    "RequestMirror": "request_mirror",
    "RequestRedirect": "request_redirect",
    "URLRewrite": "url_rewrite",
    "CORS": "cors",
    "ExternalAuth": "external_auth",
    "ExtensionRef": "extension_ref",
}
_REPEATABLE = {"RequestMirror", "ExtensionRef"}
_GRPC_FILTERS = {"RequestHeaderModifier", "ResponseHeaderModifier", "RequestMirror", "ExtensionRef"}
_MAX_MATCHES = 128


def broken_rules(value: Resource, version: str = "v1") -> Iterator[Broken]:
    """What an API server would refuse about this resource in this version, beyond types, patterns and bounds."""
    match value:
        case Gateway():
            yield from _gateway(value.spec)
        case ListenerSet():
            yield from _listeners(value.spec.listeners)
        case HTTPRoute():
            yield from _parents(value.spec)
            for at, rule in enumerate(value.spec.rules):
                yield from _http_rule(f"spec.rules[{at}]", rule)
            yield from _few_matches(len(rule.matches) for rule in value.spec.rules)
            yield from _unique_names(rule.name for rule in value.spec.rules)
        case GRPCRoute():
            yield from _grpc_route(value.spec)
        case TLSRoute() | TCPRoute() | UDPRoute():
            yield from _stream_route(value.spec)
            yield from stream_rules(value, version)
        case BackendTLSPolicy():
            yield from backend_tls(value.spec)
        case AuthPolicy():
            yield from auth_policy(value.spec)
        case RateLimitPolicy():
            yield from rate_limit_policy(value.spec)
        case EndpointSlice():
            yield from _addresses(value)
        case GlooResource():
            yield from one_of_each(value)
        case _:
            pass


def _gateway(spec: GatewaySpec) -> Iterator[Broken]:
    yield from _listeners(spec.listeners)
    for at, address in enumerate(spec.addresses):
        where = f"spec.addresses[{at}].value"
        if not address.value:
            continue
        if address.type == "IPAddress" and not is_ip(address.value):
            yield where, f"{address.value!r} is not an IP address"
        if address.type == "Hostname" and not _HOSTNAME.fullmatch(address.value):
            yield where, f"{address.value!r} is not a hostname"
    given = [(address.type, address.value) for address in spec.addresses if address.value]
    if len(given) != len(set(given)):
        yield "spec.addresses", "the same address twice"
    frontend = spec.tls.frontend if spec.tls else None
    ports = [entry.port for entry in frontend.per_port] if frontend else []
    if len(ports) != len(set(ports)):
        yield "spec.tls.frontend.perPort", "the same port twice"


def _listeners(listeners: tuple[Listener, ...]) -> Iterator[Broken]:
    names: set[str] = set()
    triples: set[tuple[int, str, str | None]] = set()
    for at, listener in enumerate(listeners):
        where = f"spec.listeners[{at}]"
        yield from _listener(where, listener)
        if listener.name in names:
            yield f"{where}.name", f"a second listener named {listener.name!r}"
        names.add(listener.name)
        triple = (listener.port, listener.protocol, listener.hostname)
        if triple in triples:
            yield where, "a second listener with the same port, protocol and hostname"
        triples.add(triple)


def _listener(where: str, listener: Listener) -> Iterator[Broken]:
    tls, protocol = listener.tls, listener.protocol
    if tls is not None and protocol in {"HTTP", "TCP", "UDP"}:
        yield f"{where}.tls", f"must not be set for protocol {protocol}"
    if tls is not None and protocol == "HTTPS" and tls.mode != "Terminate":
        yield f"{where}.tls.mode", "must be Terminate for protocol HTTPS"
    if tls is None and protocol == "TLS":
        yield f"{where}.tls", "must be set for protocol TLS"
    if listener.hostname and protocol in {"TCP", "UDP"}:
        yield f"{where}.hostname", f"must not be set for protocol {protocol}"
    if listener.hostname and not _HOSTNAME.fullmatch(listener.hostname):
        yield f"{where}.hostname", f"{listener.hostname!r} is not a hostname (lower case, perhaps starting with '*.')"
    if tls is not None and tls.mode == "Terminate" and not tls.certificate_refs and not tls.options:
        yield f"{where}.tls.certificateRefs", "must be given when mode is Terminate"


def _grpc_route(spec: GRPCRouteSpec) -> Iterator[Broken]:
    yield from _parents(spec)
    for at, rule in enumerate(spec.rules):
        where = f"spec.rules[{at}]"
        for index, match in enumerate(rule.matches):
            if match.method is not None:
                yield from _grpc_method(f"{where}.matches[{index}].method", match.method)
        yield from _session(where, rule.session_persistence)
        yield from _filters(where, rule.filters, _GRPC_FILTERS)
        yield from _backends(where, rule.backend_refs, _GRPC_FILTERS)
    yield from _few_matches(len(rule.matches) for rule in spec.rules)
    yield from _unique_names(rule.name for rule in spec.rules)


def _stream_route(spec: StreamRouteSpec) -> Iterator[Broken]:
    yield from _parents(spec)
    for at, rule in enumerate(spec.rules):
        for index, ref in enumerate(rule.backend_refs):
            yield from _service_port(f"spec.rules[{at}].backendRefs[{index}]", ref)
    yield from _unique_names(rule.name for rule in spec.rules)


def _parents(spec: RouteSpec) -> Iterator[Broken]:
    by_parent: dict[tuple[str, str, str | None, str], list[ParentReference]] = {}
    for parent in spec.parent_refs:
        by_parent.setdefault((parent.group, parent.kind, parent.namespace, parent.name), []).append(parent)
    for parents in by_parent.values():
        places = [(parent.section_name, parent.port) for parent in parents]
        if len(places) != len(set(places)):
            yield "spec.parentRefs", f"{parents[0].name!r} is named twice; sectionName or port must differ"
        elif len(places) > 1 and (None, None) in places:
            yield (
                "spec.parentRefs",
                f"{parents[0].name!r} is named several times, but not always with sectionName or port",
            )


def _addresses(value: EndpointSlice) -> Iterator[Broken]:
    if value.address_type == "FQDN":
        return
    for at, endpoint in enumerate(value.endpoints):
        for index, address in enumerate(endpoint.addresses):
            if not is_ip(address):
                yield f"endpoints[{at}].addresses[{index}]", f"{address!r} is not an IP address"


def _few_matches(counts: Iterable[int]) -> Iterator[Broken]:
    if sum(counts) > _MAX_MATCHES:
        yield "spec.rules", f"more than {_MAX_MATCHES} matches in all"


def _session(where: str, session: SessionPersistence | None) -> Iterator[Broken]:
    if session is None or session.cookie_config is None:
        return
    here = f"{where}.sessionPersistence"
    if session.type != "Cookie":
        yield f"{here}.cookieConfig", f"must not be set for type {session.type}"
    if session.cookie_config.lifetime_type == "Permanent" and session.absolute_timeout is None:
        yield f"{here}.absoluteTimeout", "must be given when the cookie's lifetimeType is Permanent"


def _unique_names(names: Iterable[str | None]) -> Iterator[Broken]:
    given = [name for name in names if name is not None]
    if len(given) != len(set(given)):
        yield "spec.rules", "two rules have the same name"


def _http_rule(where: str, rule: HTTPRouteRule) -> Iterator[Broken]:
    for at, match in enumerate(rule.matches):
        yield from path_rules(f"{where}.matches[{at}].path.value", match.path)
        yield from _unique_headers(f"{where}.matches[{at}]", match)
    yield from _filters(where, rule.filters, set(_FIELD_OF))
    yield from _backends(where, rule.backend_refs, set(_FIELD_OF))
    if rule.backend_refs and any(use.type == "RequestRedirect" for use in rule.filters):
        yield f"{where}.backendRefs", "must not be given together with a RequestRedirect filter"
    every = [*rule.filters, *(use for backend in rule.backend_refs for use in backend.filters)]
    if any(_replaces_prefix(use) for use in every) and not _one_prefix(rule.matches):
        yield where, "ReplacePrefixMatch needs exactly one match, of type PathPrefix"
    yield from _session(where, rule.session_persistence)
    timeouts = rule.timeouts
    if timeouts and timeouts.request and timeouts.backend_request:
        whole, each = milliseconds(timeouts.request), milliseconds(timeouts.backend_request)
        if whole and each > whole:
            yield f"{where}.timeouts.backendRequest", "is longer than timeouts.request"


def _one_prefix(matches: tuple[HTTPRouteMatch, ...]) -> bool:
    return len(matches) == 1 and matches[0].path.type == "PathPrefix"


def _replaces_prefix(use: RouteFilter) -> bool:
    changed = (use.request_redirect, use.url_rewrite)
    return any(one and one.path and one.path.replace_prefix_match is not None for one in changed)


def path_rules(where: str, path: HTTPPathMatch) -> Iterator[Broken]:
    """What is wrong with the path of a match."""
    if path.type == "RegularExpression":
        return
    if not path.value.startswith("/"):
        yield where, f"{path.value!r} must start with '/'"
    for text in _FORBIDDEN_IN_PATH:
        if text in path.value:
            yield where, f"must not contain {text!r}"
    if path.value.endswith(("/..", "/.")):
        yield where, "must not end with '/..' or '/.'"
    if not _PATH.fullmatch(path.value):
        yield where, f"{path.value!r} has characters that do not belong in a path"


def _unique_headers(where: str, match: HTTPRouteMatch) -> Iterator[Broken]:
    for field, names in (
        ("headers", [header.name.lower() for header in match.headers]),
        ("queryParams", [param.name for param in match.query_params]),
    ):
        if len(names) != len(set(names)):
            yield f"{where}.{field}", "the same name twice"


def _filters(where: str, filters: tuple[RouteFilter, ...], allowed: set[str]) -> Iterator[Broken]:
    seen: set[str] = set()
    for at, use in enumerate(filters):
        here = f"{where}.filters[{at}]"
        if use.type not in allowed:
            yield f"{here}.type", f"{use.type} is not a filter of this kind of route"
        for kind, field in _FIELD_OF.items():
            if (getattr(use, field) is not None) != (kind == use.type):
                what = "its own field must be set" if kind == use.type else f"{kind} must not be set"
                yield here, f"type is {use.type}: {what}"
        if use.type in seen and use.type not in _REPEATABLE:
            yield here, f"a second {use.type} filter"
        seen.add(use.type)
        yield from _one_filter(here, use)
    if {"RequestRedirect", "URLRewrite"} <= seen:
        yield f"{where}.filters", "RequestRedirect and URLRewrite cannot be used together"


def _one_filter(where: str, use: RouteFilter) -> Iterator[Broken]:
    if use.request_mirror:
        if use.request_mirror.percent is not None and use.request_mirror.fraction is not None:
            yield f"{where}.requestMirror", "give percent or fraction, not both"
        fraction = use.request_mirror.fraction
        if fraction and fraction.numerator > fraction.denominator:
            yield f"{where}.requestMirror.fraction", "the numerator is above the denominator"
        yield from _service_port(f"{where}.requestMirror.backendRef", use.request_mirror.backend_ref)
    for field, changed in (("requestRedirect", use.request_redirect), ("urlRewrite", use.url_rewrite)):
        if changed and changed.path:
            yield from _modifier(f"{where}.{field}.path", changed.path)
    if use.cors:
        for field, values in (
            ("allowOrigins", use.cors.allow_origins),
            ("allowMethods", use.cors.allow_methods),
            ("allowHeaders", use.cors.allow_headers),
        ):
            if "*" in values and len(values) > 1:
                yield f"{where}.cors.{field}", "'*' cannot stand with others"
    if use.external_auth:
        auth = use.external_auth
        if (auth.protocol == "GRPC") != (auth.grpc is not None) or (auth.protocol == "HTTP") != (auth.http is not None):
            yield f"{where}.externalAuth", f"protocol is {auth.protocol}: set just the field {auth.protocol.lower()}"
        yield from _service_port(f"{where}.externalAuth.backendRef", auth.backend_ref)


def _modifier(where: str, path: HTTPPathModifier) -> Iterator[Broken]:
    full = path.type == "ReplaceFullPath"
    if full != (path.replace_full_path is not None) or full == (path.replace_prefix_match is not None):
        yield where, f"type is {path.type}: set just the field of that name"


def _backends(where: str, backends: tuple[HTTPBackendRef, ...], allowed: set[str]) -> Iterator[Broken]:
    for at, backend in enumerate(backends):
        yield from _service_port(f"{where}.backendRefs[{at}]", backend)
        yield from _filters(f"{where}.backendRefs[{at}]", backend.filters, allowed)


def _service_port(where: str, ref: BackendObjectReference) -> Iterator[Broken]:
    if not ref.group and ref.kind == "Service" and ref.port is None:
        yield f"{where}.port", "must be given for a Service"


def _grpc_method(where: str, method: GRPCMethodMatch) -> Iterator[Broken]:
    if not method.service and not method.method:
        yield where, "service or method must be given"
    if method.type == "Exact":
        if method.service and not _GRPC_SERVICE.fullmatch(method.service):
            yield f"{where}.service", f"{method.service!r} is not the name of a gRPC service"
        if method.method and not _GRPC_METHOD.fullmatch(method.method):
            yield f"{where}.method", f"{method.method!r} is not the name of a gRPC method"
