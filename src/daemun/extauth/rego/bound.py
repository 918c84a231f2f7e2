"""Becomes another program that has limits and ends with its parent: `python bound.py PARENT MEMORY PROGRAM ARGUMENT…`.

A process that is killed ends nobody; so this asks the kernel to, before it becomes the program.
"""

import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_FIRST_TO_GO = "1000"
"""When the machine, or the pod, has no memory left the kernel ends this program, and nobody else."""


def main(parent: str, memory: str, program: str, *arguments: str) -> None:
    """Set what is to be set, and be the program."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0 or os.getppid() != int(parent):
        sys.exit(1)
    Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO)
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.execv(program, [program, *arguments])  # noqa: S606 - no shell, and nothing of it is a user's


if __name__ == "__main__":
    main(*sys.argv[1:])
