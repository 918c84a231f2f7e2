"""What a pod of a mesh gets: the proxy beside its containers, and before them the redirection to it."""

from daemun.ir.placement import CONFIGURATION, Json
from daemun.provision.kube.pod import configured, token_volume
from daemun.provision.kube.settings import CONFIG_DIR, ENVOY, READY_PORT, RUN_DIR, TOKEN_DIR

NAME = "daemun-proxy"
PORT = 15001
"""Where connections are redirected to (gatewayapi/mesh)."""
USER = 15001
"""Whom the proxy runs as, and nobody else in the pod: connections of this user are not redirected."""
_MEMORY_MI = 256
HEAP = int(_MEMORY_MI * 2**20 * 0.9)
_ALONE: Json = {"allowPrivilegeEscalation": False, "privileged": False, "readOnlyRootFilesystem": True}


def containers(image: str, pull_policy: str) -> list[Json]:
    """Init containers, to be the first of a pod: the proxy, which goes on while the pod does, then the redirection.

    So nothing of the pod's own ever runs without either, and the proxy ends after all of them.
    """
    common: Json = {"image": image, "imagePullPolicy": pull_policy}
    proxy: Json = {
        "name": NAME,
        **common,
        "restartPolicy": "Always",
        "command": [ENVOY],
        "args": [
            *("--config-path", f"{CONFIG_DIR}/bootstrap.json"),
            *("--log-level", "warning", "--concurrency", "1", "--disable-hot-restart"),
        ],
        "startupProbe": {
            "httpGet": {"path": "/ready", "port": READY_PORT},
            "periodSeconds": 1,
            "failureThreshold": 120,
        },
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": f"{_MEMORY_MI}Mi"}},
        "securityContext": _ALONE
        | {"runAsUser": USER, "runAsGroup": USER, "runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [
            {"name": f"{NAME}-config", "mountPath": CONFIG_DIR, "readOnly": True},
            {"name": f"{NAME}-token", "mountPath": TOKEN_DIR, "readOnly": True},
            {"name": f"{NAME}-run", "mountPath": RUN_DIR},
        ],
    }
    redirection: Json = {
        "name": f"{NAME}-redirect",
        **common,
        "command": ["daemun", "redirect", "--user", str(USER), "--port", str(PORT)],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}},
        "securityContext": _ALONE
        | {
            "runAsUser": 0,
            "runAsGroup": 0,
            "runAsNonRoot": False,
            "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]},
        },
    }
    return [proxy, redirection]


def volumes() -> list[Json]:
    """What the proxy has of files."""
    return [
        configured(f"{NAME}-config", CONFIGURATION),
        token_volume(f"{NAME}-token"),
        {"name": f"{NAME}-run", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
    ]
