"""What registries said last, on disk: for a start while one of them is away."""

from pathlib import Path

from daemun.ir.instances import Instances, Lookup
from daemun.sources.kept import Kept

FILE = "instances.json"
Memory = Kept[Lookup, Instances]


def memory(folder: Path | None) -> Memory:
    """Kept below a folder; without one not at all."""
    return Kept(folder / FILE if folder is not None else None, "registries", list[tuple[Lookup, Instances]])
