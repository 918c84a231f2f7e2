"""F8: the leader is killed, or cut off from the API server, or a clock jumps.

It passes when another leads within 15 s, never two of them, who is cut off stops before, and a steady client has no
failed request. The first test is of whole control planes; those of elections alone take half of all times.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cluster.api import ApiServer
from daemun.base.names import Name
from daemun.kube.client import KubeClient
from daemun.process.listening import stop_listening
from daemun.replica.lease import LeaderElection, Terms
from support.api.doorman import Doorman
from support.scenes.gate import Gate, Serving
from support.scenes.world import until

SUCCESSION = 15.0
HOUR = timedelta(hours=1)
TERMS = Terms(lease=6, renew=4.0, retry=1.0, release=1.0)


class Line:
    """A relay between a replica and the API server that can be cut without closing anything."""

    def __init__(self, server: ApiServer) -> None:
        self._to = urlsplit(server.url)
        self._whole = asyncio.Event()
        self._whole.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    async def open(self) -> int:
        """The port that leads to the API server through this line."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    def config(self, kubeconfig: Path, port: int, copy: Path) -> Path:
        """A copy of the kubeconfig that takes this line."""
        copy.write_text(kubeconfig.read_text().replace(f":{self._to.port}", f":{port}"))
        return copy

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        self._whole.set()

    async def close(self) -> None:
        await stop_listening(self._server)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        far_reader, far_writer = await asyncio.open_connection(self._to.hostname, self._to.port)
        self._writers.append(far_writer)
        for pair in ((reader, far_writer), (far_reader, writer)):
            self._tasks.add(asyncio.create_task(self._carry(*pair)))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError):
                while data := await reader.read(65536):
                    await self._whole.wait()
                    writer.write(data)
        finally:
            writer.close()


class Replicas:
    """Those that take part, and who leads."""

    def __init__(self, server: ApiServer, folder: Path, name: str) -> None:
        self._server, self._folder = server, folder
        self.name = Name("default", name)
        self.leaders: set[str] = set()
        self.lines: dict[str, Line] = {}
        self.ahead: dict[str, timedelta] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._clients: list[KubeClient] = []
        self._news = asyncio.Event()

    async def add(self, name: str) -> None:
        self.ahead[name] = timedelta()
        line = self.lines[name] = Line(self._server)
        config = line.config(self._server.kubeconfig, await line.open(), self._folder / name)
        client = KubeClient.connect(kubeconfig=config)
        self._clients.append(client)
        election = LeaderElection(
            client,
            self.name,
            name,
            lambda leads: self._changed(name, leads),
            terms=TERMS,
            wall=lambda: datetime.now(UTC) + self.ahead[name],
        )
        self.tasks[name] = asyncio.create_task(election.run())

    def _changed(self, name: str, leads: bool) -> None:
        (self.leaders.add if leads else self.leaders.discard)(name)
        assert len(self.leaders) <= 1
        self._news.set()

    async def until(self, *choices: set[str]) -> None:
        """Wait until one of these leads."""
        async with asyncio.timeout(60):
            while self.leaders not in choices:
                self._news.clear()
                await self._news.wait()

    async def stop(self, name: str) -> None:
        self.tasks[name].cancel()
        await asyncio.gather(self.tasks[name], return_exceptions=True)

    async def close(self) -> None:
        for name in self.tasks:
            await self.stop(name)
        for client in self._clients:
            await client.close()
        for line in self.lines.values():
            await line.close()


@contextlib.asynccontextmanager
async def electing(server: ApiServer, folder: Path, name: str) -> AsyncIterator[Replicas]:
    replicas = Replicas(server, folder, name)
    await replicas.add("a")
    await replicas.until({"a"})
    await replicas.add("b")
    try:
        yield replicas
    finally:
        await replicas.close()


async def test_a_leader_is_killed_and_the_next_is_cut_off(gate: Gate) -> None:
    async with Doorman(gate.api.client) as doorman:
        direct, watched = gate.replica("direct"), gate.replica("watched", doorman.kubeconfig(gate.folder / "config"))
        await direct.start()
        await until(direct.ready)
        await until(direct.leads)
        await watched.start()
        await gate.proxy()
        await until(watched.ready)
        with gate.steady():
            await direct.kill()
            await until(watched.leads, SUCCESSION)
            gate.route("second", "/second")
            await gate.serves("second", "/second")
            await until(lambda: accepted(gate, "second"))

            await direct.start()
            await until(direct.ready)
            doorman.hangs = "/"
            doorman.stall()
            await until(lambda: succeeded(watched, direct), SUCCESSION)
            gate.route("third")
            await until(lambda: accepted(gate, "third"))


async def succeeded(old: Serving, new: Serving) -> bool:
    """Whether the new one leads; it must not while the old one does."""
    leads = await new.leads()
    assert not (leads and await old.leads())
    return leads


def accepted(gate: Gate, name: str) -> bool:
    """Whether somebody has written so."""
    path = f"/apis/gateway.networking.k8s.io/v1/namespaces/{gate.namespace}/httproutes/{name}"
    parents = gate.api.client.get(path).get("status", {}).get("parents", [])
    return any(one["type"] == "Accepted" and one["status"] == "True" for each in parents for one in each["conditions"])


async def test_a_clock_that_is_wrong_or_jumps_changes_nothing(api_server: ApiServer, tmp_path: Path) -> None:
    async with electing(api_server, tmp_path, "clock") as replicas:
        for a, b in ((-HOUR, HOUR), (HOUR, -HOUR)):
            replicas.ahead.update(a=a, b=b)
            await asyncio.sleep(TERMS.lease + 2 * TERMS.retry)
            assert replicas.leaders == {"a"}
        await replicas.stop("a")
        await replicas.until({"b"})


async def test_a_clean_end_hands_over_at_once(api_server: ApiServer, tmp_path: Path) -> None:
    async with electing(api_server, tmp_path, "clean") as replicas:
        await asyncio.sleep(2 * TERMS.retry)  # b knows that a leads
        assert replicas.leaders == {"a"}
        await replicas.stop("a")
        lease = "/apis/coordination.k8s.io/v1/namespaces/default/leases/clean"
        assert api_server.client.get(lease)["spec"]["holderIdentity"] in ("", "b")
        await replicas.until({"b"})
        spec = api_server.client.get(lease)["spec"]
        assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("b", 1)


async def test_after_a_sudden_end_another_leads_when_the_lease_has_run_out(
    api_server: ApiServer, tmp_path: Path
) -> None:
    async with electing(api_server, tmp_path, "sudden") as replicas:
        replicas.lines["a"].cut()
        replicas.tasks["a"].cancel()
        await replicas.until({"b"})


async def test_who_is_cut_off_stops_first_and_can_lead_again(api_server: ApiServer, tmp_path: Path) -> None:
    async with electing(api_server, tmp_path, "cut") as replicas:
        replicas.lines["a"].cut()
        await replicas.until(set())
        await replicas.until({"b"})
        replicas.lines["a"].mend()
        await replicas.stop("b")
        await replicas.until({"a"})


async def test_the_api_server_is_paused_and_one_leads_afterwards(api_server: ApiServer, tmp_path: Path) -> None:
    async with electing(api_server, tmp_path, "paused") as replicas:
        with api_server.paused():
            await replicas.until(set())
        await replicas.until({"a"}, {"b"})
