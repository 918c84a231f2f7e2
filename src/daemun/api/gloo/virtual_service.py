"""VirtualService and RouteTable: domains and their routes, in classic mode."""

from typing import ClassVar

from msgspec import field

from daemun.api.gloo.common import Expression, ResourceRef
from daemun.api.gloo.destinations import DirectResponseAction, RedirectAction, RouteAction
from daemun.api.gloo.matchers import Matcher
from daemun.api.gloo.options import RouteOptions, VirtualHostOptions
from daemun.api.gloo.resource import GlooResource
from daemun.api.gloo.scalars import Int32, OneOf
from daemun.api.gloo.ssl import SslConfig
from daemun.api.meta import Api, List


class RouteTableSelector(Api, frozen=True):
    """RouteTables by their labels."""

    namespaces: List[str] = ()
    labels: dict[str, str] = field(default_factory=dict)
    expressions: List[Expression] = ()


class DelegateAction(Api, frozen=True):
    """RouteTables decide on the requests."""

    ONE_OF: ClassVar[OneOf] = (("ref", "selector"),)

    name: str = ""
    namespace: str = ""
    ref: ResourceRef | None = None
    selector: RouteTableSelector | None = None


class DelegateOptionsRefs(Api, frozen=True):
    """Options that stand in other objects."""

    delegate_options: List[ResourceRef] = ()


class Route(Api, frozen=True):
    """A route: which requests, what is done with them, and how."""

    ONE_OF: ClassVar[OneOf] = (
        ("route_action", "redirect_action", "direct_response_action", "delegate_action", "graphql_api_ref"),
    )

    matchers: List[Matcher] = ()
    inheritable_matchers: bool | None = None
    inheritable_path_matchers: bool | None = None
    route_action: RouteAction | None = None
    redirect_action: RedirectAction | None = None
    direct_response_action: DirectResponseAction | None = None
    delegate_action: DelegateAction | None = None
    graphql_api_ref: ResourceRef | None = None
    options: RouteOptions | None = None
    name: str = ""
    options_config_refs: DelegateOptionsRefs | None = None


class VirtualHost(Api, frozen=True):
    """Domains and their routes."""

    domains: List[str] = ()
    routes: List[Route] = ()
    options: VirtualHostOptions | None = None
    options_config_refs: DelegateOptionsRefs | None = None


class VirtualServiceSpec(Api, frozen=True):
    """Domains and their routes, with TLS."""

    virtual_host: VirtualHost | None = None
    ssl_config: SslConfig | None = None
    display_name: str = ""


class VirtualService(GlooResource, frozen=True):
    """Domains with their routes (classic mode)."""

    spec: VirtualServiceSpec = field(default_factory=VirtualServiceSpec)


class RouteTableSpec(Api, frozen=True):
    """Routes that others delegate to."""

    routes: List[Route] = ()
    weight: Int32 | None = None


class RouteTable(GlooResource, frozen=True):
    """Routes that VirtualServices and other RouteTables delegate to (classic mode)."""

    spec: RouteTableSpec = field(default_factory=RouteTableSpec)
