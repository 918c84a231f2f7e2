"""The images every cluster has: busybox (also the pause image), CoreDNS, and the backend of the conformance suite."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from . import tools
from .images import Config, image_from_tree
from .node import PAUSE, load_image
from .processes import ClusterError

COREDNS = "daemun.test/coredns:1"
ECHO = "daemun.test/echo-basic:1"


def load() -> None:
    """Make them and give them to the node."""
    with tempfile.TemporaryDirectory() as folder:
        for tar in _made(Path(folder)):
            load_image(tar)
            tar.unlink()


def _made(folder: Path) -> Iterator[Path]:
    yield _busybox(folder)
    for name, own in (("coredns", COREDNS), ("echo-basic", ECHO)):
        yield _of_program(name, [own, *_names_in_suite(name)], folder)


def _busybox(folder: Path) -> Path:
    """busybox-static with a link for each of its commands. As the pause image it waits for ever."""
    program = shutil.which("busybox")
    if program is None:
        raise ClusterError("busybox is missing: apt-get install busybox-static")
    tree = folder / "busybox"
    commands = tree / "bin"
    commands.mkdir(parents=True)
    (tree / "tmp").mkdir(mode=0o1777)
    shutil.copy(program, commands / "busybox")
    listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split()
    for command in listed:
        if command != "busybox":
            (commands / command).symlink_to("busybox")
    config = {"Entrypoint": ["/bin/busybox"], "Cmd": ["tail", "-f", "/dev/null"], "Env": ["PATH=/bin"]}
    return image_from_tree(tree, config, [PAUSE], folder / "busybox.tar")


def _of_program(name: str, tags: list[str], folder: Path) -> Path:
    """An image that holds one static program."""
    tree = folder / name
    tree.mkdir()
    shutil.copy(tools.path(name), tree / name)
    config: Config = {"Entrypoint": [f"/{name}"], "Env": ["PATH=/"]}
    return image_from_tree(tree, config, tags, folder / f"{name}.tar")


def _names_in_suite(program: str) -> list[str]:
    """What the conformance suite's manifests call the image of this program."""
    module = "sigs.k8s.io/gateway-api/conformance"
    folder = tools.module(module, tools.version("conformance", module))
    names: set[str] = set()
    for file in folder.rglob("*.yaml"):
        names.update(re.findall(rf"image:\s*(\S+/{program}:\S+)", file.read_text()))
    return sorted(names)
