"""Registry, Daemun's own kind: a service registry beside Kubernetes that knows where backends are."""

from typing import Annotated

from msgspec import Meta, field

from daemun.api.gloo.scalars import Struct
from daemun.api.meta import Api, List, Resource
from daemun.api.scalars import ObjectName

Tag = Annotated[str, Meta(min_length=1, max_length=253)]


class RegistrySecretReference(Api, frozen=True):
    """A Secret in the namespace of the Registry."""

    name: ObjectName


class RegistryDiscovery(Api, frozen=True):
    """Whether Upstreams are made of the services that the registry has.

    Only of those that have all of these `tags`; each Upstream gets these `labels`, beside those that say whose it is.
    """

    enabled: bool = False
    tags: Annotated[List[Tag], Meta(max_length=16)] = ()
    labels: dict[str, str] = field(default_factory=dict)


class RegistrySpec(Api, frozen=True):
    """Which plug-in asks the registry, and what the plug-in has to know."""

    type: Annotated[str, Meta(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
    config: Struct = field(default_factory=dict)
    secret_ref: RegistrySecretReference | None = None
    discovery: RegistryDiscovery = field(default_factory=RegistryDiscovery)


class Registry(Resource, frozen=True):
    """A registry that knows where backends are. Upstreams name it, and a service, by annotations."""

    spec: RegistrySpec
