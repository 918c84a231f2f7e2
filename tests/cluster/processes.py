"""Processes of a cluster: started apart from us, recorded by pid, and ended by that record alone."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_STOP_SECONDS = 20.0


class ClusterError(Exception):
    """Something of the cluster did not come up; the text is for the user, with the mend if there is one."""


class Processes:
    """The processes of one folder: `pids/NAME` says which they are, `logs/NAME.log` what they said.

    A record is a pid with the time the kernel started it, so a pid that was given to another process since is never
    signalled. It outlives us: another run of this program ends what this one started.
    """

    def __init__(self, folder: Path, prefix: Sequence[str] = ()) -> None:
        self._pids = folder / "pids"
        self._logs = folder / "logs"
        self._prefix = list(prefix)

    def start(self, name: str, command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> None:
        """Start a program in a session of its own, so that a Ctrl-C meant for us does not end it."""
        for folder in (self._pids, self._logs):
            folder.mkdir(parents=True, exist_ok=True)
        whole = [*self._prefix, *map(str, command)]
        pid = os.posix_spawnp(  # subprocess would complain about a process that outlives us
            whole[0],
            whole,
            {**os.environ, **(env or {})},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(self.log(name)), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )
        (self._pids / name).write_text(f"{pid} {_stat(pid)[1]}")

    def names(self) -> list[str]:
        """What was started and not stopped, oldest first; some of it may have died."""
        if not self._pids.is_dir():
            return []
        return [one.name for one in sorted(self._pids.iterdir(), key=lambda one: one.stat().st_mtime_ns)]

    def log(self, name: str) -> Path:
        """Where a process writes what it has to say."""
        return self._logs / f"{name}.log"

    def pid(self, name: str) -> int | None:
        """The process of this name, if it still is the one that was started."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            pid, started = (self._pids / name).read_text().split()
            dead, begun = _stat(int(pid))
            if begun == started and dead:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(int(pid), os.WNOHANG)  # the dead stay until their parent asked for them
            elif begun == started:
                return int(pid)
        return None

    def send(self, name: str, number: signal.Signals) -> None:
        """A signal for it, if it is there."""
        pid = self.pid(name)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def paused(self, name: str) -> bool:
        """Whether every thread of it has stopped: a signal to do so takes a while to get round."""
        threads = Path(f"/proc/{self.pid(name)}/task").glob("*/stat")
        return all(one.read_text().rpartition(")")[2].split()[0] == "T" for one in threads)

    def stop(self, name: str, number: signal.Signals = signal.SIGTERM, seconds: float = _STOP_SECONDS) -> None:
        """End it: kindly, and after some seconds by SIGKILL. Paused ones wake up to hear it."""
        self.send(name, number)
        self.send(name, signal.SIGCONT)
        if not until(lambda: self.pid(name) is None, seconds):
            self.send(name, signal.SIGKILL)
            if not until(lambda: self.pid(name) is None, seconds):
                raise ClusterError(f"{name} (pid {self.pid(name)}) does not end")
        (self._pids / name).unlink(missing_ok=True)

    def stop_all(self) -> None:
        """End all, youngest first."""
        for name in reversed(self.names()):
            self.stop(name)

    def wait(self, name: str, ready: Callable[[], bool], seconds: float) -> None:
        """Until it is ready; says the end of its log if it dies or takes too long."""
        if not until(lambda: self.pid(name) is None or ready(), seconds) or self.pid(name) is None:
            end = "\n".join(self.log(name).read_text(errors="replace").splitlines()[-12:])
            raise ClusterError(f"{name} did not get ready; {self.log(name)} ends with\n{end}")


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether the condition came true within so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _stat(pid: int) -> tuple[bool, str]:
    """Whether a process is dead, and when the kernel started it in ticks since boot; empty if there is none.

    One that was killed is dead when its last thread is: until then it holds its ports.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return True, ""
    state, threads, started = fields[0], int(fields[17]), fields[19]
    return state in "ZX" and threads <= 1, started
