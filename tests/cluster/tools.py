"""The programs of the cluster, built from Go modules: once, into the user's cache, never per run.

Their versions are pinned by the go.mod and go.sum of a folder below `tools/` each. The cache is keyed by the content
of that folder and by Go's version, so a changed pin is a new build, and an old build is never taken for it.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .processes import ClusterError

_MODULES = Path(__file__).parent / "tools"


@dataclass(frozen=True, slots=True)
class Program:
    """A program: the folder that pins it, its package there, how it is built, and how long that takes at first."""

    module: str
    package: str
    minutes: float
    static: bool = False  # for images that hold nothing else
    test: bool = False  # a test binary: `go test -c`


PROGRAMS = {
    "etcd": Program("etcd", "go.etcd.io/etcd/server/v3", 1),
    "kube-apiserver": Program("kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver", 8),
    "kube-controller-manager": Program("kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager", 1),
    "kube-scheduler": Program("kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler", 0.5),
    "kubelet": Program("kubernetes", "k8s.io/kubernetes/cmd/kubelet", 1),
    "kube-proxy": Program("kubernetes", "k8s.io/kubernetes/cmd/kube-proxy", 0.5),
    "kubectl": Program("kubernetes", "k8s.io/kubernetes/cmd/kubectl", 0.5),
    "helm": Program("helm", "helm.sh/helm/v3/cmd/helm", 2),
    "coredns": Program("coredns", "github.com/coredns/coredns", 2, static=True),
    "echo-basic": Program("conformance", "sigs.k8s.io/gateway-api/conformance/echo-basic", 1, static=True),
    "conformance.test": Program("conformance", ".", 4, test=True),
    "echo-client": Program("echo", "istio.io/istio/pkg/test/echo/cmd/client", 4, static=True),
    "echo-server": Program("echo", "istio.io/istio/pkg/test/echo/cmd/server", 0.5, static=True),
    "vault": Program("vault", "github.com/hashicorp/vault", 9),
    "opa": Program("opa", "github.com/open-policy-agent/opa", 3),
    "ratelimit": Program("ratelimit", "github.com/envoyproxy/ratelimit/src/service_cmd", 1),
    "istiod": Program("istiod", "istio.io/istio/pilot/cmd/pilot-discovery", 4),
    "envoy-gateway": Program("envoy-gateway", "github.com/envoyproxy/gateway/cmd/envoy-gateway", 8, static=True),
}
PEERS = ("envoy-gateway",)
"""What benchmarks run beside Daemun. Tests do without."""
ISTIO = ("istiod",)
"""Istio's control plane. The test of it is left out where nobody has asked for it to be built: CI's time is short."""
MESH = ("echo-client", "echo-server")
"""What the conformance suite's pods run where it is about meshes."""
SERVICES = ("vault", "opa", "ratelimit")
"""What Daemun talks to besides Kubernetes."""
API = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")


def path(name: str) -> Path:
    """The built program; says what to do when it is not there."""
    found = _folder(PROGRAMS[name].module) / name
    if not found.exists():
        raise ClusterError(f"{name} is not built yet: run `python -m tests.cluster build`")
    return found


def build(*names: str) -> None:
    """Build what is missing of these, one after the other, with a line for each."""
    for name in names:
        program = PROGRAMS[name]
        target = _folder(program.module) / name
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target.parent):
            if not target.exists():
                _build(name, program, target)


def module(path_of_module: str, version: str) -> Path:
    """The folder of a Go module's sources, which Go downloads if need be.

    Where a folder pins it, that one's checksums are asked: else Go asks a server for them, each time it is new to it.
    """
    line = f"{path_of_module} {version} h1:"
    pinning = (one.parent for one in sorted(_MODULES.glob("*/go.sum")) if line in one.read_text())
    done = _go(["mod", "download", "-json", f"{path_of_module}@{version}"], cwd=next(pinning, _MODULES))
    return Path(json.loads(done)["Dir"])


def version(module_name: str, path_of_module: str) -> str:
    """Which version of a Go module a folder pins."""
    text = (_MODULES / module_name / "go.mod").read_text()
    found = re.search(rf"{re.escape(path_of_module)} (v\S+)", text)
    if found is None:
        raise ClusterError(f"tools/{module_name}/go.mod does not require {path_of_module}")
    return found[1]


def cache_folder() -> Path:
    """Where builds are kept; safe to delete at any time."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "daemun" / "cluster"


def _build(name: str, program: Program, target: Path) -> None:
    print(f"building {name}, once (about {program.minutes:g} min without Go's cache)", file=sys.stderr, flush=True)
    begun = time.monotonic()
    flags = ["-trimpath", "-buildvcs=false", "-ldflags", f"-s -w {_stamps(program)}".strip()]
    verb = ["test", "-c"] if program.test else ["build"]
    draft = target.with_suffix(".new")
    env = {"CGO_ENABLED": "0"} if program.static else {}
    _go([*verb, *flags, "-o", str(draft), program.package], cwd=_MODULES / program.module, env=env)
    draft.rename(target)
    print(f"built {name} in {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)


def _stamps(program: Program) -> str:
    """Kubernetes' programs are told their version when linked; charts ask the API server for it."""
    if program.module != "kubernetes":
        return ""
    full = version("kubernetes", "k8s.io/kubernetes")
    major, minor, _ = full.removeprefix("v").split(".")
    values = {"gitVersion": full, "gitMajor": major, "gitMinor": minor}
    return " ".join(f"-X k8s.io/component-base/version.{name}={value}" for name, value in values.items())


@cache
def _folder(name: str) -> Path:
    files = sorted((_MODULES / name).iterdir())
    digest = hashlib.sha256(_go(["env", "GOVERSION"], cwd=_MODULES).encode())
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return cache_folder() / f"{name}-{digest.hexdigest()[:16]}"


def _go(arguments: list[str], cwd: Path, env: dict[str, str] | None = None) -> str:
    if shutil.which("go") is None:
        raise ClusterError("Go is not installed: the programs of the cluster are built from Go modules")
    done = subprocess.run(
        ["nice", "-n", "5", "go", *arguments],
        cwd=cwd,
        # Go's own collector is left in peace: of a build's processor time it takes a seventh, and memory is there.
        env={"GOGC": "400", **os.environ, "GOWORK": "off", **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        # With -json Go says what is wrong on its standard output.
        raise ClusterError(f"go {' '.join(arguments)} failed in {cwd}:\n{(done.stderr or done.stdout)[-4000:]}")
    return done.stdout


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two runs do not build the same thing at once: the second waits and finds it built."""
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
