"""Objects as tests of the core write them, in YAML, and the translation of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from daemun.api.decode import decode, identify
from daemun.api.meta import Resource
from daemun.base.names import Ref
from daemun.gatewayapi.settings import Settings
from daemun.translate import Translation


def documents(text: str) -> list[Any]:
    """What the YAML says, empty documents left out."""
    return [one for one in yaml.load_all(text, yaml.CSafeLoader) if one]


def objects(text: str | Path) -> dict[Ref, Resource]:
    """The objects in a text or file, all of which must be good."""
    found = {}
    for document in documents(text if isinstance(text, str) else text.read_text()):
        decoded = decode(document)
        assert decoded is not None, f"not a kind that is read: {identify(document)}"
        assert decoded.value is not None, [str(problem) for problem in decoded.problems]
        found[decoded.ref] = decoded.value
    return found


def problem(text: str) -> str:
    """The one problem of the one object in the text, as people see it."""
    (document,) = documents(text)
    decoded = decode(document)
    assert decoded is not None
    assert decoded.value is None, "the object is good"
    (only,) = decoded.problems
    return str(only)


def translation(items: Mapping[Ref, Resource], **settings: Any) -> Translation:
    """A translation of these objects, as if every proxy had acknowledged it, in which no rule has failed."""
    made = Translation(Settings(assume_programmed=True, **settings))
    made.apply(items.items())
    assert not made.graph.failures, made.graph.failures
    return made
