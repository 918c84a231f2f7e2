"""HTTPRoute and GRPCRoute (Gateway API v1.6, standard and experimental fields)."""

from typing import Annotated, Literal

from msgspec import Meta

from daemun.api.filters import HTTPRouteRetry, HTTPRouteTimeouts, RouteFilter, SessionPersistence
from daemun.api.meta import Api, BackendObjectReference, List, ParentReference, Resource
from daemun.api.scalars import HeaderName, HeaderValue, Hostname, SectionName, Weight


class BackendRef(BackendObjectReference, frozen=True):
    """A backend and its share of what a rule takes."""

    weight: Weight = 1


class HTTPBackendRef(BackendRef, frozen=True):
    """A backend, its share of the requests, and filters for just that share. GRPCBackendRef is the same."""

    filters: Annotated[List[RouteFilter], Meta(max_length=16)] = ()


class HTTPPathMatch(Api, frozen=True):
    """A match on the path."""

    type: Literal["Exact", "PathPrefix", "RegularExpression"] = "PathPrefix"
    value: Annotated[str, Meta(max_length=1024)] = "/"


class HeaderMatch(Api, frozen=True):
    """A match on a header."""

    name: HeaderName
    value: HeaderValue
    type: Literal["Exact", "RegularExpression"] = "Exact"


class HTTPQueryParamMatch(Api, frozen=True):
    """A match on a query parameter."""

    name: HeaderName
    value: Annotated[str, Meta(min_length=1, max_length=1024)]
    type: Literal["Exact", "RegularExpression"] = "Exact"


class HTTPRouteMatch(Api, frozen=True):
    """A request must fit all of it."""

    path: HTTPPathMatch = HTTPPathMatch()
    headers: Annotated[List[HeaderMatch], Meta(max_length=16)] = ()
    query_params: Annotated[List[HTTPQueryParamMatch], Meta(max_length=16)] = ()
    method: Literal["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"] | None = None


class HTTPRouteRule(Api, frozen=True):
    """What happens to requests that fit one of the matches."""

    name: SectionName | None = None
    matches: Annotated[List[HTTPRouteMatch], Meta(max_length=64)] = (HTTPRouteMatch(),)
    filters: Annotated[List[RouteFilter], Meta(max_length=16)] = ()
    backend_refs: Annotated[List[HTTPBackendRef], Meta(max_length=16)] = ()
    timeouts: HTTPRouteTimeouts | None = None
    retry: HTTPRouteRetry | None = None
    session_persistence: SessionPersistence | None = None


class RouteSpec(Api, frozen=True):
    """What every kind of route has."""

    parent_refs: Annotated[List[ParentReference], Meta(max_length=32)] = ()
    use_default_gateways: Literal["All", "None"] | None = None


class HTTPRouteSpec(RouteSpec, frozen=True):
    """The hosts and rules of an HTTPRoute."""

    hostnames: Annotated[List[Hostname], Meta(max_length=16)] = ()
    rules: Annotated[List[HTTPRouteRule], Meta(min_length=1, max_length=16)] = (HTTPRouteRule(),)


class HTTPRoute(Resource, frozen=True):
    """Routes HTTP requests."""

    spec: HTTPRouteSpec


class GRPCMethodMatch(Api, frozen=True):
    """A match on the gRPC service, the method, or both."""

    type: Literal["Exact", "RegularExpression"] = "Exact"
    service: Annotated[str, Meta(max_length=1024)] | None = None
    method: Annotated[str, Meta(max_length=1024)] | None = None


class GRPCRouteMatch(Api, frozen=True):
    """A call must fit all of it."""

    method: GRPCMethodMatch | None = None
    headers: Annotated[List[HeaderMatch], Meta(max_length=16)] = ()


class GRPCRouteRule(Api, frozen=True):
    """What happens to calls that fit one of the matches."""

    name: SectionName | None = None
    matches: Annotated[List[GRPCRouteMatch], Meta(max_length=64)] = (GRPCRouteMatch(),)
    filters: Annotated[List[RouteFilter], Meta(max_length=16)] = ()
    backend_refs: Annotated[List[HTTPBackendRef], Meta(max_length=16)] = ()
    session_persistence: SessionPersistence | None = None


class GRPCRouteSpec(RouteSpec, frozen=True):
    """The hosts and rules of a GRPCRoute."""

    hostnames: Annotated[List[Hostname], Meta(max_length=16)] = ()
    rules: Annotated[List[GRPCRouteRule], Meta(max_length=16)] = (GRPCRouteRule(),)


class GRPCRoute(Resource, frozen=True):
    """Routes gRPC calls."""

    spec: GRPCRouteSpec = GRPCRouteSpec()
