"""The node: containerd, kubelet and kube-proxy. Runs inside the cluster's namespaces, so default paths are its own."""

import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import yaml

from . import tools
from .controlplane import ControlPlane
from .oci import Image, write_archive
from .pki import Authority
from .place import NODE_ADDRESS, POD_ADDRESSES
from .processes import ClusterError, Processes

NAME = "node"
PAUSE = "daemun.test/busybox:1"
DNS_ADDRESS = "10.96.0.10"
_CTR = ("ctr", "--namespace", "k8s.io")

# `restrict_oom_score_adj`: without CAP_SYS_RESOURCE, which containers of machines often lack, no score may be lowered.
_CONTAINERD = f"""
version = 2
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.tracing.processor.v1.otlp"]
[plugins."io.containerd.internal.v1.opt"]
path = "/var/lib/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE}"
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "CNI"
"""


class Node:
    """The one node of the cluster."""

    def __init__(self, plane: ControlPlane, authority: Authority, processes: Processes, cgroup: str) -> None:
        self._plane = plane
        self._authority = authority
        self._processes = processes
        self._cgroup = cgroup
        self._folder = plane.folder / "node"

    def start_containerd(self) -> None:
        """Start it with the pods' network, and wait until it answers."""
        network = self._folder / "cni"
        network.mkdir(parents=True)
        (network / "10-pods.conflist").write_text(json.dumps(_pod_network()))
        config = self._folder / "containerd.toml"
        config.write_text(_CONTAINERD.replace("CNI", str(network)))
        self._processes.start("containerd", ["containerd", "--config", config])
        self._processes.wait("containerd", lambda: _ctr("version") is None, 30)

    def start_kubelet(self) -> None:
        """Start it; the node gets ready when its network is."""
        pair = self._authority.issue("kubelet", "kubelet", hosts=(NODE_ADDRESS, NAME))
        user = self._plane.user(self._authority, "kubelet-client", f"system:node:{NAME}", "system:nodes")
        resolv = self._folder / "resolv.conf"  # nothing outside the cluster can be resolved
        resolv.write_text("nameserver 127.0.0.1\n")
        config = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": NODE_ADDRESS,
            "healthzBindAddress": "127.0.0.1",
            "authentication": {
                "x509": {"clientCAFile": str(self._authority.pair.certificate)},
                "webhook": {"enabled": True},
                "anonymous": {"enabled": False},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(pair.certificate),
            "tlsPrivateKeyFile": str(pair.key),
            "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
            "volumePluginDir": "/var/lib/kubelet/plugins/volumes",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self._cgroup}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "enforceNodeAllocatable": [],
            "evictionHard": {"memory.available": "0%", "nodefs.available": "0%", "imagefs.available": "0%"},
            "imageGCHighThresholdPercent": 100,
            "maxPods": 250,
            "clusterDNS": [DNS_ADDRESS],
            "clusterDomain": "cluster.local",
            "resolvConf": str(resolv),
        }
        file = self._write("kubelet", config)
        flags = [f"--config={file}", f"--kubeconfig={user}", f"--hostname-override={NAME}", f"--node-ip={NODE_ADDRESS}"]
        self._processes.start("kubelet", [tools.path("kubelet"), *flags])

    def start_proxy(self) -> None:
        """kube-proxy: ClusterIPs, NodePorts and the addresses of load balancers."""
        user = self._plane.user(self._authority, "kube-proxy", "system:kube-proxy")
        config = {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "nftables",
            "hostnameOverride": NAME,
            "clientConnection": {"kubeconfig": str(user)},
            "clusterCIDR": POD_ADDRESSES,
            # These are settings of the whole machine, which is not ours to tune.
            "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        }
        self._processes.start("kube-proxy", [tools.path("kube-proxy"), f"--config={self._write('kube-proxy', config)}"])

    def _write(self, name: str, document: Mapping[str, object]) -> Path:
        file = self._folder / f"{name}.yaml"
        file.write_text(yaml.safe_dump(document))
        return file


def load_image(tar: Path) -> None:
    """Make the images of an archive known to the node."""
    fault = _ctr("images", "import", str(tar))
    if fault is not None:
        raise ClusterError(f"{tar} cannot be imported: {fault}")


def load(image: Image, *names: str) -> None:
    """Make an image known by these names. Layers that are there already are not read again."""
    content = subprocess.run([*_CTR, "content", "ls", "--quiet"], capture_output=True, text=True, check=True)
    with tempfile.TemporaryDirectory(prefix="daemun-image-") as scratch:
        archive = Path(scratch, "image.tar")
        write_archive(archive, names, image, content.stdout.split())
        load_image(archive)


def _pod_network() -> dict[str, object]:
    """Every pod has a cable of its own to the node (ptp) and no bridge in between.

    On a bridge the answer of a Service's pod to a neighbour goes straight back, past the connection tracking that
    must rewrite its address, unless the kernel happens to filter bridged packets.
    """
    addresses = {"type": "host-local", "ranges": [[{"subnet": "10.244.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": [{"type": "ptp", "ipMasq": False, "ipam": addresses}]}


def _ctr(*arguments: str) -> str | None:
    """Ask containerd; what went wrong, if anything."""
    done = subprocess.run([*_CTR, *arguments], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else done.stderr.strip()
