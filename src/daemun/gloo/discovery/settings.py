"""What Settings say of discovery."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import msgspec

from daemun.api.gloo.settings import ConsulUpstreamDiscoveryConfiguration, Settings, SettingsSpec
from daemun.base.names import Name
from daemun.flow import Collection, Reader
from daemun.gatewayapi.settings import Settings as Surroundings
from daemun.gloo.settings.scope import NAMESPACE, SETTINGS


class Discovering(msgspec.Struct, frozen=True):
    """`namespace` is where Upstreams are made. `on`: of Services, of those with these `labels`, and of what is in
    Consul, in the way of `consul`.
    """

    namespace: str = NAMESPACE
    on: bool = False
    labels: Mapping[str, str] = MappingProxyType({})
    consul: ConsulUpstreamDiscoveryConfiguration = ConsulUpstreamDiscoveryConfiguration()


def is_on(spec: SettingsSpec, surroundings: Surroundings) -> bool:
    """Whether Upstreams are made of Services, and of what is in Consul. In a cluster whoever installs Daemun has to
    have permitted it; in a folder the Settings have to ask for it.
    """
    options = spec.discovery.uds_options if spec.discovery is not None else None
    asked = options.enabled if options is not None else None
    if surroundings.clustered and not surroundings.discovers:
        return False
    return surroundings.discovers if asked is None else asked


def discovering_rule(
    surroundings: Surroundings,
) -> Callable[[Reader, Name, Settings], Iterator[tuple[Name, Discovering]]]:
    """The rule from the Settings that count to what they say; all others say nothing."""

    def read(_: Reader, name: Name, settings: Settings) -> Iterator[tuple[Name, Discovering]]:
        if name == SETTINGS:
            spec = settings.spec
            options = spec.discovery.uds_options if spec.discovery is not None else None
            consul = spec.consul_discovery or ConsulUpstreamDiscoveryConfiguration()
            labels = options.watch_labels if options is not None else {}
            yield name, Discovering(spec.discovery_namespace or NAMESPACE, is_on(spec, surroundings), labels, consul)

    return read


Found = Collection[Name, Discovering]


def discovering(reader: Reader, found: Found, surroundings: Surroundings) -> Discovering:
    """What counts, also where there are no Settings."""
    return reader.get(found, SETTINGS) or Discovering(on=surroundings.discovers)
