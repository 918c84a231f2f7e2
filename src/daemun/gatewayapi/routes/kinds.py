"""The kinds of routes: a table. Each says how its objects read as rules; everything after that is the same for all."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import msgspec

from daemun.api.filters import HTTPRouteRetry, HTTPRouteTimeouts, RouteFilter, SessionPersistence
from daemun.api.meta import List, Resource
from daemun.api.routes import (
    BackendRef,
    GRPCMethodMatch,
    GRPCRoute,
    GRPCRouteRule,
    HeaderMatch,
    HTTPRoute,
    HTTPRouteMatch,
    HTTPRouteRule,
    RouteSpec,
)
from daemun.api.streams import TCPRoute, TLSRoute, UDPRoute
from daemun.gatewayapi.findings import place
from daemun.gatewayapi.routes.delegations import Inherited
from daemun.ir.backend import Protocol
from daemun.ir.route import Match, PathType, ValueMatch

_PATH_TYPES: Mapping[str, PathType] = MappingProxyType(
    {"Exact": "Exact", "PathPrefix": "Prefix", "RegularExpression": "Regex"}
)


_WITH_HOSTNAMES = (HTTPRoute, GRPCRoute, TLSRoute)
_ROUTES = (*_WITH_HOSTNAMES, TCPRoute, UDPRoute)


class PlainRule(msgspec.Struct, frozen=True, gc=False):
    """A rule of any kind of route, its references not yet resolved."""

    where: str
    name: str
    matches: tuple[Match, ...]
    filters: List[RouteFilter]
    backend_refs: List[BackendRef]
    fields: tuple[tuple[str, msgspec.Struct], ...] = ()
    idle: str = ""
    """Why nothing ever gets to this rule, if so."""
    above: Inherited | None = None
    """What it has from rules that delegate to it."""


class RouteKind(msgspec.Struct, frozen=True, gc=False):
    """A kind of route. `protocol` is how its backends are spoken to when the Service does not say.

    `error` is the status of a request that has nowhere to go; zero for routes of streams, which answer nothing.
    """

    kind: str
    protocol: Protocol
    error: int
    spec: Callable[[Resource], RouteSpec]
    hostnames: Callable[[Resource], tuple[str, ...]]
    rules: Callable[[Resource], Iterator[PlainRule]]

    @property
    def streams(self) -> bool:
        """Whether it routes connections or datagrams, not requests."""
        return not self.error


def _spec(route: Resource) -> RouteSpec:
    assert isinstance(route, _ROUTES)  # noqa: S101 - see the table below
    return route.spec


def _hostnames(route: Resource) -> tuple[str, ...]:
    assert isinstance(route, _WITH_HOSTNAMES)  # noqa: S101 - the table below pairs kinds with types
    return route.spec.hostnames


def _no_hostnames(route: Resource) -> tuple[str, ...]:
    del route
    return ()


def _http_rules(route: Resource) -> Iterator[PlainRule]:
    assert isinstance(route, HTTPRoute)  # noqa: S101 - see above
    for index, rule in enumerate(route.spec.rules):
        where = place("spec.rules", index)
        matches = rule.matches or (HTTPRouteMatch(),)
        yield PlainRule(
            where=where,
            name=rule.name or "",
            matches=tuple(_http_match(place(f"{where}.matches", at), match) for at, match in enumerate(matches)),
            filters=rule.filters,
            backend_refs=rule.backend_refs,
            fields=tuple(_fields(rule)),
        )


def _fields(rule: HTTPRouteRule | GRPCRouteRule) -> Iterator[tuple[str, msgspec.Struct]]:
    """The fields of a rule that are features in their own right, by the name that they have in the API."""
    values: tuple[tuple[str, HTTPRouteTimeouts | HTTPRouteRetry | SessionPersistence | None], ...] = (
        ("timeouts", rule.timeouts if isinstance(rule, HTTPRouteRule) else None),
        ("retry", rule.retry if isinstance(rule, HTTPRouteRule) else None),
        ("sessionPersistence", rule.session_persistence),
    )
    for name, value in values:
        if value is not None:
            yield name, value


def _http_match(where: str, match: HTTPRouteMatch) -> Match:
    return Match(
        where=where,
        path_type=_PATH_TYPES[match.path.type],
        path=match.path.value,
        headers=_headers(match.headers),
        query=tuple(
            ValueMatch(param.name, param.value, param.type == "RegularExpression") for param in match.query_params
        ),
        method=match.method or "",
    )


def _headers(headers: List[HeaderMatch]) -> tuple[ValueMatch, ...]:
    """Header names are case-insensitive, and of two equal names only the first counts (HTTPHeaderMatch.name)."""
    found: dict[str, ValueMatch] = {}
    for header in headers:
        name = header.name.lower()
        found.setdefault(name, ValueMatch(name, header.value, header.type == "RegularExpression"))
    return tuple(found.values())


def _grpc_rules(route: Resource) -> Iterator[PlainRule]:
    assert isinstance(route, GRPCRoute)  # noqa: S101 - see above
    for index, rule in enumerate(route.spec.rules):
        where = place("spec.rules", index)
        matches = [
            (place(f"{where}.matches", at), match.method, match.headers) for at, match in enumerate(rule.matches)
        ]
        yield PlainRule(
            where=where,
            name=rule.name or "",
            matches=tuple(_grpc_match(*match) for match in matches or [(where, None, ())]),
            filters=rule.filters,
            backend_refs=rule.backend_refs,
            fields=tuple(_fields(rule)),
        )


def _grpc_match(where: str, method: GRPCMethodMatch | None, headers: List[HeaderMatch]) -> Match:
    """A gRPC call as the HTTP/2 request that it is: POST to /service/method (gRPC over HTTP/2)."""
    path_type, path = _grpc_path(method)
    chars = (len(method.service or ""), len(method.method or "")) if method else (0, 0)
    return Match(where=where, path_type=path_type, path=path, headers=_headers(headers), chars=chars)


def _grpc_path(method: GRPCMethodMatch | None) -> tuple[PathType, str]:
    if method is None or not (method.service or method.method):
        return "Prefix", "/"
    if method.type == "Exact" and method.service:
        return ("Exact", f"/{method.service}/{method.method}") if method.method else ("Prefix", f"/{method.service}")
    if method.type == "Exact":
        return "Regex", f"/[^/]+/{method.method}"
    service, name = (f"(?:{part})" if part else "[^/]+" for part in (method.service, method.method))
    return "Regex", f"/{service}/{name}"


def _stream_rules(route: Resource) -> Iterator[PlainRule]:
    """Nothing is known of a stream that could choose a rule: the first takes all (v1 allows only one)."""
    assert isinstance(route, TLSRoute | TCPRoute | UDPRoute)  # noqa: S101 - see above
    for index, rule in enumerate(route.spec.rules):
        yield PlainRule(
            where=place("spec.rules", index),
            name=rule.name or "",
            matches=(),
            filters=(),
            backend_refs=rule.backend_refs,
            idle="the first rule takes all that comes in" if index else "",
        )


ROUTE_KINDS = (
    RouteKind("HTTPRoute", "http", 500, _spec, _hostnames, _http_rules),
    RouteKind("GRPCRoute", "h2c", 503, _spec, _hostnames, _grpc_rules),
    RouteKind("TLSRoute", "tcp", 0, _spec, _hostnames, _stream_rules),
    RouteKind("TCPRoute", "tcp", 0, _spec, _no_hostnames, _stream_rules),
    RouteKind("UDPRoute", "udp", 0, _spec, _no_hostnames, _stream_rules),
)

KINDS_OF_PROTOCOL: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "HTTP": ("HTTPRoute", "GRPCRoute"),
        "HTTPS": ("HTTPRoute", "GRPCRoute"),
        "TLS": ("TLSRoute",),
        "TCP": ("TCPRoute",),
        "UDP": ("UDPRoute",),
    }
)
"""Which kinds of routes a listener's protocol carries (Gateway API, "Route types")."""

RIVALS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        kind.kind: tuple(
            dict.fromkeys(
                other
                for kinds in KINDS_OF_PROTOCOL.values()
                for other in kinds
                if kind.kind in kinds and other != kind.kind
            )
        )
        for kind in ROUTE_KINDS
    }
)
"""The other kinds that a listener may carry together with a kind."""
