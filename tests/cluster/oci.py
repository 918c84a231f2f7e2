"""Images, and the archives that containerd imports. There is no container engine to ask."""

import hashlib
import io
import json
import tarfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from .layers import Layer

_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Image(NamedTuple):
    """The layers of an image, lowest first, and what its containers run."""

    layers: tuple[Layer, ...]
    environment: Mapping[str, str] = {}
    user: str = ""
    entrypoint: tuple[str, ...] = ()


def write_archive(path: Path, images: Mapping[str, Image], present: Collection[str] = ()) -> None:
    """Write images, by name, as an archive for `ctr images import`, without the layers that are present there."""
    blobs = _Blobs(path, set(present))
    with blobs.tar:
        index = [blobs.manifest(name, image) for name, image in images.items()]
        blobs.file("index.json", _json({"schemaVersion": 2, "manifests": index}))
        blobs.file("oci-layout", _json({"imageLayoutVersion": "1.0.0"}))


class _Blobs:
    """The archive while it is written: each blob once."""

    def __init__(self, path: Path, written: set[str]) -> None:
        self.tar = tarfile.open(path, "w")
        self._written = written

    def manifest(self, name: str, image: Image) -> dict[str, object]:
        platform = {"architecture": "amd64", "os": "linux"}
        process = {
            "Env": [f"{key}={value}" for key, value in image.environment.items()],
            "User": image.user,
            "Entrypoint": list(image.entrypoint),
        }
        digests = [layer.digest for layer in image.layers]
        config = {**platform, "config": process, "rootfs": {"type": "layers", "diff_ids": digests}}
        for layer in image.layers:
            self._layer(layer)
        described = [_descriptor(_LAYER, layer.digest, layer.tar.stat().st_size) for layer in image.layers]
        manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": self._blob(_CONFIG, config), "layers": described}
        names = {"io.containerd.image.name": name}
        return {**self._blob(_MANIFEST, manifest), "annotations": names, "platform": platform}

    def _layer(self, layer: Layer) -> None:
        if layer.digest not in self._written:
            self._written.add(layer.digest)
            self.tar.add(layer.tar, _place(layer.digest))

    def _blob(self, media_type: str, document: object) -> dict[str, object]:
        content = _json(document)
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if digest not in self._written:
            self._written.add(digest)
            self.file(_place(digest), content)
        return _descriptor(media_type, digest, len(content))

    def file(self, name: str, content: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        self.tar.addfile(member, io.BytesIO(content))


def _descriptor(media_type: str, digest: str, size: int) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest, "size": size}


def _place(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _json(document: object) -> bytes:
    return json.dumps(document, sort_keys=True).encode()
