"""A proxy's way to its configuration in a cluster: the real Envoy, TLS, and tokens that the real API server made."""

import asyncio
import contextlib
import datetime
import itertools
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import grpc
import grpc.aio
import pytest
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DiscoveryRequest

from cluster.api import ApiServer
from daemun.base.names import Name, Ref
from daemun.ir.origin import Origin
from daemun.ir.resource import LISTENER, Leaf, PartKey, part
from daemun.kube.client import KubeClient
from daemun.kube.paths import resource
from daemun.provision import binary
from daemun.provision.kube import drain
from daemun.provision.kube.bootstrap import AUTHORITY_FILE, bootstrap, secrets
from daemun.provision.kube.certificates import AUTHORITY_LIFE, SPREAD, Hosts
from daemun.provision.kube.identity import Identities
from daemun.provision.kube.keyring import Certificates, Keyring
from daemun.provision.kube.settings import CONFIG_DIR, READY_PORT, RUN_DIR, TOKEN_DIR, ProxySettings
from daemun.serve.credentials import ServerCertificate
from daemun.serve.server import METHOD, SERVICE, XdsServer
from support.scenes.world import until
from support.servers.ports import free_port

HOST = "localhost"
GATE = "default/gate"
HOUR = datetime.timedelta(hours=1)


class Mount:
    """A directory as kubelet mounts one: everything in it changes in one step."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._turns = itertools.count()
        path.mkdir(parents=True)

    def put(self, files: Mapping[str, str]) -> None:
        turn = self.path / f"..turn-{next(self._turns)}"
        turn.mkdir()
        for name, text in files.items():
            (turn / name).write_text(text)
            with contextlib.suppress(FileExistsError):
                (self.path / name).symlink_to(f"..data/{name}")
        draft = self.path / "..data_tmp"
        draft.symlink_to(turn.name)
        draft.replace(self.path / "..data")


class World:
    """An xDS server with its certificates in the API server, and an Envoy as in a pod."""

    def __init__(self, server: ApiServer, namespace: str, folder: Path) -> None:
        self.api = server
        self.namespace = namespace
        self.folder = folder
        self.client = KubeClient.connect(kubeconfig=server.kubeconfig)
        self.port, self.ready_port = free_port(), free_port()
        self.authorizations: list[str] = []
        self.age = -AUTHORITY_LIFE * 2 / 3 - 2 * (SPREAD + HOUR)
        self.certificate: ServerCertificate | None = None
        self.found: Certificates | None = None
        self.keyring = Keyring(self.client, Name(namespace, "daemun"), Hosts(HOST), self._renewed, self._now)
        self.identities = Identities(self.client, {Name(namespace, "gate-daemun"): GATE}.get)
        self.events: list[tuple[str, object]] = []
        self.config = Mount(folder / "config")
        self.token = Mount(folder / "token")
        (folder / "run").mkdir()
        self._server: XdsServer | None = None

    def _now(self) -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC) + self.age

    def _renewed(self, found: Certificates) -> None:
        self.found = found
        if self.certificate is not None:
            self.certificate.replace(found.certificate, found.key)

    @property
    def bundle(self) -> str:
        assert self.found is not None
        return self.found.authority

    async def _authenticate(self, metadata: Mapping[str, str]) -> str | None:
        self.authorizations.append(metadata.get("authorization", ""))
        return await self.identities.authenticate(metadata)

    async def serve(self) -> None:
        """Begin, or begin anew: all streams and connections end."""
        if self._server is not None:
            await self._server.stop(0)
        assert self.found is not None
        self.certificate = ServerCertificate(self.found.certificate, self.found.key)
        self._server = XdsServer(self._authenticate, lambda proxy, event: self.events.append((proxy, event)))
        await self._server.start(f"127.0.0.1:{self.port}", self.certificate.credentials)
        made = Listener(name="l")
        made.address.pipe.path = str(self.folder / "run" / "l.sock")
        made.filter_chains.add()
        leaf = Leaf(made.SerializeToString(), Origin(Ref("", "Test", "default", "gate")))
        self._server.apply([(PartKey(GATE, LISTENER, "l"), part("", [leaf]))])

    @property
    def server(self) -> XdsServer:
        assert self._server is not None
        return self._server

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(0)

    def account(self, name: str) -> None:
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts"
        self.api.client.create(path, {"metadata": {"name": name}})

    def issue(self, account: str, audience: str = "daemun-xds") -> str:
        """A token, as kubelet asks for it."""
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{account}/token"
        wanted = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": [audience], "expirationSeconds": 600},
        }
        return str(self.api.client.create(path, wanted)["status"]["token"])

    def here(self, text: str) -> str:
        """What is written for a pod, for this folder."""
        for pod, mine in ((CONFIG_DIR, "config"), (TOKEN_DIR, "token"), (RUN_DIR, "run")):
            text = text.replace(pod, str(self.folder / mine))
        return text

    def mount_config(self) -> None:
        settings = ProxySettings("unused", HOST, self.port)
        config = self.here(bootstrap(GATE, settings, 1 << 30).decode())
        config = config.replace(f'"port_value":{READY_PORT}', f'"port_value":{self.ready_port}')
        files = {name: self.here(text) for name, text in secrets(HOST).items()}
        files |= {"bootstrap.json": config.replace("0.0.0.0", "127.0.0.1"), AUTHORITY_FILE: self.bundle}
        self.config.put(files)

    async def get(self, path: str) -> int:
        """The status of a request to the readiness port; 0 without an answer in time."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.ready_port)
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
            async with asyncio.timeout(2):
                line = await reader.readline()
        except TimeoutError:
            return 0
        finally:
            writer.close()
        return int(line.split()[1]) if line else 0


