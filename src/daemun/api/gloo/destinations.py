"""Where routes send requests, and what they do instead."""

from typing import ClassVar, Literal, TypeAlias

from msgspec import field

from daemun.api.gloo.cloud import AwsDestinationSpec, AzureDestinationSpec
from daemun.api.gloo.common import Empty, RegexMatchAndSubstitute, ResourceRef
from daemun.api.gloo.forward_proxy import ForwardProxyRoute
from daemun.api.gloo.options import WeightedDestinationOptions
from daemun.api.gloo.resource import GlooResource
from daemun.api.gloo.scalars import OneOf, UInt32
from daemun.api.gloo.service_spec import GrpcDestinationSpec, RestDestinationSpec, Subset
from daemun.api.gloo.ssl import SslConfig
from daemun.api.meta import Api, List

RedirectResponseCode: TypeAlias = Literal[
    "MOVED_PERMANENTLY", "FOUND", "SEE_OTHER", "TEMPORARY_REDIRECT", "PERMANENT_REDIRECT"
]


class KubernetesServiceDestination(Api, frozen=True):
    """A port of a Service."""

    ref: ResourceRef | None = None
    port: UInt32 = 0


class ConsulServiceDestination(Api, frozen=True):
    """A service in Consul."""

    service_name: str = ""
    tags: List[str] = ()
    data_centers: List[str] = ()


class DestinationSpec(Api, frozen=True):
    """A function of the Upstream."""

    ONE_OF: ClassVar[OneOf] = (("aws", "azure", "rest", "grpc"),)

    aws: AwsDestinationSpec | None = None
    azure: AzureDestinationSpec | None = None
    rest: RestDestinationSpec | None = None
    grpc: GrpcDestinationSpec | None = None


class Destination(Api, frozen=True):
    """One destination: an Upstream, a Service or a service in Consul."""

    ONE_OF: ClassVar[OneOf] = (("upstream", "kube", "consul"),)

    upstream: ResourceRef | None = None
    kube: KubernetesServiceDestination | None = None
    consul: ConsulServiceDestination | None = None
    destination_spec: DestinationSpec | None = None
    subset: Subset | None = None


class WeightedDestination(Api, frozen=True):
    """One of several destinations, with its share."""

    destination: Destination | None = None
    weight: UInt32 | None = None
    options: WeightedDestinationOptions | None = None


class MultiDestination(Api, frozen=True):
    """Several destinations."""

    destinations: List[WeightedDestination] = ()


class UpstreamGroupSpec(Api, frozen=True):
    """Destinations that several routes share."""

    destinations: List[WeightedDestination] = ()


class UpstreamGroup(GlooResource, frozen=True):
    """Destinations with their shares, for several routes."""

    spec: UpstreamGroupSpec = field(default_factory=UpstreamGroupSpec)


class RouteAction(Api, frozen=True):
    """Sends requests on."""

    ONE_OF: ClassVar[OneOf] = (("single", "multi", "upstream_group", "cluster_header", "dynamic_forward_proxy"),)

    single: Destination | None = None
    multi: MultiDestination | None = None
    upstream_group: ResourceRef | None = None
    cluster_header: str | None = None
    dynamic_forward_proxy: ForwardProxyRoute | None = None


class RedirectAction(Api, frozen=True):
    """Answers with a redirect."""

    ONE_OF: ClassVar[OneOf] = (("path_redirect", "prefix_rewrite", "regex_rewrite"),)

    host_redirect: str = ""
    path_redirect: str | None = None
    prefix_rewrite: str | None = None
    regex_rewrite: RegexMatchAndSubstitute | None = None
    response_code: RedirectResponseCode = "MOVED_PERMANENTLY"
    https_redirect: bool = False
    strip_query: bool = False
    port_redirect: UInt32 | None = None


class DirectResponseAction(Api, frozen=True):
    """Answers by itself."""

    status: UInt32 = 0
    body: str = ""


class TcpAction(Api, frozen=True):
    """Where connections go."""

    ONE_OF: ClassVar[OneOf] = (("single", "multi", "upstream_group", "forward_sni_cluster_name"),)

    single: Destination | None = None
    multi: MultiDestination | None = None
    upstream_group: ResourceRef | None = None
    forward_sni_cluster_name: Empty | None = None


class TcpHost(Api, frozen=True):
    """Connections of some server names, and where they go."""

    name: str = ""
    ssl_config: SslConfig | None = None
    destination: TcpAction | None = None
