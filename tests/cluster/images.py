"""Images without Docker: a docker-archive is a tar of a description, a few layers, and their list.

`image_from_tree` is all that an image of a folder needs; `Node.load_image` or `python -m tests.cluster load-image`
hands it to the cluster. Pods use such images with `imagePullPolicy: IfNotPresent` (the default of a fixed tag).
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

Config = Mapping[str, object]


def image_from_tree(tree: Path, config: Config, tags: Sequence[str], target: Path) -> Path:
    """Write an image of one folder and return its file.

    `config` is what an image says of running it, with the keys of OCI: Entrypoint, Cmd, Env, User, WorkingDir,
    ExposedPorts. A tag is the whole name a pod uses, such as example.test/daemun:1. Files keep their modes and belong
    to root.
    """
    return image_from_trees([tree], config, tags, target)


def image_from_trees(trees: Sequence[Path], config: Config, tags: Sequence[str], target: Path) -> Path:
    """The same with a layer for each folder: what seldom changes first."""
    names: list[str] = []
    digests: list[str] = []
    with tarfile.open(target, "w") as archive:
        for tree in trees:
            layer = target.with_suffix(f".layer{len(names)}")
            digests.append(_pack(tree, layer))
            names.append(f"{digests[-1]}.tar")
            archive.add(layer, names[-1], filter=_of_root)
            layer.unlink()
        described = {
            "architecture": "amd64",
            "os": "linux",
            "config": dict(config),
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
        }
        _add(archive, "config.json", described)
        _add(archive, "manifest.json", [{"Config": "config.json", "RepoTags": list(tags), "Layers": names}])
    return target


def _pack(tree: Path, target: Path) -> str:
    with tarfile.open(target, "w") as layer:
        for path in sorted(tree.iterdir()):
            layer.add(path, path.name, filter=_of_root)
    with target.open("rb") as packed:
        return hashlib.file_digest(packed, "sha256").hexdigest()


def _of_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


def _add(archive: tarfile.TarFile, name: str, document: object) -> None:
    content = json.dumps(document).encode()
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))
