"""Keep one Envoy running: start, watch, start again, replace, drain."""

import asyncio
import contextlib
import signal
import subprocess
from collections.abc import Callable, Coroutine
from pathlib import Path
from time import monotonic

from daemun.provision import admin
from daemun.provision.keeper import logs
from daemun.provision.keeper.drain import drain
from daemun.provision.keeper.process import Process
from daemun.provision.keeper.spec import Spec

FIRST_DELAY = 0.2
LAST_DELAY = 10.0
HEALTHY_AFTER = 30.0
"""An Envoy that ran this long is not in a crash loop: its next crash is answered at once again."""
_KILL_AFTER = 3.0

Emit = Callable[..., None]


class Child:
    """One Envoy by name, through its restarts.

    A changed spec is taken over without a gap: the new Envoy inherits the old one's listening sockets (hot restart),
    and Envoy itself then drains and ends the old one. If the new one ends before that, it is started again by itself.
    """

    def __init__(self, spec: Spec, lock: int, emit: Emit) -> None:
        self.spec = spec
        self.ready = False
        self.restarts = 0
        self._lock = lock
        self._emit = emit
        self._process: Process | None = None
        self._former: set[Process] = set()
        self._epoch = 0
        self._began = 0.0
        self._delay = FIRST_DELAY
        self._deadline = float("inf")
        self._stop: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._launch()

    def status(self) -> dict[str, object]:
        """What a Daemun that takes over needs to know."""
        pid = self._process.pid if self._process else 0
        return {"name": self.spec.name, "digest": self.spec.digest, "pid": pid, "ready": self.ready}

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stop is not None

    def replace(self, spec: Spec) -> None:
        """Go on with another spec."""
        old, self.spec = self._process, spec
        if old is None:
            return  # it waits to be started again, and will be with the new spec
        self._former.add(old)
        number = _read(Path(spec.directory) / "base")
        if number:
            self._launch(number)
        else:  # it has only just begun: there is nothing to inherit
            self._process = None
            self._spawn(self._relaunch(0.0))

    async def stop(self, seconds: float) -> None:
        """Drain and end it. Called again, it can only become faster."""
        self._deadline = min(self._deadline, monotonic() + seconds)
        if self._stop is None:
            for task in self._tasks:
                task.cancel()
            self._stop = asyncio.ensure_future(self._stopping())
        await asyncio.shield(self._stop)

    def rotate(self) -> None:
        """Keep its logs bounded."""
        for name in logs.NAMES:
            logs.rotate(Path(self.spec.directory) / name, self.spec.log_bytes)

    def _launch(self, base: str = "") -> None:
        """Start a process: the successor of the one with this base id, or one of its own."""
        self.ready = False
        self._began = monotonic()
        directory = Path(self.spec.directory)
        if not base:
            _clean(self.spec)
        argv = list(self.spec.argv) if self.spec.plain else self._restartable(base, directory)
        try:
            process = Process(argv, directory, self._lock, ours=self.spec.plain)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            self._process = None
            self._emit("failed", name=self.spec.name, text=str(error))
            self._again()
            return
        self._process = process
        process.exited.add_done_callback(lambda code: self._exited(process, code.result()))
        self._emit("started", name=self.spec.name, pid=process.pid, digest=self.spec.digest)
        self._spawn(self._announce(process))

    def _restartable(self, base: str, directory: Path) -> list[str]:
        # In its own folder, for the default is an abstract socket, open to every user. Relative, for it adds 25 bytes.
        argv = [*self.spec.argv, "--socket-path", "h", "--socket-mode", "600"]
        if base:
            self._epoch += 1
            return [*argv, "--base-id", base, "--restart-epoch", str(self._epoch)]
        self._epoch = 0
        return [*argv, "--use-dynamic-base-id", "--base-id-path", str(directory / "base")]

    def _exited(self, process: Process, code: int) -> None:
        if process in self._former:
            self._former.discard(process)
            return
        self._process = None
        self.ready = False
        if self.stopping:
            return
        self._emit("exited", name=self.spec.name, pid=process.pid, code=code)
        if monotonic() - self._began >= HEALTHY_AFTER:
            self._delay = FIRST_DELAY
        self._again()

    def _again(self) -> None:
        delay, self._delay = self._delay, min(self._delay * 2, LAST_DELAY)
        self.restarts += 1
        self._emit("restarting", name=self.spec.name, seconds=delay)
        self._spawn(self._relaunch(delay))

    async def _relaunch(self, delay: float) -> None:
        await asyncio.sleep(delay)
        # One that was being replaced may still hold the ports.
        await _end(self._former)
        self._launch()

    async def _announce(self, process: Process) -> None:
        """Say when it serves. Asked by process, for its predecessor answers on the same path at first."""
        pause = 0.01
        while process.alive:
            with contextlib.suppress(admin.AdminError, OSError):
                if self.spec.plain:
                    (await asyncio.open_unix_connection(self.spec.admin))[1].close()
                else:
                    await admin.request(self.spec.admin, "/ready", pid=process.pid)
                if process is self._process:
                    self.ready = True
                    self._emit("ready", name=self.spec.name, pid=process.pid)
                return
            await asyncio.sleep(pause)
            pause = min(pause * 1.3, 0.5)

    async def _stopping(self) -> None:
        process = self._process
        if process is not None and process.alive and not self.spec.plain:
            await drain(self.spec.admin, process.pid, lambda: self._deadline)
        for old in list(self._former):
            # It drains by itself, and nothing can be asked of it any more: hot restart closed its admin interface.
            while old.alive and monotonic() < self._deadline:
                await old.wait(min(0.1, self._deadline - monotonic()))
        await _end({*self._former, *([process] if process else ())})
        _clean(self.spec)
        self._emit("stopped", name=self.spec.name)

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _end(processes: set[Process]) -> None:
    """End processes: politely first."""
    living = [process for process in processes if process.alive]
    for process in living:
        process.signal(signal.SIGTERM)
    until = monotonic() + _KILL_AFTER
    for process in living:
        if not await process.wait(until - monotonic()):
            process.signal(signal.SIGKILL)
            await process.exited


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return ""


def _clean(spec: Spec) -> None:
    """Remove what Envoy leaves behind: the sockets and the shared memory of hot restarts, the admin socket."""
    directory = Path(spec.directory)
    number = _read(directory / "base")
    if number.isdecimal():
        Path(f"/dev/shm/envoy_shared_memory_{number}0").unlink(missing_ok=True)  # noqa: S108 - Envoy's choice
    for path in (directory / "base", Path(spec.admin), *directory.glob("h_*")):
        path.unlink(missing_ok=True)
