"""Real Envoys under supervision: they come back, they are handed on, they finish what they began, none is left."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from envoy.service.discovery.v3 import discovery_pb2

from daemun.process.listening import stop_listening
from daemun.provision.bootstrap import TOKEN_HEADER
from daemun.provision.local import Event, LocalProxies
from support.servers.ports import free_port

GATEWAY = "default/gw"
_HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}
_ADS = "envoy.service.discovery.v3.AggregatedDiscoveryService"

OWNER = """
import asyncio, json, sys
from pathlib import Path
from daemun.provision.local import LocalProxies

async def main(state, linger, overrides):
    proxies = LocalProxies(Path(state), Path(state) / "xds.sock", linger=float(linger), concurrency=1)
    await proxies.start()
    await proxies.ensure("default/gw", overrides=json.loads(overrides))
    assert await proxies.ready("default/gw")
    print(proxies.running()[0].pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


def static(port: int, backend: int = 0, name: str = "test") -> dict[str, object]:
    """Instead of configuration by xDS: answer 200, or pass everything on to a backend."""
    answer: dict[str, object] = {"route": {"cluster": "backend"}} if backend else {"direct_response": {"status": 200}}
    hosts = [{"name": "v", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, **answer}]}]
    manager = {
        "@type": _HCM,
        "stat_prefix": "web",
        "route_config": {"virtual_hosts": hosts},
        "http_filters": [{"name": "router", "typed_config": _ROUTER}],
    }
    listener = {
        "name": "web",
        "address": address(port),
        "enable_reuse_port": False,
        "filter_chains": [{"filters": [{"name": "hcm", "typed_config": manager}]}],
    }
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address(backend or 1)}}]}]
    cluster = {
        "name": "backend",
        "type": "STATIC",
        "load_assignment": {"cluster_name": "backend", "endpoints": endpoints},
    }
    return {
        "node": {"id": name, "cluster": "test"},
        "dynamic_resources": {},
        "static_resources": {"listeners": [listener], "clusters": [cluster]},
    }


def address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


async def get(port: int) -> int:
    """The status of one request on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()


async def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.01)


def gone(pid: int) -> bool:
    """Whether a process has ended; a zombie whose parent is slow to bury it has."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def shared_memory(pid: int) -> set[Path]:
    """What an Envoy keeps for hot restarts outside of the state directory."""
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return {Path(line.split()[-1]) for line in maps if "/dev/shm/envoy_shared_memory_" in line}  # noqa: S108 - Envoy's


