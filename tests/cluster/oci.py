"""Images in layers, and the archives that containerd imports. There is no container engine to ask."""

import hashlib
import io
import json
import tarfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from .layers import Layer

_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_PLATFORM = {"architecture": "amd64", "os": "linux"}
_NAME = "io.containerd.image.name"

Document = dict[str, object]


class Image(NamedTuple):
    """The layers of an image, lowest first, and what its containers run."""

    layers: tuple[Layer, ...]
    environment: Mapping[str, str]
    user: str
    entrypoint: tuple[str, ...]


def write_archive(path: Path, names: Sequence[str], image: Image, present: Collection[str] = ()) -> None:
    """Write an image as an archive for `ctr images import`, without the layers that are present there (by digest)."""
    with tarfile.open(path, "w") as archive:
        for layer in image.layers:
            if layer.digest not in present:
                archive.add(layer.tar, _place(layer.digest))
        config = _blob(archive, _CONFIG, _configuration(image))
        layers = [_descriptor(_LAYER, layer.digest, layer.tar.stat().st_size) for layer in image.layers]
        content = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": layers}
        manifest = _blob(archive, _MANIFEST, content)
        index = [{**manifest, "annotations": {_NAME: name}, "platform": _PLATFORM} for name in names]
        _add(archive, "index.json", _json({"schemaVersion": 2, "manifests": index}))
        _add(archive, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))


def _configuration(image: Image) -> Document:
    process = {
        "Env": [f"{key}={value}" for key, value in image.environment.items()],
        "User": image.user,
        "Entrypoint": list(image.entrypoint),
    }
    digests = [layer.digest for layer in image.layers]
    return {**_PLATFORM, "config": process, "rootfs": {"type": "layers", "diff_ids": digests}}


def _blob(archive: tarfile.TarFile, media_type: str, document: Document) -> Document:
    content = _json(document)
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    _add(archive, _place(digest), content)
    return _descriptor(media_type, digest, len(content))


def _descriptor(media_type: str, digest: str, size: int) -> Document:
    return {"mediaType": media_type, "digest": digest, "size": size}


def _place(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _json(document: Document) -> bytes:
    return json.dumps(document, sort_keys=True).encode()
