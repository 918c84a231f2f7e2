"""What the machine must have before a cluster can start on it."""

import os
import shutil
import subprocess

from .processes import ClusterError

_PACKAGES = {  # a program of each Debian package
    "/usr/lib/cni/ptp": "containernetworking-plugins",
    "busybox": "busybox-static",
    "conntrack": "conntrack",
    "containerd": "containerd",
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "nft": "nftables",
    "runc": "runc",
}


def check(install: bool) -> None:
    """Say what is missing; with `install`, get it from Debian."""
    if os.geteuid() != 0:
        raise ClusterError("a cluster needs root, for namespaces and containers")
    packages = _missing()
    if packages and install:
        print(f"installing {' '.join(packages)}", flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
            subprocess.run(["apt-get", "--quiet", *command], env=environment, stdout=subprocess.DEVNULL, check=False)
        packages = _missing()
    if packages:
        raise ClusterError(f"programs are missing: apt-get install {' '.join(packages)}, or `up --install`")


def _missing() -> list[str]:
    return sorted({package for program, package in _PACKAGES.items() if shutil.which(program) is None})
