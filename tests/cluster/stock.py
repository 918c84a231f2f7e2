"""The images every cluster has: busybox (also the pause image), CoreDNS, and the backend of the conformance suite."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from . import layers, tools
from .node import PAUSE, load
from .oci import Image
from .pki import Authority
from .processes import ClusterError

COREDNS = "daemun.test/coredns:1"
ECHO = "daemun.test/echo-basic:1"


def load_all() -> None:
    """Make them and give them to the node."""
    load(_busybox(), PAUSE)
    for program, name in (("coredns", COREDNS), ("echo-basic", ECHO)):
        load(of_program(program), name, *_names_in_suite(program))


def _busybox() -> Image:
    """busybox-static with a link for each of its commands. As the pause image it waits for ever."""
    program = shutil.which("busybox")
    if program is None:
        raise ClusterError("busybox is missing: apt-get install busybox-static")

    def make(tree: Path) -> None:
        (tree / "tmp").mkdir(mode=0o1777)
        (tree / "bin").mkdir()
        shutil.copy(program, tree / "bin" / "busybox")
        listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split()
        for command in set(listed) - {"busybox"}:
            (tree / "bin" / command).symlink_to("busybox")

    layer = layers.cached(layers.key("busybox", Path(program).read_bytes()), make)
    return Image((layer,), {"PATH": "/bin"}, "", ("/bin/busybox", "tail", "-f", "/dev/null"))


def of_program(name: str) -> Image:
    """An image that holds one static program."""
    program = tools.path(name)
    layer = layers.cached(layers.key("program", str(program)), lambda tree: _copy(program, tree))
    return Image((layer,), {"PATH": "/"}, "", (f"/{name}",))


def load_mesh() -> None:
    """Give the node what the suite's pods run that ask each other: they are clients and servers at once."""

    def make(tree: Path) -> None:
        for name in tools.MESH:
            shutil.copy(tools.path(name), tree / name.removeprefix("echo-"))
        pair = Authority(tree).issue("cert", "echo", hosts=("echo",))
        pair.key.chmod(0o444)

    layer = layers.cached(layers.key("echo-advanced", *(str(tools.path(one)) for one in tools.MESH)), make)
    load(Image((layer,), {"PATH": "/"}, "", ("/server",)), *_names_in_suite("echo-advanced"))


def _copy(program: Path, tree: Path) -> None:
    shutil.copy(program, tree)


def _names_in_suite(program: str) -> Iterator[str]:
    """What the conformance suite's manifests call the image of this program."""
    module = "sigs.k8s.io/gateway-api/conformance"
    folder = tools.module(module, tools.version("conformance", module))
    names: set[str] = set()
    for file in folder.rglob("*.yaml"):
        names.update(re.findall(rf"image:\s*(\S+/{program}:\S+)", file.read_text()))
    yield from sorted(names)
