"""What Settings say of Upstreams, and of Services, that say nothing themselves."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import msgspec

from daemun.api.gloo.settings import AWSOptions, Settings, UpstreamOptions
from daemun.api.gloo.ssl import SslParameters
from daemun.api.gloo.upstream import CircuitBreakerConfig, UpstreamSpec
from daemun.base.names import Name
from daemun.flow import Reader
from daemun.gloo.classic.scope import SETTINGS


class Defaults(msgspec.Struct, frozen=True, gc=False):
    """`gloo.circuitBreakers` and `awsOptions`, and `sslParameters` and `globalAnnotations` of `upstreamOptions`."""

    circuit_breakers: CircuitBreakerConfig | None = None
    ssl_parameters: SslParameters | None = None
    annotations: Mapping[str, str] = MappingProxyType({})
    consul: bool = False
    """Whether they say where Consul is."""
    aws: AWSOptions = AWSOptions()

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
        yield name, Defaults(breakers, of_all.ssl_parameters, of_all.global_annotations, consul, aws)
