"""Secrets in files, as Gloo keeps them: `<directory>/<namespace>/<name>.yaml`, in Gloo's words or Kubernetes'."""

import asyncio
import os
from pathlib import Path

from daemun.api.core import Secret
from daemun.api.decode import decode
from daemun.api.meta import ObjectMeta
from daemun.base.names import Name
from daemun.gloo.secrets.formats import Malformed
from daemun.gloo.secrets.own import ordinary, unfolded
from daemun.sources import beneath, yamldoc
from daemun.sources.beneath import Unusable
from daemun.sources.secrets.store import Answer, StoreError

_ENDINGS = (".yaml", ".yml", ".json")


class DirectoryStore:
    """A directory."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    async def fetch(self, name: Name, version: str) -> Answer | None:
        """A Secret, if it is not that version."""
        return await asyncio.to_thread(self._fetch, name, version)

    async def keep(self) -> None:
        """A directory is there, or it is not: an empty mount is no reason to forget what was in it."""
        if not await asyncio.to_thread(Path(self._directory).is_dir):
            raise StoreError(f"the directory {self._directory} is not there", "Create it, or correct the path.")

    async def close(self) -> None:
        """Nothing is open."""

    def _fetch(self, name: Name, version: str) -> Answer | None:
        try:
            root = beneath.directory(self._directory)
        except OSError as error:
            raise StoreError(f"the directory {self._directory} {beneath.unusable(error).text}") from None
        try:
            for ending in _ENDINGS:
                found = self._read(root, f"{name.namespace}/{name.name}{ending}")
                if found is not None:
                    data, stamp = found
                    return None if stamp == version else Answer(stamp, _secret(name, data))
        finally:
            os.close(root)
        return Answer("", None)

    def _read(self, root: int, path: str) -> tuple[bytes, str] | None:
        try:
            descriptor = beneath.beneath(root, self._directory, path)
            try:
                data, stamp = beneath.content(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            why = beneath.unusable(error)
        except Unusable as error:
            why = error
        else:
            return data, repr(stamp)
        if why.gone:
            return None
        raise StoreError(f"the file {path} {why.text}", why.mend, whole=False)


def _secret(name: Name, data: bytes) -> Secret:
    """The Secret in a file. The file says what it is called; what is written in it of that is not looked at."""
    try:
        document = yamldoc.value(data.decode())
    except ValueError:
        raise StoreError("is not one document of YAML in UTF-8", whole=False) from None
    if not isinstance(document, dict):
        raise StoreError("is empty, or not an object", whole=False)
    if document.get("kind") == "Secret" and document.get("apiVersion") == "v1":
        named = {**document, "metadata": {**_mapping(document.get("metadata")), **name._asdict()}}
        decoded = decode(named)
        if decoded is None or not isinstance(decoded.value, Secret):
            raise StoreError("is not a Secret that Kubernetes would take", whole=False)
        return unfolded(decoded.value, yamldoc.value)
    made = ordinary(ObjectMeta(name.name, name.namespace), document)
    if isinstance(made, Malformed):
        raise StoreError(made.text, whole=False)
    return made


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}
