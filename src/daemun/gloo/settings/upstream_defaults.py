"""What Settings say of Upstreams, and of Services, that say nothing themselves."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import msgspec

from daemun.api.gloo.settings import AWSOptions, IstioOptions, Settings, UpstreamOptions
from daemun.api.gloo.ssl import SslParameters
from daemun.api.gloo.upstream import CircuitBreakerConfig, UpstreamSpec
from daemun.base.names import Name
from daemun.flow import Reader
from daemun.gloo.settings.scope import SETTINGS

CONNECT_AS = "daemun.dev/connect-as"
"""The annotation of Settings that says it: no Upstream's author chooses who asks."""

SEND_TO, CLUSTER_IP = "daemun.dev/send-to", "cluster-ip"
"""The annotation of Settings that says where requests to Services go, and the one thing that it can say."""

FORWARD_TO = "daemun.dev/forward-to"
"""The annotation of Settings that names the Egress of dynamic forward proxies, with its namespace if it is another."""


class Defaults(msgspec.Struct, frozen=True, gc=False):
    """`gloo.circuitBreakers` and `awsOptions`, what `upstreamOptions` say of all, and which meshes there are."""

    circuit_breakers: CircuitBreakerConfig | None = None
    ssl_parameters: SslParameters | None = None
    annotations: Mapping[str, str] = MappingProxyType({})
    consul: bool = False
    """Whether they say where Consul is."""
    aws: AWSOptions = AWSOptions()
    linkerd: bool = False
    auto_mtls: bool = False
    connect_as: str = "daemun"
    """Which service the proxies are in Consul's mesh."""
    by_address: bool = False
    """Whether requests go to the addresses of Services, and not to their endpoints."""
    forward_to: Name | None = None
    """The Egress that says where dynamic forward proxies may lead."""

    @property
    def meshed(self) -> bool:
        """Whether Services are in a mesh."""
        return self.linkerd or self.auto_mtls or self.by_address

    def put(self, spec: UpstreamSpec) -> UpstreamSpec:
        """The Upstream with what it does not say itself. Each is taken as a whole, as in Gloo."""
        if self.circuit_breakers is not None and spec.circuit_breakers is None:
            spec = msgspec.structs.replace(spec, circuit_breakers=self.circuit_breakers)
        tls = spec.ssl_config
        if self.ssl_parameters is not None and tls is not None and tls.parameters is None:
            spec = msgspec.structs.replace(
                spec, ssl_config=msgspec.structs.replace(tls, parameters=self.ssl_parameters)
            )
        return spec


NONE = Defaults()


def defaults_rule(_: Reader, name: Name, settings: Settings) -> Iterator[tuple[Name, Defaults]]:
    """From the Settings that count to what they say; all others say nothing."""
    if name == SETTINGS:
        gloo, of_all = settings.spec.gloo, settings.spec.upstream_options or UpstreamOptions()
        breakers, consul = gloo.circuit_breakers if gloo else None, settings.spec.consul is not None
        aws = (gloo.aws_options if gloo else None) or AWSOptions()
        istio = (gloo.istio_options if gloo else None) or IstioOptions()
        connect_as = settings.metadata.annotations.get(CONNECT_AS) or NONE.connect_as
        by_address = settings.metadata.annotations.get(SEND_TO) == CLUSTER_IP
        namespace, _slash, egress = settings.metadata.annotations.get(FORWARD_TO, "").rpartition("/")
        forward_to = Name(namespace or name.namespace, egress) if egress else None
        meshes = settings.spec.linkerd, istio.enable_auto_mtls is True, connect_as, by_address
        yield (
            name,
            Defaults(breakers, of_all.ssl_parameters, of_all.global_annotations, consul, aws, *meshes, forward_to),
        )