class Probe:
    """Requests one after another, and what came of them."""

    def __init__(self, port: int) -> None:
        self.answers: list[object] = []
        self._port = port
        self._task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        while True:
            try:
                self.answers.append(await get(self._port))
            except (OSError, IndexError) as error:
                self.answers.append(repr(error))
            await asyncio.sleep(0.002)

    async def more(self, count: int) -> None:
        seen = len(self.answers)
        await until(lambda: len(self.answers) >= seen + count)

    async def end(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


class Stage:
    """One state directory, and everyone who acted on it."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.events: list[Event] = []
        self.port = free_port()
        self._all: list[LocalProxies] = []
        self._pids: set[int] = set()
        self._memory: set[Path] = set()

    def proxies(self, linger: float = 6.0) -> LocalProxies:
        made = LocalProxies(
            self.state,
            self.state / "xds.sock",
            linger=linger,
            concurrency=1,
            on_event=self._heard,
        )
        self._all.append(made)
        return made

    async def serving(self, **config: Any) -> LocalProxies:
        proxies = self.proxies()
        await proxies.start()
        await proxies.ensure(GATEWAY, overrides=static(self.port, **config))
        assert await proxies.ready(GATEWAY)
        self.keeper()
        return proxies

    async def owner(self, linger: float) -> tuple[int, int]:
        """A Daemun in a process of its own, and its Envoy."""
        argv = [sys.executable, "-c", OWNER, str(self.state), str(linger), json.dumps(static(self.port))]
        process = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        self._pids.add(process.pid)
        envoy = int(await process.stdout.readline())
        self._pids.add(envoy)
        self._memory |= shared_memory(envoy)
        self.keeper()
        return process.pid, envoy

    def keeper(self) -> int:
        pid = int((self.state / "keeper.lock").read_text())
        self._pids.add(pid)
        return pid

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def _heard(self, event: Event) -> None:
        self.events.append(event)
        if event.pid:
            self._pids.add(event.pid)
        if event.kind == "ready":
            with contextlib.suppress(OSError):  # one that was killed at once
                self._memory |= shared_memory(event.pid)

    async def strike(self) -> None:
        """End everything, and see that nothing is left."""
        self.keeper()
        for proxies in self._all:
            await proxies.stop(0)
        if any(not gone(pid) for pid in self._pids):
            last = LocalProxies(self.state, self.state / "xds.sock")
            await last.start()
            await last.stop(0)
        await until(lambda: all(gone(pid) for pid in self._pids))
        assert not [path for path in self.state.rglob("*") if path.is_socket()]
        assert not [path for path in self._memory if path.exists()]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    with tempfile.TemporaryDirectory() as short:  # pytest's own paths are too long for a Unix socket
        stage = Stage(Path(short) / "s")
        yield stage
        await stage.strike()


async def test_a_crashed_envoy_comes_back(stage: Stage) -> None:
    proxies = await stage.serving()
    first = proxies.running()[0].pid
    os.kill(first, signal.SIGSEGV)
    await until(lambda: stage.kinds().count("ready") == 2)
    assert stage.kinds() == ["started", "ready", "exited", "restarting", "started", "ready"]
    assert stage.events[2].code == -signal.SIGSEGV
    assert proxies.running()[0].pid != first
    assert await get(stage.port) == 200


async def test_envoys_of_a_killed_daemun_serve_on_and_are_adopted_without_a_lost_request(stage: Stage) -> None:
    owner, envoy = await stage.owner(linger=10)
    probe = Probe(stage.port)
    await probe.more(20)
    os.kill(owner, signal.SIGKILL)
    await until(lambda: gone(owner))
    await probe.more(20)
    successor = stage.proxies()
    await successor.start()
    assert [(one.proxy, one.pid, one.ready) for one in successor.running()] == [(GATEWAY, envoy, True)]
    await successor.ensure(GATEWAY, overrides=static(stage.port))
    assert stage.kinds() == ["adopted"]
    assert await successor.ready(GATEWAY, 0.5)
    await probe.more(20)
    await probe.end()
    assert set(probe.answers) == {200}


async def test_an_envoy_that_crashes_between_two_daemuns_comes_back_too(stage: Stage) -> None:
    owner, envoy = await stage.owner(linger=10)
    os.kill(owner, signal.SIGKILL)
    await until(lambda: gone(owner))
    os.kill(envoy, signal.SIGKILL)
    await until(lambda: gone(envoy))
    successor = stage.proxies()
    await successor.start()
    await until(lambda: successor.running()[0].pid not in {0, envoy})
    assert await successor.ready(GATEWAY)
    assert await get(stage.port) == 200


async def test_without_a_successor_nothing_is_left(stage: Stage) -> None:
    owner, envoy = await stage.owner(linger=1)
    keeper = stage.keeper()
    os.kill(owner, signal.SIGKILL)
    await until(lambda: gone(envoy) and gone(keeper))


async def test_a_second_daemun_takes_over_and_the_first_is_told(stage: Stage) -> None:
    first = await stage.serving()
    pid = first.running()[0].pid
    second = stage.proxies()
    coming = asyncio.ensure_future(second.start())
    await until(lambda: "superseded" in stage.kinds())
    assert not coming.done()  # until the first has let go of the state directory
    await first.release()
    await coming
    assert [one.pid for one in second.running()] == [pid]
    assert list(second.tokens().values()) == [GATEWAY]
    assert second.tokens() == first.tokens()


async def test_another_bootstrap_replaces_the_envoy_without_a_lost_request(stage: Stage) -> None:
    proxies = await stage.serving()
    old = proxies.running()[0].pid
    probe = Probe(stage.port)
    await probe.more(20)
    await proxies.ensure(GATEWAY, overrides=static(stage.port, name="changed"))
    assert await proxies.ready(GATEWAY)
    await probe.more(100)
    await probe.end()
    assert set(probe.answers) == {200}
    assert proxies.running()[0].pid != old
    assert b"changed" in await proxies.admin_get(GATEWAY, "/server_info")
    assert len(list(proxies.log(GATEWAY).parent.glob("bootstrap-*.json"))) == 1


class SlowBackend:
    """Answers when told to."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.go = asyncio.Event()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked.set()
        await self.go.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        with contextlib.suppress(OSError):
            await writer.drain()
        writer.close()


@pytest.fixture
async def slow() -> AsyncIterator[tuple[SlowBackend, int]]:
    backend = SlowBackend()
    server = await asyncio.start_server(backend.answer, "127.0.0.1", 0)
    yield backend, server.sockets[0].getsockname()[1]
    backend.go.set()
    await stop_listening(server)
    await server.wait_closed()


async def refused(port: int) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                return
            writer.close()
            await asyncio.sleep(0.01)


async def test_stop_lets_a_request_finish(stage: Stage, slow: tuple[SlowBackend, int]) -> None:
    backend, port = slow
    proxies = await stage.serving(backend=port)
    request = asyncio.ensure_future(get(stage.port))
    await backend.asked.wait()
    stopping = asyncio.ensure_future(proxies.stop(20))
    await refused(stage.port)
    assert not stopping.done()
    backend.go.set()
    assert await request == 200
    await asyncio.wait_for(stopping, 30)


async def test_a_second_stop_cuts_the_drain_short(stage: Stage, slow: tuple[SlowBackend, int]) -> None:
    backend, port = slow
    proxies = await stage.serving(backend=port)
    request = asyncio.ensure_future(get(stage.port))
    await backend.asked.wait()
    stopping = asyncio.ensure_future(proxies.stop(60))
    await refused(stage.port)
    await asyncio.wait_for(proxies.stop(0), 30)
    await asyncio.wait_for(stopping, 30)
    assert isinstance((await asyncio.gather(request, return_exceptions=True))[0], Exception)


async def test_an_idle_envoy_stops_at_once_though_a_connection_is_open(stage: Stage) -> None:
    proxies = await stage.serving()
    _, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
    await proxies.admin_get(GATEWAY, "/stats")
    await asyncio.wait_for(proxies.remove(GATEWAY, drain=60), 30)
    writer.close()
    assert proxies.running() == []
    assert not proxies.tokens()
    assert not proxies.log(GATEWAY).parent.exists()


async def test_a_killed_keeper_takes_its_envoys_along_and_daemun_begins_anew(stage: Stage) -> None:
    proxies = await stage.serving()
    first = proxies.running()[0].pid
    os.kill(stage.keeper(), signal.SIGKILL)
    await until(lambda: gone(first))
    await until(lambda: stage.kinds().count("ready") == 2)
    assert "keeper-lost" in stage.kinds()
    assert await get(stage.port) == 200
    stage.keeper()


async def test_the_log_is_at_hand(stage: Stage) -> None:
    proxies = await stage.serving()
    assert any("starting workers" in line for line in proxies.tail(GATEWAY))
    assert proxies.log(GATEWAY).stat().st_mode & 0o777 == 0o600


class EmptyConfiguration(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # its stub only
    """An xDS server that has nothing for anyone, and notes who asked."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.asked = asyncio.Event()

    def service(self, call: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes] | None":
        assert call.method == f"/{_ADS}/DeltaAggregatedResources"
        self.tokens += [str(value) for key, value in call.invocation_metadata if key == TOKEN_HEADER]
        self.asked.set()
        return grpc.stream_stream_rpc_method_handler(self._stream)

    async def _stream(self, requests: AsyncIterator[bytes], context: object) -> AsyncIterator[bytes]:
        async for data in requests:
            request = discovery_pb2.DeltaDiscoveryRequest.FromString(data)
            if not request.response_nonce:
                yield discovery_pb2.DeltaDiscoveryResponse(type_url=request.type_url, nonce="1").SerializeToString()


async def test_an_envoy_presents_its_token_and_is_ready_once_configured(stage: Stage) -> None:
    proxies = stage.proxies()
    await proxies.start()
    await proxies.ensure(GATEWAY)
    assert not await proxies.ready(GATEWAY, 0.5)
    for _ in range(2):  # and presents it again to a Daemun that came back
        xds, server = EmptyConfiguration(), grpc.aio.server()
        server.add_generic_rpc_handlers([xds])
        server.add_insecure_port(f"unix:{stage.state}/xds.sock")
        await server.start()
        await asyncio.wait_for(xds.asked.wait(), 30)
        assert proxies.tokens()[xds.tokens[0]] == GATEWAY
        assert await proxies.ready(GATEWAY)
        await server.stop(None)
