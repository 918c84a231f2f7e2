"""What the machine must have before a cluster can start on it."""

import os
import shutil
import subprocess
from pathlib import Path

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

_SERVICES = {  # servers that Daemun is tested with, and what they and their clients need
    "/usr/bin/chromium": "chromium",
    "/usr/bin/java": "default-jre-headless",
    "/usr/bin/mvn": "maven",
    "/usr/bin/redis-server": "redis-server",
    "/usr/bin/wrk": "wrk",
    "/usr/sbin/haproxy": "haproxy",
    "/usr/sbin/slapd": "slapd",
}


def services(install: bool) -> None:
    """With `install`, get the servers that tests start from Debian. Without one, its tests say that it is missing.

    None is started by being installed: the policy for that is set for as long as it takes.
    """
    missing = [package for program, package in _SERVICES.items() if not Path(program).exists()]
    if not install or not missing:
        return
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        _install(missing)
    finally:
        if ours:
            policy.unlink()


def check(install: bool) -> None:
    """Say what is missing; with `install`, get it from Debian."""
    if os.geteuid() != 0:
        raise ClusterError("a cluster needs root, for namespaces and containers")
    packages = _missing()
    if packages and install:
        _install(packages)
        packages = _missing()
    if packages:
        raise ClusterError(f"programs are missing: apt-get install {' '.join(packages)}, or `up --install`")


def _install(packages: list[str]) -> None:
    print(f"installing {' '.join(packages)}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        subprocess.run(["apt-get", "--quiet", *command], env=environment, stdout=subprocess.DEVNULL, check=False)


def _missing() -> list[str]:
    return sorted({package for program, package in _PACKAGES.items() if shutil.which(program) is None})
