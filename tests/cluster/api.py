"""An API server alone, on loopback: real, ready in seconds, for tests of what reads from it or writes to it.

There is no node, so pods stay pending. Needs no root and no network namespace.
"""

import contextlib
import random
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from .client import Client
from .controlplane import APISERVER, CONTROLLERS, ETCD, Address, ControlPlane
from .processes import ClusterError, Processes, until

_PORTS = range(30_000, 32_700)
"""Between those of other tests (`support.servers.ports`) and those that the system gives to clients."""


class ApiServer:
    """etcd and kube-apiserver in a folder. It can be hurt: killed, paused, started again, with its data kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes = Processes(folder)
        self._claims = contextlib.ExitStack()
        self._plane = ControlPlane(folder, Address("127.0.0.1", *(self._port() for _ in range(3))), self.processes)
        self.kubeconfig = self._plane.kubeconfig
        self.url = self._plane.url

    def up(self) -> None:
        """From nothing to ready."""
        self._authority = self._plane.prepare()
        self.client: Client = self._plane.client()
        self._plane.start_etcd()
        self.start()

    def start(self) -> None:
        """Start the API server and wait until it is ready; after `kill` or `stop` it comes back on the same port."""
        # There is no controller that makes service accounts, and no `kubernetes` endpoint worth having on loopback.
        self._plane.start_apiserver(
            bind_address="127.0.0.1",
            endpoint_reconciler_type="none",
            disable_admission_plugins="ServiceAccount",
        )

    def alive(self) -> bool:
        """Whether the process is there; it may be paused."""
        return self.processes.pid(APISERVER) is not None

    def user(self, name: str, *groups: str) -> Path:
        """A kubeconfig of somebody with fewer rights than the administrator, to test RBAC with."""
        return self._plane.user(self._authority, name.replace(":", "-"), name, *groups)

    def start_controllers(self, *only: str) -> None:
        """Garbage collection and the end of namespaces, or only the controllers named."""
        names = only or ("garbage-collector-controller", "namespace-controller")
        self._plane.start_controllers(controllers=",".join(names), secure_port=self._port())

    def kill(self) -> None:
        """End the API server without a word: connections break."""
        self.processes.stop(APISERVER, signal.SIGKILL)

    def stop(self) -> None:
        """End it as an upgrade does: it closes its watches and says goodbye."""
        self.processes.stop(APISERVER)

    def restart(self) -> None:
        """Kill it and start it again."""
        self.kill()
        self.start()

    def save(self) -> None:
        """Keep a copy of all data, which `restore` brings back."""
        self._with_data_at_rest(lambda: shutil.copytree(self.folder / "etcd", self.folder / "backup"))

    def restore(self) -> None:
        """Everything is as it was when it was saved; the versions of objects go back, too."""

        def replace() -> None:
            shutil.rmtree(self.folder / "etcd")
            (self.folder / "backup").rename(self.folder / "etcd")

        self._with_data_at_rest(replace)

    def _with_data_at_rest(self, work: Callable[[], object]) -> None:
        self.kill()
        self.processes.stop(ETCD)
        work()
        self._plane.start_etcd()
        self.start()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """For the time of the block it answers nobody, though connections stay open."""
        self.processes.send(APISERVER, signal.SIGSTOP)
        try:
            if not until(lambda: self.processes.paused(APISERVER), 30):
                raise ClusterError(f"{APISERVER} does not stop")
            yield
        finally:
            self.processes.send(APISERVER, signal.SIGCONT)

    def down(self) -> None:
        """End everything and forget the data."""
        for name in (CONTROLLERS, APISERVER, ETCD):
            self.processes.stop(name, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)
        self._claims.close()

    def _port(self) -> int:
        """A port that nobody listens on, and that nobody else is given before this is down: its name says so.

        A client's would not stay free while the API server is dead: even its own clients, trying again, could be given
        it.
        """
        while True:
            port = random.choice(_PORTS)  # noqa: S311 - nobody has to be unable to guess it
            with contextlib.ExitStack() as claim, contextlib.suppress(OSError):
                claim.enter_context(socket.socket(socket.AF_UNIX)).bind(f"\0daemun-tests-api-{port}")
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
                self._claims.enter_context(claim.pop_all())
                return port


@contextlib.contextmanager
def running(folder: Path) -> Iterator[ApiServer]:
    """An API server for the time of the block."""
    server = ApiServer(folder)
    try:
        server.up()
        yield server
    finally:
        server.down()
