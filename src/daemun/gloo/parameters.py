"""GatewayParameters: Gloo's way to say how the proxies of a Gateway are deployed.

The Gateway's (named by an annotation, or by `spec.infrastructure.parametersRef`) lie over those of its class, field by
field and key by key. A list is added to; a map or list that is written out empty clears what lies beneath.
"""

import functools
from collections.abc import Iterator
from typing import Any

import msgspec

from daemun.api.gloo.parameters import (
    EnvoyBootstrap,
    EnvoyContainer,
    GatewayParameters,
    GatewayParametersSpec,
    Image,
    IstioIntegration,
    KubernetesProxyConfig,
    PodTemplate,
    ProxyService,
    StatsConfig,
)
from daemun.base.names import GLOO_KUBE_GATEWAY, Name
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.proxies.parameters import ParameterKind, ResolvedParameters
from daemun.gloo.served.fields import Fields, Served
from daemun.ir.placement import Overrides, Parameters

ANNOTATION = "gateway.gloo.solo.io/gateway-parameters-name"
_OF_ENVOY = "envoy"
_OF_GLOO = "gloo"
_MESHES = "proxies need nothing beside them: the control plane gets their certificates of a mesh"
_STATS = "statistics are on port 19001 of every proxy, at /metrics and /stats/prometheus"
SERVED = Served(
    (
        Fields(
            KubernetesProxyConfig,
            ("deployment", "envoyContainer", "podTemplate", "service", "serviceAccount", "stats", "floatingUserId"),
            {"sdsContainer": _MESHES, "istio": _MESHES},
        ),
        Fields(
            StatsConfig,
            ("enabled",),
            {"routePrefixRewrite": _STATS, "enableStatsRoute": _STATS, "statsRoutePrefixRewrite": _STATS},
        ),
    )
)


def gateway_parameters(objects: Collection[Name, GatewayParameters]) -> ParameterKind:
    """GatewayParameters as a kind that holds parameters."""

    def find(reader: Reader, at: Name) -> "_Content | None":
        found = reader.get(objects, at)
        return None if found is None else _Content(at, found.spec)

    return ParameterKind(GLOO_KUBE_GATEWAY, "GatewayParameters", find, _read, _over, ANNOTATION)


class _Content(msgspec.Struct, frozen=True):
    """What an object says, or several merged, the last of which is `at`."""

    at: Name
    spec: GatewayParametersSpec


def _over(general: _Content, own: _Content) -> _Content:
    if own.spec.self_managed is not None:
        return own
    if own.spec.kube is not None and general.spec.self_managed is not None:
        return own
    return _Content(own.at, merged(general.spec, own.spec))


def merged(general: Any, own: Any) -> Any:
    """`own` over `general`, deeply; what is not set (None) leaves what is."""
    if own is None or general is None:
        return general if own is None else own
    if isinstance(own, IstioIntegration):
        return own  # sidecars are replaced as a whole
    if isinstance(own, msgspec.Struct):
        fields = own.__struct_fields__
        return type(own)(**{name: merged(getattr(general, name), getattr(own, name)) for name in fields})
    if isinstance(own, dict) and own and isinstance(general, dict):
        return general | {key: merged(general.get(key), value) for key, value in own.items()}
    if isinstance(own, list | tuple) and own and isinstance(general, list | tuple):
        return type(own)((*general, *own))
    return own


def _read(content: _Content, where: str) -> ResolvedParameters:
    kube = content.spec.kube or KubernetesProxyConfig()
    said: dict[str, Any] = {}
    findings = []
    for field, name, value, kind in _said(kube):
        if value is None:
            continue
        try:
            said[name] = msgspec.convert(msgspec.to_builtins(value), kind)
        except msgspec.ValidationError as error:
            text = f"GatewayParameters {content.at}, spec.kube.{field}: {error}"
            findings.append(Finding("InvalidParameters", where, text, "Correct it."))
    notes = [
        Finding(one.reason, where, f"GatewayParameters {content.at}, {one.where} {one.text}", one.mend)
        for one in (*SERVED.unserved(content.spec, "spec"), *_foreign(kube))
    ]
    return ResolvedParameters(
        msgspec.structs.replace(Parameters(), **said),
        _overrides(kube),
        content.spec.self_managed is not None,
        tuple(findings),
        tuple(notes),
    )


