"""Envoy Gateway, from its Go module, by its own chart. Its proxies run the Envoy of Daemun's image."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import yaml
from tests.cluster import daemun_image, node, stock, tools
from tests.cluster.client import established
from tests.cluster.cluster import Cluster

from bench.peers.peer import Peer

_MODULE = "github.com/envoyproxy/gateway"
_VERSION = tools.version("envoy-gateway", _MODULE)
_IMAGE = f"daemun.test/envoy-gateway:{_VERSION}"
_CONTROLLER = "gateway.envoyproxy.io/gatewayclass-controller"
_NAMESPACE = "envoy-gateway-system"
_VALUES = {
    "crds": {"enabled": False},  # Gateway API's are there; its own are applied below
    "global": {
        "images": {
            "envoyGateway": {"image": _IMAGE, "pullPolicy": "Never"},
            "envoyProxy": {"image": daemun_image.NAME, "pullPolicy": "Never"},
        }
    },
    # The chart's limit of 1 GiB ends it at some thousand routes. It is measured, not killed.
    "deployment": {"envoyGateway": {"resources": {"limits": {"memory": "6Gi"}}}},
    "config": {
        "envoyGateway": {
            "gateway": {"controllerName": _CONTROLLER},
            "provider": {"type": "Kubernetes", "kubernetes": {"shutdownManager": {"image": _IMAGE}}},
        }
    },
}


def _install(cluster: Cluster, environment: dict[str, str]) -> None:
    node.load(stock.of_program("envoy-gateway"), _IMAGE)
    client = cluster.client()
    charts = tools.module(_MODULE, _VERSION) / "charts"
    for file in sorted((charts / "gateway-helm" / "charts" / "crds" / "crds" / "generated").glob("*.yaml")):
        for document in yaml.load_all(file.read_text(), Loader=yaml.CSafeLoader):
            if document:
                client.apply(document)
                established(client, document["metadata"]["name"])
    with tempfile.TemporaryDirectory(prefix="envoy-gateway-") as scratch:
        chart = Path(scratch, "chart")
        shutil.copytree(charts / "gateway-helm", chart, copy_function=shutil.copyfile)
        # The module has only the template of the values; what it leaves open is said here.
        (chart / "values.yaml").write_text((chart / "values.tmpl.yaml").read_text())
        values = Path(scratch, "values.yaml")
        values.write_text(yaml.safe_dump(_VALUES))
        place = ["envoy-gateway", str(chart), "--namespace", _NAMESPACE, "--create-namespace", "--values", str(values)]
        command = ["helm", "upgrade", "--install", *place, "--wait", "--timeout", "120s"]
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    name = {"metadata": {"name": "envoy-gateway"}, "spec": {"controllerName": _CONTROLLER}}
    client.apply({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", **name})


_OWNER = "gateway.envoyproxy.io/owning-gateway"
PEER = Peer(
    name="envoy-gateway",
    version=_VERSION.removeprefix("v"),
    gateway_class="envoy-gateway",
    deployment=f"/apis/apps/v1/namespaces/{_NAMESPACE}/deployments/envoy-gateway",
    control_plane=(_NAMESPACE, "control-plane=envoy-gateway"),
    proxies=(_NAMESPACE, f"{_OWNER}-namespace={{namespace}},{_OWNER}-name={{name}}"),
    install=_install,
)
