"""Files with routing tests: where they are, what is in them, and the manifests that they are about."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from daemun.cli.loading import Loaded, Surroundings
    from daemun.trial.cases import Suite

ENDING = ".routes.yaml"
"""How a file with routing tests is called."""


def files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files themselves, and those in folders that are called so."""
    for path in paths:
        yield from sorted(path.rglob(f"*{ENDING}")) if path.is_dir() else [path]


def read(file: Path) -> "Suite":
    """The tests in a file. Raises ValueError, in a sentence, if they cannot be read."""
    import yaml

    from daemun.trial.cases import suite_from

    try:
        document: Any = yaml.load(file.read_text(), yaml.CSafeLoader)
        return suite_from(document)
    except (OSError, yaml.YAMLError, ValueError) as error:
        raise ValueError(f"{file}: {' '.join(str(error).split())}") from None


def manifests(file: Path, suite: "Suite") -> list[Path]:
    """The manifests that a suite names. Raises ValueError for one that is not there."""
    found = [file.parent / one for one in suite.manifests]
    for path in found:
        if not path.exists():
            raise ValueError(f"{file}: manifests: {path} does not exist.")
    return found


class Translated:
    """Manifests, each set of them translated once however many suites are about it."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[Path, ...], Surroundings], Loaded] = {}

    def get(self, paths: Iterable[Path], surroundings: "Surroundings") -> "Loaded":
        """The translation of these."""
        from daemun.cli.loading import load

        key = (tuple(paths), surroundings)
        if key not in self._known:
            self._known[key] = load(list(key[0]), surroundings)
        return self._known[key]
