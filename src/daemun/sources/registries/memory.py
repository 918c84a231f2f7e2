"""What registries said last, on disk: for a start while one of them is away."""

import logging
from collections.abc import Mapping
from pathlib import Path

import msgspec

from daemun import disk
from daemun.ir.instances import Instances, Lookup

FILE = "instances.json"
_log = logging.getLogger(__name__)


class Memory:
    """Keeps it below a folder; without one it keeps nothing. A disk that fails is no reason not to serve."""

    def __init__(self, folder: Path | None) -> None:
        self._file = folder / FILE if folder is not None else None

    def load(self) -> dict[Lookup, Instances]:
        """What was kept; nothing if that cannot be read."""
        try:
            data = self._file.read_bytes() if self._file is not None else b"[]"
            return dict(msgspec.json.decode(data, type=list[tuple[Lookup, Instances]]))
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError) as error:
            _log.warning("What registries said before the start cannot be read: %s", error)
            return {}

    def save(self, held: Mapping[Lookup, Instances]) -> None:
        """Keep this, and nothing else."""
        if self._file is None:
            return
        try:
            disk.replace(self._file, msgspec.json.encode(sorted(held.items())))
        except OSError as error:
            _log.warning("What registries say cannot be kept for the next start: %s", error)