def _said(kube: KubernetesProxyConfig) -> Iterator[tuple[str, str, Any, Any]]:
    """Each field that is a parameter: where it is, what it is called here, its value, and what it has to be."""
    envoy = kube.envoy_container or EnvoyContainer()
    pod, service = kube.pod_template or PodTemplate(), kube.service or ProxyService()
    account = kube.service_account
    bootstrap = envoy.bootstrap or EnvoyBootstrap()
    values = (
        ("deployment.replicas", "replicas", kube.deployment and kube.deployment.replicas),
        ("envoyContainer.bootstrap.logLevel", "log_level", bootstrap.log_level),
        (
            "envoyContainer.bootstrap.componentLogLevels",
            "component_log_levels",
            bootstrap and bootstrap.component_log_levels,
        ),
        ("envoyContainer.resources", "resources", envoy.resources),
        ("podTemplate.extraLabels", "pod_labels", pod.extra_labels),
        ("podTemplate.extraAnnotations", "pod_annotations", pod.extra_annotations),
        ("podTemplate.imagePullSecrets", "image_pull_secrets", pod.image_pull_secrets),
        ("podTemplate.nodeSelector", "node_selector", pod.node_selector),
        ("podTemplate.affinity", "affinity", pod.affinity),
        ("podTemplate.tolerations", "tolerations", pod.tolerations),
        ("service.type", "service_type", service.type),
        ("service.clusterIP", "cluster_ip", service.cluster_ip),
        ("service.extraLabels", "service_labels", service.extra_labels),
        ("service.extraAnnotations", "service_annotations", service.extra_annotations),
        ("serviceAccount.extraLabels", "service_account_labels", account and account.extra_labels),
        ("serviceAccount.extraAnnotations", "service_account_annotations", account and account.extra_annotations),
    )
    for field, name, value in values:
        yield field, name, value, _types()[name]


@functools.cache
def _types() -> dict[str, Any]:
    return {one.name: one.type for one in msgspec.structs.fields(Parameters)}


def _overrides(kube: KubernetesProxyConfig) -> Overrides:
    envoy = kube.envoy_container or EnvoyContainer()
    image = envoy.image or Image()
    return Overrides(
        image=None if _of_another(image) else _reference(image),
        image_pull_policy=image.pull_policy,
        security_context=envoy.security_context,
        pod_security_context=kube.pod_template.security_context if kube.pod_template else None,
        floating_user=kube.floating_user_id,
        scraped=kube.stats.enabled if kube.stats else None,
    )


def _reference(image: Image) -> str | None:
    """The parts of an image as one reference; None where its repository is left to Daemun."""
    if not image.repository:
        return None
    name = f"{image.registry}/{image.repository}" if image.registry else image.repository
    return f"{name}{':' + image.tag if image.tag else ''}{'@' + image.digest if image.digest else ''}"


def _of_another(image: Image) -> bool:
    """Whether it is an Envoy of Gloo's. Daemun's proxies are drained by what only its own image has."""
    name = (image.repository or "").rpartition("/")[2]
    return _OF_ENVOY in name and _OF_GLOO in name


def _foreign(kube: KubernetesProxyConfig) -> Iterator[Finding]:
    where = "spec.kube.envoyContainer.image"
    image = (kube.envoy_container or EnvoyContainer()).image or Image()
    if _of_another(image):
        text = "is Gloo's own Envoy: Daemun's proxies run Daemun's image"
        yield Finding("NotServed", where, text, "Remove it, or name a copy of Daemun's image.")
    elif not image.repository and (image.tag or image.digest or image.registry):
        text = "has no repository: the proxies run the image that Daemun was installed with"
        yield Finding("NotServed", where, text, "Name registry, repository and tag, or none of them.")
