"""Kubernetes' own kinds, as much of them as routing needs. Fields not listed are left alone."""

from typing import Literal

from msgspec import field

from daemun.api.meta import Api, List, Resource
from daemun.api.scalars import Port
from daemun.base.addresses import is_ip


class Namespace(Resource, frozen=True):
    """Its labels decide which routes a listener with a namespace selector accepts."""


class ServicePort(Api, frozen=True):
    """One port of a Service."""

    port: Port
    name: str = ""
    protocol: str = "TCP"
    app_protocol: str | None = None
    target_port: int | str | None = None
    node_port: int | None = None


class ServiceSpec(Api, frozen=True):
    """The ports and addresses of a Service, and whether it is only a name for another host."""

    ports: List[ServicePort] = ()
    type: str = "ClusterIP"
    selector: dict[str, str] = field(default_factory=dict)
    external_name: str | None = None
    cluster_ip: str = field(default="", name="clusterIP")
    cluster_ips: List[str] = field(default=(), name="clusterIPs")


class LoadBalancerIngress(Api, frozen=True):
    """An address that a load balancer gave."""

    ip: str = ""
    hostname: str = ""


class LoadBalancerStatus(Api, frozen=True):
    """The addresses that a load balancer gave."""

    ingress: List[LoadBalancerIngress] = ()


class ServiceStatus(Api, frozen=True):
    """What became of a Service."""

    load_balancer: LoadBalancerStatus = LoadBalancerStatus()


class Service(Resource, frozen=True):
    """A backend, or the address of a Gateway's own proxies."""

    spec: ServiceSpec = ServiceSpec()
    status: ServiceStatus = ServiceStatus()

    @property
    def own_addresses(self) -> tuple[str, ...]:
        """The addresses of its own within the cluster; none of a headless one, or of another host's name."""
        if self.spec.type == "ExternalName":
            return ()
        return tuple(filter(is_ip, self.spec.cluster_ips or (self.spec.cluster_ip,)))


class EndpointConditions(Api, frozen=True):
    """Readiness of an endpoint; unknown counts as ready (EndpointSlice API)."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class TargetReference(Api, frozen=True):
    """What an endpoint is: a pod as a rule."""

    kind: str = ""
    namespace: str = ""
    name: str = ""


class Endpoint(Api, frozen=True):
    """One pod or process behind a Service."""

    addresses: List[str] = ()
    conditions: EndpointConditions = EndpointConditions()
    zone: str | None = None
    target_ref: TargetReference | None = None


class EndpointPort(Api, frozen=True):
    """A port of the endpoints; matched to the Service's port by name."""

    port: Port | None = None
    name: str = ""
    protocol: str = "TCP"
    app_protocol: str | None = None


SERVICE_NAME = "kubernetes.io/service-name"
"""The label that ties an EndpointSlice to its Service."""


class EndpointSlice(Resource, frozen=True):
    """Addresses of a Service."""

    address_type: Literal["IPv4", "IPv6", "FQDN"] = "IPv4"
    endpoints: List[Endpoint] = ()
    ports: List[EndpointPort] = ()


class Secret(Resource, frozen=True):
    """A Secret. `data` is base64 in the manifest and bytes here; `stringData` wins, as in Kubernetes."""

    data: dict[str, bytes] = field(default_factory=dict)
    string_data: dict[str, str] = field(default_factory=dict)
    type: str = "Opaque"

    def get(self, key: str) -> bytes | None:
        """The value of a key."""
        text = self.string_data.get(key)
        return self.data.get(key) if text is None else text.encode()

    def __repr__(self) -> str:
        """Never the content: a Secret must not reach a log."""
        return f"<Secret {self.metadata.namespace}/{self.metadata.name}>"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("name", f"{self.metadata.namespace}/{self.metadata.name}")]


class Pod(Resource, frozen=True):
    """Its labels tell endpoints apart, where somebody asks for that."""


class ConfigMap(Resource, frozen=True):
    """A ConfigMap, for CA certificates."""

    data: dict[str, str] = field(default_factory=dict)
    binary_data: dict[str, bytes] = field(default_factory=dict)

    def get(self, key: str) -> bytes | None:
        """The value of a key."""
        text = self.data.get(key)
        return self.binary_data.get(key) if text is None else text.encode()
