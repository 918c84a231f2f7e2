"""The text of manifests as somebody wrote it, comments included; for what is handed on as it is."""

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from daemun.api.decode import identify
from daemun.sources import yamldoc
from daemun.sources.documents import from_list
from daemun.sources.reader import Folder
from daemun.sources.yamldoc import Refused


class Text(NamedTuple):
    """One or more documents: as text, or, where they had to be taken out of a list of others, as values."""

    text: str = ""
    values: tuple[Any, ...] = ()


def others(folder: Folder, kinds: Collection[tuple[str, str]]) -> Iterator[Text]:
    """Everything below the paths but the objects of these kinds, in path order. What cannot be read is not there."""
    for key in sorted(folder.files):
        file = folder.files[key]
        if not file.spots:
            continue
        data = folder.tree.read(key)[0]
        for spot in file.spots:
            items = spot.chunk.items
            mine = [item for item in items if item.ref is None or item.ref[:2] not in kinds]
            text = data[spot.offset : spot.offset + spot.size]
            if mine and not spot.chunk.broken:
                yield Text(_bare(text)) if len(mine) == len(items) else Text(values=tuple(_values(text, kinds)))


def _bare(text: bytes) -> str:
    """Without the marker at its start and blank lines around it."""
    return text.decode().removeprefix("\ufeff").removeprefix("---").strip("\r\n \t")


def _values(text: bytes, kinds: Collection[tuple[str, str]]) -> Iterator[Any]:
    try:
        trees = yamldoc.trees(text, yamldoc.ALIAS_BYTES, None)
    except Refused:
        return
    for tree in trees:
        yield from _apart(tree.value, kinds)


def values(text: str) -> Iterator[Any]:
    """The documents in a text that was handed on."""
    return _values(text.encode(), ())


def _apart(value: Any, kinds: Collection[tuple[str, str]]) -> Iterator[Any]:
    """The objects in a List, and in Lists in it, but those of the kinds."""
    ref = identify(value)
    if ref is not None and ref.kind.endswith("List") and isinstance(value.get("items"), list):
        for one in value["items"]:
            yield from _apart(from_list(value, one), kinds)
    elif ref is None or ref[:2] not in kinds:
        yield value
