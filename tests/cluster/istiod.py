"""A real istiod, outside of the cluster, with its authority and its xDS, for an API server alone on loopback."""

import contextlib
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from support.servers.ports import free_port

from . import tools
from .client import Client, RefusedError, established
from .processes import Processes, until

NAME = "istiod"
NAMESPACE = "istio-system"
DOMAIN = "cluster.local"
AUDIENCE = "istio-ca"
ROOT = "istio-ca-root-cert"
ADDRESS = "127.0.0.1"
"""Of pods: their Envoys listen on loopback."""
_KINDS = {"peerauthentications.security.istio.io", "sidecars.networking.istio.io"}
"""Of its kinds those that tests write; it does without the others."""
_MESH = {"trustDomain": DOMAIN, "defaultProviders": {}, "enablePrometheusMerge": False}
_ENVIRONMENT = {
    "POD_NAMESPACE": NAMESPACE,
    "POD_NAME": NAME,
    "ISTIOD_CUSTOM_HOST": "localhost",
    "INJECT_ENABLED": "false",
    # Filters that Istio's own build of Envoy has, and no other.
    "PILOT_ENABLE_METADATA_EXCHANGE": "false",
    "PILOT_ENABLE_ALPN_FILTER": "false",
}


class Istiod:
    """Istio's control plane for one API server. What it issues lives as long as whoever asks says."""

    def __init__(self, folder: Path, kubeconfig: Path) -> None:
        self.folder, self._kubeconfig = folder, kubeconfig
        self.client = Client(kubeconfig)
        self.processes = Processes(folder)
        self.port, self.xds, self._http = free_port(), free_port(), free_port()
        self.address = f"localhost:{self.port}"

    def up(self) -> None:
        """From nothing to ready."""
        for kind in self._kinds():
            self.client.apply(kind)
        for name in _KINDS:
            assert established(self.client, name)
        self.client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "mesh.yaml").write_text(yaml.safe_dump(_MESH))
        self.start()

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        local = {
            "httpAddr": self._http,
            "httpsAddr": 0,
            "grpcAddr": self.xds,
            "secureGRPCAddr": self.port,
            "monitoringAddr": 0,
        }
        command = [
            *("env", f"--chdir={self.folder}", tools.path(NAME), "discovery"),
            *(f"--kubeconfig={self._kubeconfig}", f"--meshConfig={self.folder / 'mesh.yaml'}", "--ctrlz_port=0"),
            *(f"--{name}=127.0.0.1:{port}" for name, port in local.items()),
        ]
        self.processes.start(NAME, command, _ENVIRONMENT)
        self.processes.wait(NAME, self._ready, 90)

    def kill(self) -> None:
        """End it without a word."""
        self.processes.stop(NAME, signal.SIGKILL)

    def token(self, namespace: str, account: str) -> str:
        """A token of a ServiceAccount, which is made if there is none, for istiod."""
        self.client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        meta = {"name": account, "namespace": namespace}
        self.client.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
        asked = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": [AUDIENCE], "expirationSeconds": 3600},
        }
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        return str(self.client.create(path, asked)["status"]["token"])

    def root(self, namespace: str) -> str:
        """Whom all of the mesh trust, as istiod tells each namespace."""
        found: list[str] = []

        def told() -> bool:
            with contextlib.suppress(RefusedError):
                found.append(
                    self.client.get(f"/api/v1/namespaces/{namespace}/configmaps/{ROOT}")["data"]["root-cert.pem"]
                )
            return bool(found)

        assert until(told, 60), "istiod does not say whom to trust"
        return found[-1]

    def sidecar(self, pod: str, account: str, secrets: int) -> dict[str, Any]:
        """The bootstrap of an Envoy beside a pod of the namespace `default`: all else it has from istiod, but secrets,
        which it asks for at a port of this machine as it would ask the agent beside it.
        """
        return {
            "node": {
                "id": f"sidecar~{ADDRESS}~{pod}.default~default.svc.{DOMAIN}",
                "cluster": f"{pod}.default",
                "metadata": {
                    "NAMESPACE": "default",
                    "NAME": pod,
                    "SERVICE_ACCOUNT": account,
                    "LABELS": {"app": pod},
                    "INTERCEPTION_MODE": "NONE",
                    "CLUSTER_ID": "Kubernetes",
                },
            },
            "dynamic_resources": {
                "lds_config": {"ads": {}, "resource_api_version": "V3"},
                "cds_config": {"ads": {}, "resource_api_version": "V3"},
                "ads_config": {
                    "api_type": "GRPC",
                    "transport_api_version": "V3",
                    "grpc_services": [{"envoy_grpc": {"cluster_name": "xds-grpc"}}],
                },
            },
            "static_resources": {"clusters": [_grpc("xds-grpc", self.xds), _grpc("sds-grpc", secrets)]},
        }

    def _kinds(self) -> Iterator[dict[str, Any]]:
        module = tools.module("istio.io/istio", tools.version(NAME, "istio.io/istio"))
        text = (module / "manifests/charts/base/files/crd-all.gen.yaml").read_text()
        for one in yaml.safe_load_all(text):
            if one and one["metadata"]["name"] in _KINDS:
                yield one

    def _ready(self) -> bool:
        url = f"http://127.0.0.1:{self._http}/ready"
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
        return False


def _grpc(name: str, port: int) -> dict[str, Any]:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    http2 = {"@type": f"type.googleapis.com/{options}", "explicit_http_config": {"http2_protocol_options": {}}}
    return {
        "name": name,
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, "endpoints": endpoints},
        "typed_extension_protocol_options": {options: http2},
    }


@contextlib.contextmanager
def running(folder: Path, kubeconfig: Path) -> Iterator[Istiod]:
    """An istiod for the time of the block."""
    one = Istiod(folder, kubeconfig)
    try:
        one.up()
        yield one
    finally:
        one.kill()
