"""Manifests in a file to typed objects, and typed objects to a translation, without a proxy or a folder to follow."""

from collections.abc import Mapping
from pathlib import Path

import yaml

from daemun.api.decode import decode
from daemun.api.meta import Resource
from daemun.base.names import Ref
from daemun.gatewayapi.settings import Settings
from daemun.translate import Translation


def objects(path: Path) -> dict[Ref, Resource]:
    """The objects of a file. They must be good: a problem here is a mistake in the test."""
    found: dict[Ref, Resource] = {}
    for document in yaml.safe_load_all(path.read_text()):
        decoded = decode(document)
        assert decoded is not None, f"{path}: {document} is of no kind that is known"
        assert decoded.value is not None, f"{path}: {decoded.problems}"
        found[decoded.ref] = decoded.value
    return found


def translation(found: Mapping[Ref, Resource], settings: Settings | None = None) -> Translation:
    """A translation of these objects, as if every proxy had acknowledged it."""
    made = Translation(settings or Settings(assume_programmed=True))
    made.apply(found.items())
    return made