@pytest.fixture
async def world(api_server: ApiServer, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    namespace = request.node.name.removeprefix("test_").replace("_", "-")[:50].strip("-")
    api_server.client.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
    with tempfile.TemporaryDirectory(prefix="dmn-") as folder:
        here = World(api_server, namespace, Path(folder))
        for account in ("gate-daemun", "other-daemun"):
            here.account(account)
        async with here.client:
            await here.keyring.look()  # years ago
            here.age = -2 * (SPREAD + HOUR)
            await here.keyring.look()
            here.mount_config()
            here.token.put({"token": here.issue("gate-daemun")})
            yield here
            await here.stop()


@contextlib.asynccontextmanager
async def envoy(world: World) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        str(binary.find()),
        *("-c", str(world.config.path / "bootstrap.json"), "--disable-hot-restart", "--concurrency", "1"),
        *("-l", "warning"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.kill()
        await process.wait()


async def test_envoy_is_ready_when_it_is_configured_and_follows_its_token_and_its_authority(world: World) -> None:
    async with envoy(world):
        await world.serve()
        await until(lambda: world.server.synced(GATE))
        assert await until(lambda: world.get("/ready")) == 200
        assert [await world.get(path) for path in ("/metrics", "/stats/prometheus")] == [200, 200]
        assert [await world.get(path) for path in ("/", "/config_dump", "/ready/x", "/quitquitquit")] == [404] * 4

        # kubelet has renewed the token: the next stream carries the new one.
        first = world.authorizations[-1]
        second = world.issue("gate-daemun")
        world.token.put({"token": second})

        async def connected_anew() -> bool:  # nothing tells when Envoy has read the file
            await world.serve()
            await until(lambda: world.server.synced(GATE))
            return world.authorizations[-1] == f"Bearer {second}"

        assert first != f"Bearer {second}"
        await until(connected_anew)

        # The authority is old. Its successor is announced, then signs, then is alone; nobody's stream ends for it.
        assert world.bundle.count("BEGIN") == 2
        for authorities in (2, 1):
            before = world.bundle
            world.age += SPREAD + HOUR
            await world.keyring.look()
            assert world.server.synced(GATE)
            assert world.bundle.count("BEGIN") == authorities
            assert world.bundle != before
            await world.serve()  # Envoy has not heard of this yet
            await until(lambda: world.server.synced(GATE))
            world.mount_config()
            await world.serve()
            await until(lambda: world.server.synced(GATE))


async def test_a_proxy_that_is_to_end_is_not_ready_but_serves_for_a_while(world: World) -> None:
    async with envoy(world):
        await world.serve()
        assert await until(lambda: world.get("/ready")) == 200
        ending = asyncio.create_task(drain.run(str(world.folder / "run" / "admin.sock"), seconds=10, spreading=2))

        async def unready() -> bool:
            return await world.get("/ready") == 503

        await until(unready)  # it says so itself: it still takes connections
        assert await ending
        with pytest.raises(OSError):  # noqa: PT011 - refused or reset
            await world.get("/ready")


async def test_who_cannot_say_who_it_is_gets_nothing(world: World) -> None:
    await world.serve()
    trust = grpc.ssl_channel_credentials(world.bundle.encode())
    async with grpc.aio.secure_channel(f"{HOST}:{world.port}", trust) as channel:

        async def first_answer(token: str | None, node: str = "") -> bytes | grpc.StatusCode:
            """What comes first on a stream: a response, or how it ended."""
            metadata = [("authorization", f"Bearer {token}")] if token is not None else []
            call = channel.stream_stream(
                f"/{SERVICE}/{METHOD}", request_serializer=DeltaDiscoveryRequest.SerializeToString
            )(metadata=metadata)
            request = DeltaDiscoveryRequest(type_url=LISTENER)
            request.node.id = node
            try:
                await call.write(request)
                async with asyncio.timeout(30):
                    answer = await call.read()
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                return await call.code()
            finally:
                call.cancel()
            return answer if isinstance(answer, bytes) else await call.code()

        refused = grpc.StatusCode.UNAUTHENTICATED
        answer = await first_answer(world.issue("gate-daemun"), node="somebody")
        assert isinstance(answer, bytes)
        assert b"Listener" in answer
        assert await first_answer(None, node=GATE) == refused
        assert await first_answer("nonsense", node=GATE) == refused
        assert await first_answer(world.issue("other-daemun"), node=GATE) == refused
        assert await first_answer(world.issue("gate-daemun", "https://somewhere.else"), node=GATE) == refused

        for method in ("FetchListeners", "StreamListeners", "DeltaListeners"):
            call = channel.unary_unary(
                f"/envoy.service.listener.v3.ListenerDiscoveryService/{method}",
                request_serializer=DiscoveryRequest.SerializeToString,
            )
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await call(
                    DiscoveryRequest(type_url=LISTENER),
                    metadata=[("authorization", f"Bearer {world.issue('gate-daemun')}")],
                )
            assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED


async def test_f05_a_secret_that_is_gone_comes_back_as_it_was_and_one_that_is_emptied_begins_anew(world: World) -> None:
    """It may be in no backup; proxies know the authority that was in it."""
    found: list[Certificates] = []
    keyring = Keyring(world.client, Name(world.namespace, "kept"), Hosts(HOST), found.append)
    first = await keyring.look()
    path = resource("", "v1", "secrets", Name(world.namespace, "kept"))
    await world.client.request("DELETE", path)
    assert await keyring.look() == first
    assert await Keyring(world.client, Name(world.namespace, "kept"), Hosts(HOST), found.append).look() == first
    await world.client.merge(path, {"data": None})
    assert (await keyring.look()).authority != first.authority


async def test_two_replicas_agree_on_their_certificates(world: World) -> None:
    found: list[Certificates] = []
    others = [Keyring(world.client, Name(world.namespace, "fresh"), Hosts(HOST), found.append) for _ in range(8)]
    await asyncio.gather(*(one.look() for one in others))
    assert len(found) == 8
    assert len({one.certificate for one in found}) == 1
