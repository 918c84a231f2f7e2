"""Daemun, as this checkout has it, by its own chart, with an access log as others have."""

from importlib.metadata import version

from tests.cluster import daemun_image
from tests.cluster.cluster import Cluster
from tests.cluster.install import NAMESPACE, install

from bench.peers.peer import Peer


def _install(cluster: Cluster, environment: dict[str, str]) -> None:
    install(daemun_image.build(), cluster.client(), environment, "proxies.accessLog=true")


PEER = Peer(
    name="daemun",
    version=version("daemun"),
    gateway_class="daemun",
    deployment=f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/daemun",
    control_plane=(NAMESPACE, "app.kubernetes.io/name=daemun"),
    proxies=("{namespace}", "gateway.networking.k8s.io/gateway-name={name}"),
    install=_install,
)
