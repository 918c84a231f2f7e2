"""Child processes that end when the keeper ends, however it ends."""

import asyncio
import ctypes
import os
import resource
import signal
import subprocess
from pathlib import Path
from typing import BinaryIO

_PR_SET_PDEATHSIG = 1
_OURS = "DAEMUN_"
"""What Daemun's own programs are told in their environment, addresses with passwords among it."""
_libc = ctypes.CDLL(None, use_errno=True)
_living: "set[Process]" = set()


class Process:
    """A running child. `exited` gives its exit code, or minus the signal that ended it. One of `ours` is told more."""

    def __init__(self, argv: list[str], directory: Path, lock: int, *, ours: bool = False) -> None:
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._popen = _spawn(argv, directory, lock, ours)
        self.pid = self._popen.pid
        _living.add(self)

    @property
    def alive(self) -> bool:
        """Whether it runs, as far as the keeper was told."""
        return not self.exited.done()

    def signal(self, number: int) -> None:
        """Send a signal; nothing happens to a process that has ended."""
        self._popen.send_signal(number)

    async def wait(self, seconds: float) -> bool:
        """Whether it ended within `seconds`."""
        done, _ = await asyncio.wait([self.exited], timeout=max(seconds, 0.0))
        return bool(done)

    def reap(self) -> None:
        """Take its exit code if it has ended."""
        code = self._popen.poll()
        if code is not None:
            _living.discard(self)
            if not self.exited.done():
                self.exited.set_result(code)


def watch() -> None:
    """Reap children from now on, in the running loop."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, _reap)


def _reap() -> None:
    for process in list(_living):
        process.reap()


def _spawn(argv: list[str], directory: Path, lock: int, ours: bool) -> subprocess.Popen[bytes]:
    keeper = os.getpid()

    def bind() -> None:
        # The death signal is tied to the thread that forked: the keeper has one thread only. If the keeper died
        # before this line, the signal was missed, and the parent is another process already.
        if _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0 or os.getppid() != keeper:
            os._exit(70)
        # Envoy needs a file handle for each connection; the usual soft limit is 1024.
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    # Straight into files opened for appending: a pipe through the keeper would stall Envoy whenever the keeper does.
    with _append(directory / "access.log") as out, _append(directory / "envoy.log") as err:
        return subprocess.Popen(  # noqa: S603 - the command comes from Daemun over a socket only its user can open
            argv,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=directory,
            pass_fds=(lock,),
            env={name: value for name, value in os.environ.items() if ours or not name.startswith(_OURS)},
            preexec_fn=bind,  # noqa: PLW1509 - safe: one thread, and nothing is imported after the fork
        )


def _append(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600), "ab")
