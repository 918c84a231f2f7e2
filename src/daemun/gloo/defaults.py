"""What Settings say of Upstreams that say nothing themselves."""

from collections.abc import Iterator

import msgspec

from daemun.api.gloo.settings import Settings
from daemun.api.gloo.ssl import SslParameters
from daemun.api.gloo.upstream import CircuitBreakerConfig, UpstreamSpec
from daemun.base.names import Name
from daemun.flow import Reader
from daemun.gloo.classic.scope import SETTINGS


class Defaults(msgspec.Struct, frozen=True, gc=False):
    """`gloo.circuitBreakers` and `upstreamOptions.sslParameters`."""

    circuit_breakers: CircuitBreakerConfig | None = None
    ssl_parameters: SslParameters | None = None

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
        spec = settings.spec
        yield (
            name,
            Defaults(
                spec.gloo.circuit_breakers if spec.gloo else None,
                spec.upstream_options.ssl_parameters if spec.upstream_options else None,
            ),
        )
