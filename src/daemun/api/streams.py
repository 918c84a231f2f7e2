"""TLSRoute, TCPRoute and UDPRoute (Gateway API v1.6): routes of connections and datagrams, by where they come in.

The types take what any served version does. v1alpha2 had up to 16 rules, and a TLSRoute without hostnames; what v1
narrowed is checked by the rules.
"""

from typing import Annotated

from msgspec import Meta

from daemun.api.meta import Api, List, Resource
from daemun.api.routes import BackendRef, RouteSpec
from daemun.api.scalars import Hostname, SectionName


class StreamRule(Api, frozen=True):
    """Where connections or datagrams go: TLSRouteRule, TCPRouteRule and UDPRouteRule, which are the same."""

    backend_refs: Annotated[List[BackendRef], Meta(min_length=1, max_length=16)]
    name: SectionName | None = None


class StreamRouteSpec(RouteSpec, frozen=True, kw_only=True):
    """The rules of a TCPRoute or UDPRoute."""

    rules: Annotated[List[StreamRule], Meta(min_length=1, max_length=16)]


class TLSRouteSpec(StreamRouteSpec, frozen=True, kw_only=True):
    """The hosts and rules of a TLSRoute. A host is compared with the server name (SNI) of the TLS handshake."""

    hostnames: Annotated[List[Hostname], Meta(max_length=1024)] = ()


class TLSRoute(Resource, frozen=True):
    """Routes TLS connections, by the server name that they ask for."""

    spec: TLSRouteSpec


class TCPRoute(Resource, frozen=True):
    """Routes TCP connections, all those of a listener."""

    spec: StreamRouteSpec


class UDPRoute(Resource, frozen=True):
    """Routes UDP datagrams, all those of a listener."""

    spec: StreamRouteSpec
