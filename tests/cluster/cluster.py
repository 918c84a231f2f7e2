"""The whole cluster: from nothing to a node with DNS and load balancers, and back to nothing."""

import os
import sys
import time
from pathlib import Path

from . import node, stock, tools
from .client import Client
from .controlplane import Address, ControlPlane
from .node import Node
from .pki import Authority
from .place import NODE_ADDRESS, POD_ADDRESSES, SERVICE_ADDRESSES, Place
from .processes import ClusterError, Processes, until

_NEEDED = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl")
PROGRAMS = (*_NEEDED, "helm", "coredns", "echo-basic")
INSIDE = "DAEMUN_CLUSTER_INSIDE"  # in the environment of what runs in a cluster: its name


class Cluster:
    """A cluster of this name."""

    def __init__(self, name: str) -> None:
        self.place = Place(name)
        folder = self.place.folder
        self.processes = Processes(folder, self.place.cgroup.joining())
        self._plane = ControlPlane(folder, Address(NODE_ADDRESS, 6443, 2379, 2380), self.processes)
        self.kubeconfig = self._plane.kubeconfig

    def up(self) -> None:
        """Start everything. Afterwards this process is inside."""
        begun = time.monotonic()
        if self.place.exists():
            raise ClusterError(f"cluster {self.place.name} is there already: `make cluster-down` ends it")
        self.place.make()
        authority = self._plane.prepare()
        self._plane.start_etcd()
        self.start_apiserver()
        self._start_controllers(authority)
        _say("the API server answers", begun)
        own = Node(self._plane, authority, self.processes, self.place.cgroup.name)
        own.start_containerd()
        stock.load_all()
        _say("containerd has its images", begun)
        own.start_kubelet()
        own.start_proxy()
        self._start_balancer()
        self._settle(begun)

    def down(self) -> None:
        """End everything and forget everything. It is no error if there is nothing."""
        if self.place.exists():
            self.place.remove()

    def enter(self) -> dict[str, str]:
        """Go inside; the environment for programs there."""
        self.place.enter()
        programs = {str(tools.path(name).parent) for name in ("kubectl", "helm")}
        own = {
            "PATH": os.pathsep.join([*sorted(programs), os.environ.get("PATH", "")]),
            "KUBECONFIG": str(self.kubeconfig),
            "KUBECACHEDIR": str(self.place.folder / "kubectl"),
            **{f"HELM_{kind}_HOME": str(self.place.folder / "helm" / kind) for kind in ("CACHE", "CONFIG", "DATA")},
            INSIDE: self.place.name,
        }
        return {**os.environ, **own}

    def client(self) -> Client:
        """A client with all rights; works inside only."""
        return self._plane.client()

    def start_apiserver(self) -> None:
        """Start it and wait until it is ready: also after `processes.stop` ended it."""
        pki = self.place.folder / "pki"
        self._plane.start_apiserver(
            bind_address="0.0.0.0",
            advertise_address=NODE_ADDRESS,
            kubelet_client_certificate=pki / "apiserver-kubelet.crt",
            kubelet_client_key=pki / "apiserver-kubelet.key",
            kubelet_certificate_authority=pki / "ca.crt",
            kubelet_preferred_address_types="InternalIP",
        )

    def _start_controllers(self, authority: Authority) -> None:
        self._plane.start_controllers(
            allocate_node_cidrs=True,
            cluster_cidr=POD_ADDRESSES,
            service_cluster_ip_range=SERVICE_ADDRESSES,
            cluster_signing_cert_file=authority.pair.certificate,
            cluster_signing_key_file=authority.pair.key,
        )
        flags = [f"--kubeconfig={self.kubeconfig}", "--leader-elect=false"]
        self.processes.start("kube-scheduler", [tools.path("kube-scheduler"), *flags])

    def _start_balancer(self) -> None:
        root = Path(__file__).parents[2]
        command = [sys.executable, "-m", f"{__package__}.balancer", str(self.kubeconfig)]
        self.processes.start("balancer", command, {"PYTHONPATH": f"{root}{os.pathsep}{root / 'tests'}"})

    def _settle(self, begun: float) -> None:
        client = self.client()
        client.apply((Path(__file__).parent / "dns.yaml").read_text())

        def ready() -> bool:
            return _is(client, f"/api/v1/nodes/{node.NAME}", "Ready")

        self.processes.wait("kubelet", lambda: any(client.get("/api/v1/nodes")["items"]) and ready(), 60)
        _say("the node is ready", begun)
        dns = "/apis/apps/v1/namespaces/kube-system/deployments/coredns"
        if not until(lambda: _is(client, dns, "Available"), 60):
            raise ClusterError("the cluster's DNS does not get ready: `kubectl -n kube-system describe pods` says why")
        _say("DNS answers", begun)


def _is(client: Client, path: str, condition: str) -> bool:
    conditions = client.get(path).get("status", {}).get("conditions", [])
    return any(one["type"] == condition and one["status"] == "True" for one in conditions)


def _say(text: str, begun: float) -> None:
    print(f"{time.monotonic() - begun:5.1f} s  {text}", flush=True)
