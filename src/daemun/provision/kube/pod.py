"""The pods of a proxy: Envoy alone, without a right in the cluster, on a file system that it cannot change."""

import math
import re

import msgspec

from daemun.ir.placement import Amount, Json, Overrides, Parameters, Placement, Resources
from daemun.provision.kube.settings import (
    ADMIN_SOCKET,
    AUDIENCE,
    CONFIG_DIR,
    ENVOY,
    READY_PORT,
    RUN_DIR,
    TOKEN_DIR,
    USER,
    ProxySettings,
)

DIGEST = "daemun.dev/bootstrap"
"""The annotation by which pods are made anew when their bootstrap changes."""
_GRACE_SECONDS = 60
_DRAIN_SECONDS = 45
_TOKEN_SECONDS = 3600
_RESOURCES = Resources({"cpu": "100m", "memory": "128Mi"}, {"memory": "2Gi"})
_HEAP_SHARE = 0.9
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|[kMGT]|[KMGT]i)?")


def heap(parameters: Parameters) -> int:
    """The most memory Envoy may take: a little less than its container, so that it refuses before it is killed."""
    limit = quantity((parameters.resources or _RESOURCES).limits.get("memory", 0))
    return int(limit * _HEAP_SHARE)


def quantity(amount: Amount) -> float:
    """A Kubernetes quantity as a number; 0 for one that cannot be read, which the API server will refuse."""
    found = _QUANTITY.fullmatch(str(amount))
    if found is None:
        return 0
    return float(found[1]) / 1000 if found[2] == "m" else float(found[1]) * _UNITS[found[2] or ""]


def template(
    placement: Placement, settings: ProxySettings, labels: dict[str, str], annotations: dict[str, str], digest: str
) -> Json:
    """The pod template of a Deployment."""
    said, over = placement.parameters, placement.overrides
    scraped = {"prometheus.io/scrape": "true", "prometheus.io/port": str(READY_PORT), "prometheus.io/path": "/metrics"}
    if over.scraped is False:
        scraped = {}
    selected = {"matchLabels": {"app.kubernetes.io/name": placement.name}}
    grace = said.termination_grace_period_seconds or _GRACE_SECONDS
    spread = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
    spec: Json = {
        "serviceAccountName": placement.name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": grace,
        "securityContext": _security(over),
        "containers": [_envoy(placement, settings, grace)],
        "volumes": _volumes(placement.name),
        "topologySpreadConstraints": said.topology_spread_constraints or [spread | {"labelSelector": selected}],
    }
    optional = {
        "nodeSelector": said.node_selector,
        "tolerations": said.tolerations,
        "affinity": said.affinity,
        "priorityClassName": said.priority_class_name,
        "imagePullSecrets": said.image_pull_secrets,
    }
    spec |= {key: value for key, value in optional.items() if value is not None}
    return {"metadata": {"labels": labels, "annotations": scraped | annotations | {DIGEST: digest}}, "spec": spec}


def _security(over: Overrides) -> Json:
    user: Json = {} if over.floating_user else {"runAsUser": USER, "runAsGroup": USER, "fsGroup": USER}
    ours: Json = {
        "runAsNonRoot": True,
        **user,
        "seccompProfile": {"type": "RuntimeDefault"},
        # Port 80 without being root: in a network of its own there is nobody to take it from.
        "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}],
    }
    return ours | _floating(over.pod_security_context or {}, over)


def _floating(context: Json, over: Overrides) -> Json:
    """A security context, without its user where the cluster chooses that."""
    return {key: value for key, value in context.items() if not (over.floating_user and key == "runAsUser")}


def _envoy(placement: Placement, settings: ProxySettings, grace: int) -> Json:
    said, over = placement.parameters, placement.overrides
    components = {"main": "warning"} | (said.component_log_levels or {})
    resources = said.resources or _RESOURCES
    cores = quantity(resources.limits.get("cpu", 0))
    concurrency = said.concurrency or math.ceil(cores)
    threads = ["--concurrency", str(concurrency)] if concurrency else []
    drain = ["--drain-time-s", str(_DRAIN_SECONDS), "--drain-strategy", "immediate"]
    wait = max(1, grace - 5)
    return {
        "name": "envoy",
        "image": over.image or settings.image,
        "imagePullPolicy": over.image_pull_policy or settings.image_pull_policy,
        "command": [ENVOY],
        "args": [
            *("--config-path", f"{CONFIG_DIR}/bootstrap.json"),
            *("--log-level", said.log_level or settings.log_level),
            *("--component-log-level", ",".join(f"{name}:{level}" for name, level in sorted(components.items()))),
            "--disable-hot-restart",
            *drain,
            *threads,
        ],
        # As in Gloo's proxies: templates, tags of traces and access logs name them.
        "env": [_said_of_pod("POD_NAME", "metadata.name"), _said_of_pod("POD_NAMESPACE", "metadata.namespace")],
        # Not the listeners' ports: to name them has no effect, but a new one would make new pods.
        "ports": [{"name": "ready", "containerPort": READY_PORT, "protocol": "TCP"}],
        "readinessProbe": {
            "httpGet": {"path": "/ready", "port": READY_PORT},
            # When it is ready, requests wait for kubelet to know.
            "periodSeconds": 1,
            "failureThreshold": 4,
        },
        "lifecycle": {
            "preStop": {
                "exec": {"command": ["python3", "-I", "-m", "daemun.provision.kube.drain", ADMIN_SOCKET, str(wait)]}
            }
        },
        "resources": msgspec.to_builtins(resources),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "readOnlyRootFilesystem": True,
        }
        | _floating(over.security_context or {}, over),
        "volumeMounts": [
            {"name": "config", "mountPath": CONFIG_DIR, "readOnly": True},
            {"name": "token", "mountPath": TOKEN_DIR, "readOnly": True},
            {"name": "run", "mountPath": RUN_DIR},
        ],
    }


def _said_of_pod(name: str, field: str) -> Json:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": field}}}


def configured(name: str, config_map: str) -> Json:
    """The volume with what a proxy is told: the files of a ConfigMap."""
    return {"name": name, "configMap": {"name": config_map}}


def token_volume(name: str) -> Json:
    """The volume with the token of the pod's ServiceAccount, for the xDS server alone."""
    token = {"audience": AUDIENCE, "expirationSeconds": _TOKEN_SECONDS, "path": "token"}
    return {"name": name, "projected": {"sources": [{"serviceAccountToken": token}]}}


def _volumes(name: str) -> list[Json]:
    return [
        configured("config", name),
        token_volume("token"),
        {"name": "run", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
    ]
