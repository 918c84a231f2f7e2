"""Layers of images: each is what one command changed in a file system, kept by the content that made it.

A command runs in namespaces of its own, over an overlay of the layers below, with a folder at /mnt and no network.
Nothing stays mounted: the mounts end with the command.
"""

import hashlib
import os
import shutil
import stat
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "daemun" / "layers"

_ALONE = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c")
_SCRIPT = """
set -e
mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$UPPER,workdir=$WORK" "$ROOT"
mount -t proc proc "$ROOT/proc"
mount --bind /dev "$ROOT/dev"
mount --bind "$HELD" "$ROOT/mnt"
exec chroot "$ROOT" /usr/bin/env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin $SETTINGS /bin/sh -c "$COMMAND"
"""


class Layer(NamedTuple):
    """A layer: its files, the tar of them, and the digest of that."""

    key: str
    tree: Path
    tar: Path
    digest: str


def key(*parts: str | bytes) -> str:
    """A name for what these parts make."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(hashlib.sha256(part.encode() if isinstance(part, str) else part).digest())
    return whole.hexdigest()[:24]


def cached(name: str, make: Callable[[Path], None]) -> Layer:
    """The layer of this name; `make` fills an empty folder with its files if it is not there yet."""
    home = CACHE / name
    if not home.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".making-", dir=CACHE))
        try:
            tree = scratch / "layer" / "tree"
            tree.mkdir(parents=True)
            make(tree)
            digest = _pack(tree, tree.with_name("layer.tar"))
            tree.with_name("digest").write_text(digest)
            with suppress(OSError):  # another build may have been faster
                tree.parent.rename(home)
        finally:
            shutil.rmtree(scratch)
    os.utime(home)
    return Layer(name, home / "tree", home / "layer.tar", (home / "digest").read_text())


def run(
    below: Sequence[Layer], command: str, held: Path, upper: Path, settings: Mapping[str, str] | None = None
) -> None:
    """Run a shell command over the layers, with the folder `held` at /mnt; what it changes goes to `upper`."""
    with tempfile.TemporaryDirectory(prefix="daemun-run-", dir=upper.parent) as scratch:
        work, root = Path(scratch, "work"), Path(scratch, "root")
        work.mkdir()
        root.mkdir()
        environment = {
            "PATH": os.environ["PATH"],
            "LOWER": ":".join(str(layer.tree) for layer in reversed(below)),
            "UPPER": str(upper),
            "WORK": str(work),
            "ROOT": str(root),
            "HELD": str(held),
            "SETTINGS": " ".join(f"{name}={value}" for name, value in (settings or {}).items()),
            "COMMAND": command,
        }
        done = subprocess.run([*_ALONE, _SCRIPT], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command!r} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def forget(days: float) -> None:
    """Remove layers that no build has used for so long."""
    newest = max((home.stat().st_mtime for home in CACHE.glob("*")), default=0.0)
    for home in CACHE.glob("*"):
        if newest - home.stat().st_mtime > days * 86400:
            shutil.rmtree(home, ignore_errors=True)


def _pack(tree: Path, archive: Path) -> str:
    """Write the layer's tar; what the overlay marks as deleted is named as images name it."""
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(tree.rglob("*")):
            name = path.relative_to(tree)
            status = path.lstat()
            if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
                tar.addfile(tarfile.TarInfo(str(name.with_name(f".wh.{name.name}"))))
            elif not stat.S_ISSOCK(status.st_mode):
                tar.add(path, str(name), recursive=False)
            if stat.S_ISDIR(status.st_mode) and _opaque(path):
                tar.addfile(tarfile.TarInfo(str(name / ".wh..wh..opq")))
    with archive.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def _opaque(path: Path) -> bool:
    with suppress(OSError):
        return os.getxattr(path, "trusted.overlay.opaque", follow_symlinks=False) == b"y"
    return False
