"""GatewayClass and Gateway (Gateway API v1.6, standard and experimental fields)."""

from typing import Annotated, Literal

from msgspec import Meta, field

from daemun.api.meta import (
    Api,
    LabelSelector,
    List,
    LocalObjectReference,
    ObjectReference,
    ParametersReference,
    Resource,
    SecretObjectReference,
)
from daemun.api.scalars import ControllerName, Group, Kind, ObjectName, Port, SectionName
from daemun.base.names import GATEWAY


class GatewayClassSpec(Api, frozen=True):
    """Who is responsible for Gateways of this class."""

    controller_name: ControllerName
    parameters_ref: ParametersReference | None = None
    description: Annotated[str, Meta(max_length=64)] | None = None


class GatewayClass(Resource, frozen=True):
    """A class of Gateways; cluster-scoped."""

    spec: GatewayClassSpec


class RouteNamespaces(Api, frozen=True):
    """The namespaces whose routes a listener accepts."""

    from_: Literal["All", "Selector", "Same", "None"] = field(default="Same", name="from")
    selector: LabelSelector | None = None


class RouteGroupKind(Api, frozen=True):
    """A kind of route."""

    kind: Kind
    group: Group = GATEWAY


class AllowedRoutes(Api, frozen=True):
    """Which routes may attach to a listener."""

    namespaces: RouteNamespaces = RouteNamespaces()
    kinds: Annotated[List[RouteGroupKind], Meta(max_length=8)] = ()


class ListenerTLSConfig(Api, frozen=True):
    """How a listener treats TLS."""

    mode: Literal["Terminate", "Passthrough"] = "Terminate"
    certificate_refs: Annotated[List[SecretObjectReference], Meta(max_length=64)] = ()
    options: Annotated[dict[str, str], Meta(max_length=16)] = field(default_factory=dict)


class Listener(Api, frozen=True):
    """A port, a protocol and perhaps a hostname."""

    name: SectionName
    port: Port
    protocol: Annotated[str, Meta(min_length=1, max_length=255)]
    hostname: Annotated[str, Meta(max_length=253)] | None = None
    tls: ListenerTLSConfig | None = None
    allowed_routes: AllowedRoutes = AllowedRoutes()


class GatewaySpecAddress(Api, frozen=True):
    """An address asked for; without a value one is allocated."""

    type: Annotated[str, Meta(min_length=1, max_length=253)] = "IPAddress"
    value: Annotated[str, Meta(max_length=253)] = ""


class GatewayInfrastructure(Api, frozen=True):
    """What is put on everything made for a Gateway."""

    labels: Annotated[dict[str, str], Meta(max_length=8)] = field(default_factory=dict)
    annotations: Annotated[dict[str, str], Meta(max_length=16)] = field(default_factory=dict)
    parameters_ref: LocalObjectReference | None = None


class ListenerNamespaces(Api, frozen=True):
    """The namespaces whose ListenerSets a Gateway accepts: none unless it says so."""

    from_: Literal["All", "Selector", "Same", "None"] = field(default="None", name="from")
    selector: LabelSelector | None = None


class AllowedListeners(Api, frozen=True):
    """From where ListenerSets may attach."""

    namespaces: ListenerNamespaces = ListenerNamespaces()


class GatewayBackendTLS(Api, frozen=True):
    """The client certificate shown to backends."""

    client_certificate_ref: SecretObjectReference | None = None


class FrontendTLSValidation(Api, frozen=True):
    """How client certificates are checked."""

    ca_certificate_refs: Annotated[List[ObjectReference], Meta(min_length=1, max_length=16)]
    mode: Literal["AllowValidOnly", "AllowInsecureFallback"] = "AllowValidOnly"


class TLSConfig(Api, frozen=True):
    """TLS towards clients."""

    validation: FrontendTLSValidation | None = None


class TLSPortConfig(Api, frozen=True):
    """TLS towards clients on one port."""

    port: Port
    tls: TLSConfig


class FrontendTLSConfig(Api, frozen=True):
    """TLS towards clients, with exceptions by port."""

    default: TLSConfig
    per_port: Annotated[List[TLSPortConfig], Meta(max_length=64)] = ()


class GatewayTLSConfig(Api, frozen=True):
    """TLS of a whole Gateway."""

    backend: GatewayBackendTLS | None = None
    frontend: FrontendTLSConfig | None = None


class GatewaySpec(Api, frozen=True):
    """The listeners of a Gateway and where they are bound."""

    gateway_class_name: ObjectName
    listeners: Annotated[List[Listener], Meta(min_length=1, max_length=64)]
    addresses: Annotated[List[GatewaySpecAddress], Meta(max_length=16)] = ()
    infrastructure: GatewayInfrastructure | None = None
    allowed_listeners: AllowedListeners | None = None
    tls: GatewayTLSConfig | None = None
    default_scope: Literal["All", "None"] | None = None


class Gateway(Resource, frozen=True):
    """A gateway: one Envoy, or several that are configured alike."""

    spec: GatewaySpec
