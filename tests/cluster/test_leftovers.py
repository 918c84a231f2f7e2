"""A cluster that is gone left nothing: no process, mount, control group, network device, setting or folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from . import tools
from .cluster import INSIDE, PROGRAMS, Cluster
from .processes import ClusterError

_NAME = f"leftovers_{os.getpid()}"
_SETTINGS = ("kernel/panic", "kernel/panic_on_oops", "vm/overcommit_memory")


@pytest.mark.timeout(600)
def test_down_leaves_nothing() -> None:
    _possible()
    before = _machine()
    try:
        _run("up")
        assert _machine() != before
    finally:
        _run("down")
    assert _machine() == before
    named = [path for path in Path("/proc").glob("[0-9]*") if _NAME.encode() in _content(path / "cgroup")]
    assert named == []


def _possible() -> None:
    if INSIDE in os.environ or "DAEMUN_CLUSTER_LEFTOVERS" not in os.environ:
        pytest.skip("starts a cluster of its own: `make cluster-test` runs this")
    try:
        for name in PROGRAMS:
            tools.path(name)
    except ClusterError as error:
        pytest.fail(str(error))


def _machine() -> dict[str, object]:
    """Where something could be left behind; other clusters may come and go."""
    place = Cluster(_NAME).place
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    folders = ("/run/containerd", "/var/lib/cni", "/var/lib/kubelet")
    return {
        "folder": place.exists(),
        "groups": [str(path) for root in place.cgroup.roots if root.is_dir() for path in root.rglob("*")],
        "mounts": [mount for mount in mounts if f"/{_NAME}/" in mount],
        "interfaces": {one.name for one in Path("/sys/class/net").iterdir()},
        "settings": {one: (Path("/proc/sys") / one).read_text() for one in _SETTINGS},
        "folders of all": place.cgroup.others() or [path for path in folders if Path(path).exists()],
    }


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def _run(command: str) -> None:
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-m", "tests.cluster", "--name", _NAME, command], check=True, cwd=root)
