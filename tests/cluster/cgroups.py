"""Control groups: how everything that began in a cluster is found again, whoever started it."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from .processes import ClusterError, until


class Cgroup:
    """A group of one name in every hierarchy that is mounted: one with version 2, up to a dozen with version 1.

    kubelet puts pods below it, in the hierarchies it likes; the cluster's own programs are below it in one.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.roots = [root / name for _, root in _hierarchies()]

    def make(self) -> None:
        """Create it everywhere."""
        for root in self.roots:
            root.mkdir(exist_ok=True)
        self._programs().mkdir(exist_ok=True)

    def joining(self) -> list[str]:
        """What to put before a command so that it and all it starts belong to the group."""
        return ["sh", "-c", f'echo $$ > {self._programs()}/cgroup.procs && exec "$@"', "sh"]

    def remove(self) -> None:
        """Kill who is left, remove the group, and give init some seconds to ask for the dead."""
        killed: set[int] = set()
        if not until(lambda: self._gone(killed), 60):
            raise ClusterError(f"the control group {self.name} cannot be removed; in it are {self._members()}")
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in killed), 10)

    def others(self) -> bool:
        """Whether other clusters have groups."""
        family = f"{self.name.partition('-')[0]}-*"
        return any(other != root for root in self.roots for other in root.parent.glob(family))

    def _programs(self) -> Path:
        """In version 2 if it is there: it demands nothing of a group before a process may join."""
        kinds = dict(_hierarchies())
        found = kinds.get("cgroup2") or kinds.get("cgroup")
        if found is None:
            raise ClusterError("no control groups are mounted: kubelet needs them")
        return found / self.name / "programs"

    def _gone(self, killed: set[int]) -> bool:
        """One try. Groups are busy for a moment after their last process."""
        for pid in self._members():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
        for root in self.roots:
            for folder in reversed(_below(root)):
                with contextlib.suppress(OSError):
                    folder.rmdir()
        return not any(root.exists() for root in self.roots)

    def _members(self) -> set[int]:
        found: set[int] = set()
        for root in self.roots:
            for folder in _below(root):
                with contextlib.suppress(OSError):
                    found.update(map(int, (folder / "cgroup.procs").read_text().split()))
        return found


def _below(root: Path) -> list[Path]:
    """A group and all below it, parents first. They come and go meanwhile, which os.walk takes calmly."""
    return [Path(folder) for folder, _, _ in os.walk(root)]


def _hierarchies() -> Iterator[tuple[str, Path]]:
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, target, kind, *_ = line.split()
        if kind in ("cgroup", "cgroup2"):
            yield kind, Path(target)
