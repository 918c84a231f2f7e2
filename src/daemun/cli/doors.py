"""How the commands reach a proxy that runs: its admin interface and its log, on this machine or in a pod."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from daemun.cli.output import fail

if TYPE_CHECKING:
    from daemun.base.names import Name
    from daemun.ir.placement import Placement


class Door(Protocol):
    """One proxy. What cannot be had ends the program with one error."""

    name: str

    def admin(self, target: str, method: str = "GET") -> bytes:
        """Ask the admin interface."""

    def log(self, lines: int) -> str:
        """The last lines of the proxy's log."""

    def follow(self) -> Iterator[str]:
        """What is logged from now on, piece by piece."""

    def since(self) -> Callable[[], str]:
        """What will have been logged since now, whenever that is asked; perhaps a little more."""


class FolderDoor:
    """A proxy of the `daemun up` that serves these paths."""

    def __init__(self, paths: list[Path], proxy: str) -> None:
        from daemun.provision import state

        self.name = proxy
        self.run_dir = state.locate([path.absolute() for path in paths])
        self._folder = self.run_dir / state.folder(proxy)
        if not (self._folder / "admin.sock").exists():
            said = " ".join(map(str, paths))
            fail(
                f"no `daemun up` serves Gateway {proxy} from these files",
                f"Start it with `daemun up {said}`; the paths must be the same as there.",
                code=1,
            )

    def admin(self, target: str, method: str = "GET") -> bytes:
        """Ask over the Unix socket that only its owner can open."""
        from daemun.provision import admin

        try:
            return asyncio.run(admin.request(str(self._folder / "admin.sock"), target, method=method, seconds=20))
        except admin.AdminError as error:
            fail(str(error), "Does it still run? See `daemun proxy logs`.", code=1)

    def log(self, lines: int) -> str:
        """Of the file beside the socket."""
        from daemun.provision.keeper import logs

        return "".join(f"{line}\n" for line in logs.tail(self._folder / "envoy.log", lines))

    def follow(self) -> Iterator[str]:
        """What is appended to the file."""
        logged, told = self.since(), 0
        while True:
            new = logged()
            told = min(told, len(new))  # it was rotated
            if len(new) > told:
                yield new[told:]
                told = len(new)
            time.sleep(0.1)

    def since(self) -> Callable[[], str]:
        """From where the file ends now; it begins anew when it is rotated."""
        file = self._folder / "envoy.log"
        end = file.stat().st_size if file.exists() else 0

        def logged() -> str:
            with file.open("rb") as log:
                log.seek(end if file.stat().st_size >= end else 0)
                return log.read().decode(errors="replace")

        return logged


def runs(paths: list[Path], proxy: str) -> bool:
    """Whether a proxy of the `daemun up` that serves these paths answers."""
    from daemun.provision import admin, state

    folder = state.locate([path.absolute() for path in paths]) / state.folder(proxy)
    try:
        asyncio.run(admin.request(str(folder / "admin.sock"), "/ready"))
    except admin.AdminError:
        return False
    return True


class PodDoor:
    """A proxy's pod, by way of kubectl: the admin interface is a file in there that nothing else can open."""

    _RUN = ("python3", "-I", "-m", "daemun.provision.admin")

    def __init__(self, context: str, namespace: str, workload: str, pod: str | None = None) -> None:
        """A pod of the `workload`, the Deployment of a proxy."""
        if shutil.which("kubectl") is None:
            fail("kubectl is not there", "What a pod's proxy says comes by way of it: install it.", code=1)
        self._kubectl = ["kubectl", *(["--context", context] if context else []), "-n", namespace]
        selector = f"app.kubernetes.io/name={workload}"
        pods = self._run("get", "pods", "-l", selector, "--field-selector=status.phase=Running", "-o", "name").decode()
        names = [line.partition("/")[2] for line in pods.split()]
        if not names:
            fail(f"{namespace}/{workload} has no pod that runs", "`daemun check` and its status say why.", code=1)
        if pod is not None and pod not in names:
            fail(f"{pod} is no running pod of {namespace}/{workload}", f"There are: {', '.join(names)}.", code=1)
        self.name = pod or names[0]

    def admin(self, target: str, method: str = "GET") -> bytes:
        """Ask from within the pod."""
        from daemun.provision.kube.settings import ADMIN_SOCKET

        return self._run("exec", self.name, "-c", "envoy", "--", *self._RUN, ADMIN_SOCKET, method, target)

    def log(self, lines: int) -> str:
        """The last lines of the container's log."""
        return self._run("logs", self.name, "-c", "envoy", f"--tail={lines}").decode(errors="replace")

    def follow(self) -> Iterator[str]:
        """From now on, until kubectl ends."""
        words = [*self._kubectl, "logs", "-f", "--tail=0", self.name, "-c", "envoy"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - the words are ours
            try:
                yield from process.stdout or ()
            finally:
                process.terminate()

    def since(self) -> Callable[[], str]:
        """The lines of so many seconds; to follow the log would begin at some moment later."""
        start = time.monotonic()

        def logged() -> str:
            seconds = int(time.monotonic() - start) + 2
            return self._run("logs", self.name, "-c", "envoy", f"--since={seconds}s").decode(errors="replace")

        return logged

    def _run(self, *words: str) -> bytes:
        command = [*self._kubectl, *words]
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)  # noqa: S603 - no shell
        if done.returncode:
            text = done.stderr.decode(errors="replace").strip()
            hint = "You need the right to exec into the pod." if "forbidden" in text.lower() else ""
            fail(f"kubectl {words[0]}: {text}", hint, code=1)
        return done.stdout


def door(
    files: list[Path] | None, context: str | None, gateway: "Name", placement: "Placement | None", pod: str | None
) -> FolderDoor | PodDoor:
    """The way to a Gateway's proxy: where its files are served, or in the cluster."""
    if files:
        return FolderDoor(files, str(gateway))
    if placement is None or not placement.made:
        fail(f"Gateway {gateway} has no proxy of Daemun's", "`daemun get proxies` says which have.", code=1)
    return PodDoor(context or "", placement.ref.namespace, placement.name, pod)
