"""The first law of the translation: what a history of changes has come to is what comes of building it anew."""

import random
from collections.abc import Iterable
from typing import Any

from daemun.api.meta import Resource
from daemun.base.names import Ref
from daemun.gatewayapi.settings import Settings
from daemun.translate import Translation
from support.worlds import CORE, change

Items = list[tuple[Ref, Resource | None]]


def content(made: Translation) -> dict[str, Any]:
    """Everything derived, down to the digests and bytes of what Envoy gets."""
    found = {node.name: dict(node.data) for node in made.graph.nodes}
    found["edges"] = {node.name: node.edges() for node in made.graph.nodes if hasattr(node, "edges")}
    found["bytes"] = {key: part.leaves for key, part in made.resources.items()}
    return found


def objects(made: Translation) -> Items:
    return [
        (Ref(group, kind, *name), value)
        for (group, kind), source in made.sources.items()
        for name, value in source.items()
    ]


def equals_rebuilt(history: list[Any], place: Settings) -> None:
    """Apply the batches of documents, each with a chance, at nought, to be gone."""
    made = Translation(place)
    made.apply(change(document, False) for document in CORE)
    for batch in history:
        made.apply(change(document, chance == 0) for document, chance in batch)
        assert not made.graph.failures
    built = Translation(place)
    built.apply(objects(made))
    assert content(built) == content(made)
    made.apply([(ref, None) for ref, _ in objects(made)])
    assert not any(content(made)["edges"].values())
    assert not made.resources
    assert not made.statuses


def same_in_any_order(documents: Iterable[Any], shuffled: random.Random) -> None:
    """The objects come one by one, in another order: what is there in the end is the same."""
    order = list(dict(change(document, False) for document in documents).items())
    at_once = Translation()
    at_once.apply(order)
    shuffled.shuffle(order)
    one_by_one = Translation()
    for item in order:
        one_by_one.apply([item])
    assert content(one_by_one) == content(at_once)
