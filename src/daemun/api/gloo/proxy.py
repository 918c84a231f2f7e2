"""Proxy: what Gloo makes of the classic resources for one kind of proxy."""

from typing import ClassVar

from msgspec import field

from daemun.api.gloo.common import CidrRange, ResourceRef
from daemun.api.gloo.destinations import DirectResponseAction, RedirectAction, RouteAction, TcpHost
from daemun.api.gloo.matchers import Matcher
from daemun.api.gloo.options import (
    HttpListenerOptions,
    ListenerOptions,
    RouteConfigurationOptions,
    RouteOptions,
    TcpListenerOptions,
    VirtualHostOptions,
)
from daemun.api.gloo.resource import GlooResource
from daemun.api.gloo.scalars import Int64, OneOf, Struct, UInt32
from daemun.api.gloo.ssl import SslConfig
from daemun.api.meta import Api, List


class SourceRef(Api, frozen=True):
    """An object that a part of a Proxy came from."""

    resource_ref: ResourceRef | None = None
    resource_kind: str = ""
    observed_generation: Int64 = 0


class SourceMetadata(Api, frozen=True):
    """The objects that a part of a Proxy came from."""

    sources: List[SourceRef] = ()


class ProxyRoute(Api, frozen=True):
    """A route of a Proxy."""

    ONE_OF: ClassVar[OneOf] = (
        ("route_action", "redirect_action", "direct_response_action", "graphql_api_ref"),
        ("metadata", "metadata_static"),
    )

    matchers: List[Matcher] = ()
    route_action: RouteAction | None = None
    redirect_action: RedirectAction | None = None
    direct_response_action: DirectResponseAction | None = None
    graphql_api_ref: ResourceRef | None = None
    options: RouteOptions | None = None
    metadata: Struct | None = None
    metadata_static: SourceMetadata | None = None
    name: str = ""


class ProxyVirtualHost(Api, frozen=True):
    """The routes of some domains."""

    ONE_OF: ClassVar[OneOf] = (("metadata", "metadata_static"),)

    name: str = ""
    domains: List[str] = ()
    routes: List[ProxyRoute] = ()
    options: VirtualHostOptions | None = None
    metadata: Struct | None = None
    metadata_static: SourceMetadata | None = None


class HttpListener(Api, frozen=True):
    """Requests of any domains."""

    virtual_hosts: List[ProxyVirtualHost] = ()
    options: HttpListenerOptions | None = None
    stat_prefix: str = ""


class TcpListener(Api, frozen=True):
    """Connections."""

    tcp_hosts: List[TcpHost] = ()
    options: TcpListenerOptions | None = None
    stat_prefix: str = ""


class ListenerMatcher(Api, frozen=True):
    """Which connections are meant."""

    ssl_config: SslConfig | None = None
    source_prefix_ranges: List[CidrRange] = ()
    prefix_ranges: List[CidrRange] = ()
    destination_port: UInt32 | None = None
    passthrough_cipher_suites: List[str] = ()


class MatchedListener(Api, frozen=True):
    """What becomes of the connections that match."""

    ONE_OF: ClassVar[OneOf] = (("http_listener", "tcp_listener"),)

    matcher: ListenerMatcher | None = None
    http_listener: HttpListener | None = None
    tcp_listener: TcpListener | None = None
    ssl_configurations: List[SslConfig] = ()


class MatchedTcpListener(Api, frozen=True):
    """Connections that match, passed on as they are."""

    matcher: ListenerMatcher | None = None
    tcp_listener: TcpListener | None = None


class HybridListener(Api, frozen=True):
    """Several listeners on a port."""

    matched_listeners: List[MatchedListener] = ()


class HttpResources(Api, frozen=True):
    """What filter chains refer to."""

    virtual_hosts: dict[str, ProxyVirtualHost] = field(default_factory=dict)
    http_options: dict[str, HttpListenerOptions] = field(default_factory=dict)


class HttpFilterChain(Api, frozen=True):
    """Connections that match, and the virtual hosts that they can reach."""

    matcher: ListenerMatcher | None = None
    http_options_ref: str = ""
    virtual_host_refs: List[str] = ()


class AggregateListener(Api, frozen=True):
    """Many filter chains on a port that share virtual hosts."""

    http_resources: HttpResources | None = None
    http_filter_chains: List[HttpFilterChain] = ()
    tcp_listeners: List[MatchedTcpListener] = ()


class ProxyListener(Api, frozen=True):
    """A port of a Proxy."""

    ONE_OF: ClassVar[OneOf] = (
        ("http_listener", "tcp_listener", "hybrid_listener", "aggregate_listener"),
        ("metadata", "metadata_static"),
    )

    name: str = ""
    bind_address: str = ""
    bind_port: UInt32 = 0
    http_listener: HttpListener | None = None
    tcp_listener: TcpListener | None = None
    hybrid_listener: HybridListener | None = None
    aggregate_listener: AggregateListener | None = None
    ssl_configurations: List[SslConfig] = ()
    use_proxy_proto: bool | None = None
    options: ListenerOptions | None = None
    metadata: Struct | None = None
    metadata_static: SourceMetadata | None = None
    route_options: RouteConfigurationOptions | None = None


class ProxySpec(Api, frozen=True):
    """Ports, and what is served on them."""

    compressed_spec: str = ""
    listeners: List[ProxyListener] = ()


class Proxy(GlooResource, frozen=True):
    """What Gloo made of the classic resources. Daemun reads none: it is known so that nobody is told otherwise."""

    spec: ProxySpec = field(default_factory=ProxySpec)
