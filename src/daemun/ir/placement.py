"""Where proxies run: what a Gateway needs from whoever provides its proxies, in nobody's API."""

from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta, field

from daemun.base.names import Ref

Json = dict[str, object]
"""A piece of an object that is handed on as it is written."""
Amount = str | int | float
"""A quantity: `100m`, `1Gi`, `2`."""


CONFIGURATION = "daemun-mesh"
"""The name of what is made for proxies beside pods."""


class Resources(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a container asks for and may use at most."""

    requests: dict[str, Amount] = field(default_factory=dict)
    limits: dict[str, Amount] = field(default_factory=dict)


class Parameters(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What can be said about the proxies of a Gateway, in Kubernetes' own words. Unset is left to Daemun.

    It is a list of what is allowed and not an overlay of whole objects: who may write a Gateway must not come to run
    any container under any account by it.
    """

    replicas: Annotated[int, Meta(ge=0, le=1000)] | None = None
    concurrency: Annotated[int, Meta(ge=1, le=1024)] | None = None
    log_level: Literal["trace", "debug", "info", "warning", "error", "critical", "off"] | None = None
    component_log_levels: dict[str, str] | None = None
    resources: Resources | None = None
    node_selector: dict[str, str] | None = None
    tolerations: tuple[Json, ...] | None = None
    affinity: Json | None = None
    topology_spread_constraints: tuple[Json, ...] | None = None
    priority_class_name: str | None = None
    image_pull_secrets: tuple[Json, ...] | None = None
    termination_grace_period_seconds: Annotated[int, Meta(ge=1, le=86_400)] | None = None
    pod_labels: dict[str, str] | None = None
    pod_annotations: dict[str, str] | None = None
    service_type: Literal["LoadBalancer", "NodePort", "ClusterIP"] | None = None
    service_labels: dict[str, str] | None = None
    service_annotations: dict[str, str] | None = None
    load_balancer_class: str | None = None
    load_balancer_source_ranges: tuple[str, ...] | None = None
    external_traffic_policy: Literal["Cluster", "Local"] | None = None
    node_ports: dict[int, int] | None = None
    cluster_ip: str | None = field(default=None, name="clusterIP")
    service_account_labels: dict[str, str] | None = None
    service_account_annotations: dict[str, str] | None = None


class Overrides(msgspec.Struct, frozen=True):
    """What more an API may say whose objects only those write who may run pods anyway (Gloo's GatewayParameters).

    `image` is a whole reference. With `floating_user` the cluster chooses who the pods run as. `scraped` says whether
    they ask to be scraped.
    """

    image: str | None = None
    image_pull_policy: str | None = None
    security_context: Json | None = None
    pod_security_context: Json | None = None
    floating_user: bool | None = None
    scraped: bool | None = None


class Port(NamedTuple):
    """A port that clients reach, and the one that is bound for it: the same if `bound` is 0.

    `name` is unique among a Gateway's.
    """

    number: int
    protocol: Literal["TCP", "UDP"]
    name: str
    bound: int = 0


class Placement(msgspec.Struct, frozen=True):
    """A Gateway as its proxies' provider sees it.

    `name` is that of everything made for it, which belongs to `ref`. If that is no Gateway there is no such object in
    the cluster, and what is made is known by its labels alone. One that is `held` is not to be served as it is written:
    what runs for it is left alone, and nothing is made. One that is `self_managed` is served, by proxies that somebody
    else runs. One `beside` pods is served by proxies within them: only their configuration is made.
    """

    ref: Ref
    uid: str
    class_name: str
    name: str
    gloo: bool = False
    ports: tuple[Port, ...] = ()
    addresses: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    parameters: Parameters = Parameters()
    overrides: Overrides = Overrides()
    held: bool = False
    self_managed: bool = False
    beside: bool = False

    @property
    def made(self) -> bool:
        """Whether objects are made for it."""
        return not self.held and not self.self_managed

    @property
    def proxy(self) -> str:
        """The name of the proxy that is configured by xDS."""
        return str(self.ref.key)
