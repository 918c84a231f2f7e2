"""The Gateway of classic mode and the parts that it may be put together from."""

from typing import ClassVar

from msgspec import field

from daemun.api.gloo.common import CidrRange, Expression, ResourceRef, Selector
from daemun.api.gloo.destinations import TcpHost
from daemun.api.gloo.hcm import HttpConnectionManagerSettings
from daemun.api.gloo.options import HttpListenerOptions, ListenerOptions, RouteConfigurationOptions, TcpListenerOptions
from daemun.api.gloo.resource import GlooResource
from daemun.api.gloo.scalars import OneOf, UInt32
from daemun.api.gloo.ssl import SslConfig
from daemun.api.meta import Api, List


class VirtualServiceSelectorExpressions(Api, frozen=True):
    """Conditions on the labels of VirtualServices."""

    expressions: List[Expression] = ()


class HttpGateway(Api, frozen=True):
    """Which VirtualServices are served, and how."""

    virtual_services: List[ResourceRef] = ()
    virtual_service_selector: dict[str, str] = field(default_factory=dict)
    virtual_service_expressions: VirtualServiceSelectorExpressions | None = None
    virtual_service_namespaces: List[str] = ()
    options: HttpListenerOptions | None = None


class TcpGateway(Api, frozen=True):
    """Where connections go."""

    tcp_hosts: List[TcpHost] = ()
    options: TcpListenerOptions | None = None


class GatewayMatcher(Api, frozen=True):
    """Which connections are meant."""

    ssl_config: SslConfig | None = None
    source_prefix_ranges: List[CidrRange] = ()
    passthrough_cipher_suites: List[str] = ()


class MatchedGateway(Api, frozen=True):
    """What becomes of the connections that match."""

    ONE_OF: ClassVar[OneOf] = (("http_gateway", "tcp_gateway"),)

    matcher: GatewayMatcher | None = None
    http_gateway: HttpGateway | None = None
    tcp_gateway: TcpGateway | None = None


class DelegatedHttpGateway(Api, frozen=True):
    """MatchableHttpGateways that belong to a Gateway."""

    ONE_OF: ClassVar[OneOf] = (("ref", "selector"),)

    ref: ResourceRef | None = None
    selector: Selector | None = None
    prevent_child_overrides: bool = False
    http_connection_manager_settings: HttpConnectionManagerSettings | None = None
    ssl_config: SslConfig | None = None


class DelegatedTcpGateway(Api, frozen=True):
    """MatchableTcpGateways that belong to a Gateway."""

    ONE_OF: ClassVar[OneOf] = (("ref", "selector"),)

    ref: ResourceRef | None = None
    selector: Selector | None = None


class HybridGateway(Api, frozen=True):
    """Several gateways on a port."""

    matched_gateways: List[MatchedGateway] = ()
    delegated_http_gateways: DelegatedHttpGateway | None = None
    delegated_tcp_gateways: DelegatedTcpGateway | None = None


class GatewaySpec(Api, frozen=True):
    """A port, and what is served on it."""

    ONE_OF: ClassVar[OneOf] = (("http_gateway", "tcp_gateway", "hybrid_gateway"),)

    ssl: bool = False
    bind_address: str = ""
    bind_port: UInt32 = 0
    options: ListenerOptions | None = None
    use_proxy_proto: bool | None = None
    http_gateway: HttpGateway | None = None
    tcp_gateway: TcpGateway | None = None
    hybrid_gateway: HybridGateway | None = None
    proxy_names: List[str] = ()
    route_options: RouteConfigurationOptions | None = None


class Gateway(GlooResource, frozen=True):
    """A port (classic mode)."""

    spec: GatewaySpec = field(default_factory=GatewaySpec)


class HttpGatewayMatcher(Api, frozen=True):
    """Which connections are meant."""

    source_prefix_ranges: List[CidrRange] = ()
    ssl_config: SslConfig | None = None


class MatchableHttpGatewaySpec(Api, frozen=True):
    """A part of a Gateway, for the connections that match."""

    matcher: HttpGatewayMatcher | None = None
    http_gateway: HttpGateway | None = None


class MatchableHttpGateway(GlooResource, frozen=True):
    """A part of a Gateway for HTTP (classic mode)."""

    spec: MatchableHttpGatewaySpec = field(default_factory=MatchableHttpGatewaySpec)


class MatchableTcpGatewaySpec(Api, frozen=True):
    """A part of a Gateway, for the connections that match, passed on as they are."""

    matcher: GatewayMatcher | None = None
    tcp_gateway: TcpGateway | None = None


class MatchableTcpGateway(GlooResource, frozen=True):
    """A part of a Gateway for TCP (classic mode)."""

    spec: MatchableTcpGatewaySpec = field(default_factory=MatchableTcpGatewaySpec)
