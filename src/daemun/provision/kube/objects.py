"""From a placement to the Kubernetes objects that make it real. Pure."""

from collections.abc import Iterator
from hashlib import blake2b
from typing import NamedTuple

from daemun.base.names import GATEWAY, Name
from daemun.ir.placement import Json, Placement
from daemun.kube import paths
from daemun.provision.kube import bootstrap, pod, sidecar
from daemun.provision.kube.settings import ProxySettings

GATEWAY_NAME = f"{GATEWAY}/gateway-name"
GATEWAY_CLASS = f"{GATEWAY}/gateway-class-name"
MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "daemun"
_LABEL = 63


class Made(NamedTuple):
    """A kind of object that is made: its API group, version, plural and kind."""

    group: str
    version: str
    plural: str
    kind: str

    @property
    def api_version(self) -> str:
        """As it stands in an object."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, name: Name) -> str:
        """Where an object of this kind lives."""
        return paths.resource(self.group, self.version, self.plural, name)


SERVICE_ACCOUNT = Made("", "v1", "serviceaccounts", "ServiceAccount")
CONFIG_MAP = Made("", "v1", "configmaps", "ConfigMap")
SERVICE = Made("", "v1", "services", "Service")
DEPLOYMENT = Made("apps", "v1", "deployments", "Deployment")
BUDGET = Made("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
ALL_MADE = (SERVICE_ACCOUNT, CONFIG_MAP, SERVICE, DEPLOYMENT, BUDGET)
"""In the order in which they are made: what a pod needs comes before it."""


class Rendered(NamedTuple):
    """An object as it should be, for the Gateway of this name and uid."""

    made: Made
    name: Name
    gateway: str
    uid: str
    body: Json

    @property
    def path(self) -> str:
        """Where it lives."""
        return self.made.path(self.name)


def render(placement: Placement, settings: ProxySettings, authority: str) -> Iterator[Rendered]:
    """All objects of a Gateway. `authority` is the PEM of whom its proxies trust to be the xDS server."""
    heap = sidecar.HEAP if placement.beside else pod.heap(placement.parameters)
    files = bootstrap.secrets(settings.xds_host) | {
        "bootstrap.json": bootstrap.bootstrap(placement.proxy, settings, heap).decode()
    }
    if placement.beside:
        yield _object(CONFIG_MAP, placement, {"data": files | {bootstrap.AUTHORITY_FILE: authority}})
        return
    # What the proxy follows by itself does not make new pods.
    digest = blake2b("".join(files.values()).encode(), digest_size=8).hexdigest()
    yield _account(placement)
    yield _object(CONFIG_MAP, placement, {"data": files | {bootstrap.AUTHORITY_FILE: authority}})
    yield _service(placement, settings)
    yield _deployment(placement, settings, digest)
    if (placement.parameters.replicas or 1) > 1:
        yield _object(BUDGET, placement, {"spec": {"maxUnavailable": 1, "selector": _selector(placement)}})


def label_value(text: str) -> str:
    """A name as the value of a label, which has to be shorter."""
    if len(text) <= _LABEL:
        return text
    digest = blake2b(text.encode(), digest_size=5).hexdigest()
    return f"{text[: _LABEL - len(digest) - 1].rstrip('-.')}-{digest}"


def _object(made: Made, placement: Placement, content: Json, **metadata: dict[str, str]) -> Rendered:
    name = Name(placement.ref.namespace, placement.name)
    meta: Json = {
        "name": name.name,
        "namespace": name.namespace,
        "labels": metadata.get("labels", {}) | _labels(placement),
        "annotations": metadata.get("annotations", {}) | placement.annotations,
    }
    if placement.ref.kind == "Gateway":
        owner = {"apiVersion": f"{GATEWAY}/v1", "kind": "Gateway", "name": placement.ref.name, "uid": placement.uid}
        meta["ownerReferences"] = [owner | {"controller": True}]
    body = {"apiVersion": made.api_version, "kind": made.kind, "metadata": meta} | content
    return Rendered(made, name, placement.ref.name, placement.uid, body)


def _labels(placement: Placement) -> dict[str, str]:
    """The labels of all objects. The Gateway's own come first: they cannot change who an object belongs to."""
    ours = {
        MANAGED_BY: MANAGER,
        "app.kubernetes.io/instance": label_value(placement.ref.name),
        GATEWAY_CLASS: label_value(placement.class_name),
        **_selected(placement),
    }
    return placement.labels | ours | ({"gloo": "kube-gateway"} if placement.gloo else {})


def _selected(placement: Placement) -> dict[str, str]:
    """The labels that pods are found by. They can never change: a Deployment's selector is immutable."""
    return {"app.kubernetes.io/name": placement.name, GATEWAY_NAME: label_value(placement.ref.name)}


def _selector(placement: Placement) -> Json:
    return {"matchLabels": _selected(placement)}


def _account(placement: Placement) -> Rendered:
    said = placement.parameters
    labels, annotations = said.service_account_labels or {}, said.service_account_annotations or {}
    content: Json = {"automountServiceAccountToken": False}
    return _object(SERVICE_ACCOUNT, placement, content, labels=labels, annotations=annotations)


def _service(placement: Placement, settings: ProxySettings) -> Rendered:
    said = placement.parameters
    kind = said.service_type or settings.service_type
    node_ports = said.node_ports or {}
    spec: Json = {
        "type": kind,
        "selector": _selected(placement),
        "ports": [
            {
                "name": port.name,
                "port": port.number,
                "targetPort": port.bound or port.number,
                "protocol": port.protocol,
            }
            | ({"nodePort": node_ports[port.number]} if kind != "ClusterIP" and port.number in node_ports else {})
            for port in placement.ports
        ],
    }
    if said.cluster_ip:
        spec["clusterIP"] = said.cluster_ip
    if kind == "LoadBalancer":
        optional = {
            "loadBalancerIP": placement.addresses[0] if placement.addresses else None,
            "loadBalancerClass": said.load_balancer_class,
            "loadBalancerSourceRanges": said.load_balancer_source_ranges,
        }
        spec |= {key: value for key, value in optional.items() if value}
    if kind != "ClusterIP" and said.external_traffic_policy:
        spec["externalTrafficPolicy"] = said.external_traffic_policy
    return _object(
        SERVICE,
        placement,
        {"spec": spec},
        labels=said.service_labels or {},
        annotations=said.service_annotations or {},
    )


def _deployment(placement: Placement, settings: ProxySettings, digest: str) -> Rendered:
    said = placement.parameters
    labels = (said.pod_labels or {}) | _labels(placement)
    annotations = (said.pod_annotations or {}) | placement.annotations
    spec: Json = {
        "selector": _selector(placement),
        "revisionHistoryLimit": 2,
        # A new proxy is there before an old one goes.
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "template": pod.template(placement, settings, labels, annotations, digest),
    }
    if said.replicas is not None:  # or an autoscaler may have it
        spec["replicas"] = said.replicas
    return _object(DEPLOYMENT, placement, {"spec": spec})
