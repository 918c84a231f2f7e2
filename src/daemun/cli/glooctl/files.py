"""Objects of a file, made as they are written."""

from pathlib import Path
from typing import TYPE_CHECKING

from daemun.cli.glooctl.common import Where
from daemun.cli.output import fail

if TYPE_CHECKING:
    from daemun.manage.documents import Document
    from daemun.manage.store import Store


def create_all(where: Where, file: Path) -> None:
    """Make every object of a file; those without a namespace in the one that is given. One that cannot be made ends
    it; those before it are there.
    """
    from daemun.api.kinds import BY_NAME
    from daemun.manage.documents import ref_of

    found = documents(file)
    for one in found:
        ref = ref_of(one)
        kind = BY_NAME.get((ref.group, ref.kind))
        if kind is None:
            fail(f"{file} has a {ref.kind} of {ref.group or 'the core group'}, which Daemun does not read")
        if kind.namespaced:
            one["metadata"].setdefault("namespace", where.system)

    async def make(store: "Store") -> None:
        for one in found:
            await store.create(one)
            print(f"{ref_of(one)} created")

    where.ask(make)


def documents(file: Path) -> "list[Document]":
    """The objects in a file of YAML or JSON; end the program with what is wrong with it."""
    import yaml

    try:
        found = [one for one in yaml.safe_load_all(file.read_text()) if one is not None]
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}")
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        fail(f"{file} is not YAML: {' '.join(str(error).split())}")
    for one in found:
        named = isinstance(one, dict) and isinstance(one.get("metadata"), dict) and one["metadata"].get("name")
        if not named or not one.get("kind") or not one.get("apiVersion"):
            fail(f"{file} has something that is no object", "Each has apiVersion, kind and metadata.name.")
    return found
