"""What others said last, on disk: for a start while one of them is away."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from daemun.process import disk

K = TypeVar("K")
V = TypeVar("V")
_log = logging.getLogger(__name__)


class Kept(Generic[K, V]):
    """Keeps it in a file; without one it keeps nothing. A disk that fails is no reason not to serve.

    `who` said it, for people; `kind` is the type of the list of all entries.
    """

    def __init__(self, file: Path | None, who: str, kind: Any) -> None:
        self._file, self._who, self._kind = file, who, kind

    def load(self) -> dict[K, V]:
        """What was kept; nothing if that cannot be read."""
        if self._file is None:
            return {}
        try:
            return dict(msgspec.json.decode(self._file.read_bytes(), type=self._kind))
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError) as error:
            _log.warning("What %s said before the start cannot be read: %s", self._who, error)
            return {}

    def save(self, held: Mapping[K, V]) -> None:
        """Keep this, and nothing else."""
        if self._file is None:
            return
        try:
            disk.replace(self._file, msgspec.json.encode(sorted(held.items(), key=lambda one: str(one[0]))))
        except OSError as error:
            _log.warning("What %s say cannot be kept for the next start: %s", self._who, error)
