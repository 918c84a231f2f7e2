"""GatewayParameters: how the proxies of a Gateway are deployed.

These are merged, one over another, and an empty map or list clears what lies beneath. So what is not set is None.
What belongs to a pod's own API (affinity, resources, security contexts, sidecars) is taken over as it is.
"""

from typing import Annotated, Literal

from msgspec import Meta, field

from daemun.api.gloo.resource import GlooResource
from daemun.api.gloo.scalars import Struct
from daemun.api.meta import Api, List

Texts = dict[str, str]


class ProxyDeployment(Api, frozen=True):
    """The proxies' Deployment."""

    replicas: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None


class EnvoyBootstrap(Api, frozen=True):
    """How Envoy is started: what it logs, as a whole and by component."""

    log_level: str | None = None
    component_log_levels: Texts | None = None


class Image(Api, frozen=True):
    """A container image, in parts."""

    registry: str | None = None
    repository: str | None = None
    tag: str | None = None
    digest: str | None = None
    pull_policy: Literal["Always", "Never", "IfNotPresent"] | None = None


class EnvoyContainer(Api, frozen=True):
    """The container that Envoy runs in."""

    bootstrap: EnvoyBootstrap | None = None
    image: Image | None = None
    security_context: Struct | None = None
    resources: Struct | None = None


class SdsBootstrap(Api, frozen=True):
    """How the SDS server is started."""

    log_level: str | None = None


class SdsContainer(Api, frozen=True):
    """The container that serves certificates of a mesh."""

    image: Image | None = None
    security_context: Struct | None = None
    resources: Struct | None = None
    bootstrap: SdsBootstrap | None = None


class PodTemplate(Api, frozen=True):
    """What the proxies' pods are made from."""

    extra_labels: Texts | None = None
    extra_annotations: Texts | None = None
    security_context: Struct | None = None
    image_pull_secrets: List[Struct] | None = None
    node_selector: Texts | None = None
    affinity: Struct | None = None
    tolerations: List[Struct] | None = None


class ProxyService(Api, frozen=True):
    """The proxies' Service."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"] | None = None
    cluster_ip: str | None = field(default=None, name="clusterIP")
    extra_labels: Texts | None = None
    extra_annotations: Texts | None = None


class ProxyServiceAccount(Api, frozen=True):
    """The proxies' ServiceAccount."""

    extra_labels: Texts | None = None
    extra_annotations: Texts | None = None


class IstioContainer(Api, frozen=True):
    """Istio's proxy beside Envoy."""

    image: Image | None = None
    security_context: Struct | None = None
    resources: Struct | None = None
    log_level: str | None = None
    istio_discovery_address: str | None = None
    istio_meta_mesh_id: str | None = None
    istio_meta_cluster_id: str | None = None


class IstioIntegration(Api, frozen=True):
    """What makes the proxies part of a mesh of Istio's."""

    istio_proxy_container: IstioContainer | None = None
    custom_sidecars: List[Struct] | None = None


class StatsConfig(Api, frozen=True):
    """Where the proxies' statistics are served."""

    enabled: bool | None = None
    route_prefix_rewrite: str | None = None
    enable_stats_route: bool | None = None
    stats_route_prefix_rewrite: str | None = None


class KubernetesProxyConfig(Api, frozen=True):
    """Proxies that are deployed. With `floatingUserId` the cluster chooses who they run as."""

    deployment: ProxyDeployment | None = None
    envoy_container: EnvoyContainer | None = None
    sds_container: SdsContainer | None = None
    pod_template: PodTemplate | None = None
    service: ProxyService | None = None
    service_account: ProxyServiceAccount | None = None
    istio: IstioIntegration | None = None
    stats: StatsConfig | None = None
    floating_user_id: bool | None = None


class GatewayParametersSpec(Api, frozen=True):
    """Proxies that are deployed, or (`selfManaged`) that somebody else runs."""

    kube: KubernetesProxyConfig | None = None
    self_managed: Struct | None = None


class GatewayParameters(GlooResource, frozen=True):
    """How the proxies of a Gateway are deployed."""

    spec: GatewayParametersSpec = field(default_factory=GatewayParametersSpec)
