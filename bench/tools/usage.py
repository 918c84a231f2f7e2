"""What pods use, from the kernel's own books: the same for every gateway, and nobody has to be asked."""

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_TICKS = os.sysconf("SC_CLK_TCK")
_PAUSE = "busybox"  # the image of the test cluster that holds a pod's network


class Usage(NamedTuple):
    """Seconds of processors so far, and memory now, of the processes that there are."""

    cpu_s: float
    rss_mib: float


def pids(pod_uids: list[str]) -> list[int]:
    """The processes of these pods."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                group = (entry / "cgroup").read_text()
                if any(f"/pod{uid}/" in group for uid in pod_uids) and _PAUSE not in str((entry / "exe").readlink()):
                    found.append(int(entry.name))
    return found


def usage(processes: list[int]) -> Usage:
    """What these use together."""
    cpu = rss = 0.0
    for pid in processes:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            cpu += (int(fields[11]) + int(fields[12])) / _TICKS
            rss += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20
    return Usage(cpu, round(rss, 1))


def kill(processes: list[int]) -> None:
    """End these at once, as a machine that fails would."""
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
