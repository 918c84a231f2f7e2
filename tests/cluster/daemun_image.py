"""Daemun's image for the test cluster: the published Containerfile over a Debian made here.

    python -m tests.cluster.daemun_image     builds it and gives it to the running cluster

The base takes half a minute, the dependencies too; both are kept. A change of Daemun's own code costs seconds.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from . import layers, node
from .cluster import Cluster
from .containerfile import build as build_image
from .oci import Image
from .processes import ClusterError

NAME = "docker.io/library/daemun:0.1.0"
"""What the chart asks for if nothing else is said."""
_REPOSITORY = Path(__file__).resolve().parents[2]
_RELEASE = "bookworm"
_PYTHON = "3.11"  # what that release of Debian has
_PACKAGES = "python3-minimal,python3-venv,ca-certificates"
_ONLY_OLDER = re.compile(r" ; python_full_version < '[^']*'")
_UNNEEDED = ("dev/*", "var/cache/*/*", "var/lib/apt/lists/*", "var/log/*", "usr/share/doc/*", "usr/share/info/*",
             "usr/share/locale/*", "usr/share/man/*")  # fmt: skip


def build() -> Image:
    """The image of the code as it is in this checkout."""
    requirements = _REPOSITORY / "requirements" / "run.txt"
    with tempfile.TemporaryDirectory(prefix="daemun-image-") as scratch:
        context = Path(scratch)
        (context / "requirements").mkdir()
        shutil.copy(requirements, context / "requirements")
        wheel(_REPOSITORY, context / "dist")
        settings = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/mnt"}
        recipe = _REPOSITORY / "deploy" / "Containerfile"
        made = build_image(recipe, context, debian(), _dependencies(requirements), settings)
    layers.forget(days=3)
    return made


def load(image: Image) -> None:
    """Give the image to the node; runs inside the cluster."""
    node.load(image, NAME)


def debian() -> Image:
    """Debian with Python and nothing else."""

    def make(tree: Path) -> None:
        command = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", _RELEASE, str(tree)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        for pattern in _UNNEEDED:
            for path in tree.glob(pattern):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    layer = layers.cached(layers.key("debootstrap", _RELEASE, _PACKAGES, *_UNNEEDED), make)
    return Image((layer,), {}, "", ())


def _dependencies(requirements: Path) -> Path:
    """A folder with the locked wheels for the image's Python, so that the build needs no network.

    pip asks the Python that runs it which of them are needed: what only an older one needs is there in any case.
    """
    wanted = _ONLY_OLDER.sub("", requirements.read_text())
    folder = layers.CACHE.with_name("wheels") / layers.key(_PYTHON, wanted)
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=folder.parent) as scratch:
            download = ["download", "--require-hashes", "--only-binary", ":all:", "--python-version", _PYTHON]
            Path(scratch, "wanted.txt").write_text(wanted)
            _pip(*download, "--dest", f"{scratch}/wheels", "--requirement", f"{scratch}/wanted.txt")
            Path(scratch, "wheels").rename(folder)
    return folder


def wheel(project: Path, folder: Path) -> None:
    """Build a project's wheel into a folder, without a network."""
    _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(project))


def _pip(*arguments: str) -> None:
    # With a fixed date a wheel of the same code is the same file, and so the same layer.
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1577836800"}
    subprocess.run([sys.executable, "-m", "pip", "--quiet", *arguments], check=True, env=environment)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.daemun_image", description=__doc__)
    parser.add_argument("--name", default=os.environ.get("DAEMUN_CLUSTER_NAME", "daemun"), help="which cluster")
    chosen = parser.parse_args()
    try:
        made = build()
        Cluster(chosen.name).place.enter()
        load(made)
    except ClusterError as error:
        sys.exit(str(error))
