"""Where a cluster lives: everything that must not collide with another cluster comes from its name."""

import ctypes
import os
import shutil
import subprocess
from pathlib import Path

from .cgroups import Cgroup
from .processes import ClusterError

NODE_ADDRESS = "10.250.0.1"
SERVICE_ADDRESSES = "10.96.0.0/16"
BALANCED_ADDRESSES = "10.250.1.0/24"
POD_ADDRESSES = "10.244.0.0/16"
_BASE = Path(os.environ.get("DAEMUN_CLUSTER_DIR", "/var/tmp/daemun-cluster"))  # noqa: S108 - root's own, and on a disk
# Folders whose place cannot be configured, or that everybody expects where they are. Inside they are the cluster's own.
_OWN = (
    "/run/containerd",
    "/var/lib/cni",
    "/var/lib/containerd",
    "/var/lib/kubelet",
    "/var/log/containers",
    "/var/log/pods",
)
# Settings of the whole machine that kubelet wants otherwise. Inside, ordinary files stand in their place.
_SETTINGS = (
    "/proc/sys/kernel/keys/root_maxbytes",
    "/proc/sys/kernel/keys/root_maxkeys",
    "/proc/sys/kernel/panic",
    "/proc/sys/kernel/panic_on_oops",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sys/vm/panic_on_oom",
)
# While Linux changes packet filter rules a packet now and then passes a map of theirs as if it held nothing: with rules
# like kube-proxy's, 61 of 2.4 million new connections at 45 changes a second. What then still has the address of a
# load balancer looks for a neighbour of that address and fails. Dropped before it counts as begun, it is sent again.
_MISSED = f"""
table ip missed {{
  chain output {{
    type filter hook output priority 10; policy accept;
    ip daddr {BALANCED_ADDRESSES} ct state new drop
  }}
  chain forward {{
    type filter hook forward priority 10; policy accept;
    ip daddr {BALANCED_ADDRESSES} ct state new drop
  }}
}}
"""
_NAMESPACES = {"mnt": 0x00020000, "net": 0x40000000}  # as setns(2) counts them


class Place:
    """A folder, a control group, and two namespaces: of the network, and of mounts.

    What a cluster mounts nobody outside sees, and it vanishes with the last process. So does its network, with all
    addresses, routes and packet filter rules. Addresses inside are the same for every cluster.
    """

    def __init__(self, name: str) -> None:
        if not name.isidentifier():
            raise ClusterError(f"{name!r} is no good name for a cluster: use letters, digits and _")
        self.name = name
        self.folder = _BASE / name
        self.cgroup = Cgroup(f"daemun-{name}")
        self._namespaces = self.folder / "namespaces"

    def exists(self) -> bool:
        """Whether something was made here and not removed."""
        return self.folder.exists()

    def make(self) -> None:
        """Create all that, and enter."""
        self.cgroup.make()  # the first, because others look at it before they tidy up
        for folder in (*map(Path, _OWN), *map(self._own, _OWN), self._namespaces):
            folder.mkdir(parents=True, exist_ok=True)
        # A namespace of mounts can be kept by a file only if that file's mount is private.
        _run("mount", "--bind", self._namespaces, self._namespaces)
        _run("mount", "--make-private", self._namespaces)
        for kind in _NAMESPACES:
            (self._namespaces / kind).touch()
        files = [f"--{long}={self._namespaces / kind}" for long, kind in (("mount", "mnt"), ("net", "net"))]
        _run("unshare", "--propagation", "private", *files, "true")
        self.enter()
        _run("mount", "--make-rshared", "/")  # volumes of pods may ask for propagation
        for setting in _SETTINGS:
            self._own(setting).write_text(Path(setting).read_text())
        for path in (*_OWN, *_SETTINGS):
            _run("mount", "--bind", self._own(path), path)
        self._network()

    def enter(self) -> None:
        """From here on this process, and what it starts, is inside. There is no way back.

        Not by `ip netns exec`, which mounts a new /sys where kubelet and containerd would find no control groups.
        """
        try:  # both before the first step, because the files are not to be seen from inside
            opened = {number: (self._namespaces / kind).open("rb") for kind, number in _NAMESPACES.items()}
        except FileNotFoundError:
            raise ClusterError(f"there is no cluster {self.name}: `make cluster` starts one") from None
        here = Path.cwd()
        for number, file in opened.items():
            with file:
                if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), number) != 0:
                    raise ClusterError(f"cannot enter the cluster: {os.strerror(ctypes.get_errno())}")
        os.chdir(here)

    def remove(self) -> None:
        """End every process that began inside, and leave nothing."""
        self.cgroup.remove()
        for mounted in reversed(_mounts_below(self._namespaces)):
            _run("umount", mounted)
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.folder.exists():
            raise ClusterError(f"{self.folder} cannot be removed")
        _remove_empty(_BASE)
        if not self.cgroup.others():  # to remove a folder would take away what another cluster has mounted there
            for folder in _OWN:
                _remove_empty(Path(folder))

    def _own(self, path: str) -> Path:
        return self.folder / "own" / path.lstrip("/").replace("/", "-")

    def _network(self) -> None:
        """The node's address, on a bridge, because the kernel may have no dummy device; pods are routed to it.

        What kube-proxy answers for needs a route from the node, be it to nowhere. All else cannot be reached and says
        so at once: a pull of an image that is not there shall fail, not wait. A load balancer's address that nobody has
        is silent.
        """
        _run("ip", "link", "set", "lo", "up")
        _run("ip", "link", "add", "node0", "type", "bridge")
        _run("ip", "address", "add", f"{NODE_ADDRESS}/24", "dev", "node0")
        _run("ip", "link", "set", "node0", "up")
        for answered in (SERVICE_ADDRESSES, BALANCED_ADDRESSES):
            _run("ip", "route", "add", answered, "dev", "node0", "src", NODE_ADDRESS)
        _run("ip", "route", "add", "unreachable", "default")
        _run("nft", "-f", "-", stdin=_MISSED)
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def names() -> list[str]:
    """The clusters of this machine."""
    return sorted(one.name for one in _BASE.iterdir()) if _BASE.is_dir() else []


def _mounts_below(folder: Path) -> list[str]:
    targets = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [target for target in targets if Path(target).is_relative_to(folder)]


def _remove_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _run(*command: str | Path, stdin: str = "") -> None:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
