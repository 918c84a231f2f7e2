"""A Gateway served as in a cluster, without nodes: a real API server, `daemun serve` in processes of its own, and in
place of the proxy's pod the Envoy that would run in it, with the files that kubelet would mount."""

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from cluster.api import ApiServer
from cluster.steady import Steady, steady
from daemun.provision import binary
from daemun.provision.kube.settings import AUDIENCE, CONFIG_DIR, READY_PORT, RUN_DIR, TOKEN_DIR
from support.clients.client import ask
from support.scenes.world import until
from support.servers.ports import free_port

STEADY = "steady"
_API = "gateway.networking.k8s.io/v1"
_LATEST = 60.0
_REMOVED = ("listener_manager_listener", "cluster_manager_cluster")


class Serving:
    """One `daemun serve`."""

    def __init__(self, namespace: str, identity: str, log: Path, kubeconfig: Path) -> None:
        self.identity = identity
        self.xds_port, self.health_port = free_port(), free_port()
        self._log = log
        self._kubeconfig = kubeconfig
        self._arguments = [
            *("--namespace", namespace, "--watch-namespace", namespace, "--identity", identity),
            *("--xds-port", str(self.xds_port), "--health-port", str(self.health_port)),
        ]
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Begin; it need not be ready."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "daemun", "serve", *self._arguments),
                env=os.environ | {"KUBECONFIG": str(self._kubeconfig)},
                stdout=log,
                stderr=log,
            )

    async def kill(self) -> None:
        """End it without a word."""
        if self._process is not None:
            process, self._process = self._process, None
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def ready(self) -> bool:
        return (await ask(self.health_port, "/readyz")).status == 200

    async def leads(self) -> bool:
        return await self.total("daemun_leader") == 1

    async def idle(self, statuses: int) -> bool:
        """Whether it has looked at so many statuses and has none to write."""
        looked = await self.total("daemun_status_skipped_total") >= statuses
        return looked and not await self.total("daemun_status_pending")

    async def figures(self, name: str) -> dict[str, float]:
        """A metric, by the first of its labels."""
        text = (await ask(self.health_port, "/metrics")).body.decode()
        return {
            next(iter(sample.labels.values()), ""): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name
        }

    async def total(self, name: str) -> float:
        return sum((await self.figures(name)).values())


class Gate:
    """A Gateway in a namespace of its own, who serves it, and its one proxy."""

    def __init__(self, server: ApiServer, namespace: str, folder: Path) -> None:
        self.api, self.namespace, self.folder = server, namespace, folder
        self.port = free_port()
        self.ready_port = free_port()
        self.replicas: list[Serving] = []
        self._envoy: asyncio.subprocess.Process | None = None
        server.client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        listener = {"name": "http", "port": self.port, "protocol": "HTTP"}
        self._apply("Gateway", "gate", {"gatewayClassName": "daemun", "listeners": [listener]})
        self.route(STEADY)

    # What there is

    def route(self, name: str, to: str = "/") -> None:
        """A route of this name and host, which sends the client on to a path."""
        redirect = {"path": {"type": "ReplaceFullPath", "replaceFullPath": to}}
        rule = {"filters": [{"type": "RequestRedirect", "requestRedirect": redirect}]}
        spec = {"parentRefs": [{"name": "gate"}], "hostnames": [f"{name}.example.com"], "rules": [rule]}
        self._apply("HTTPRoute", name, spec)

    def remove(self, name: str) -> None:
        """That route goes."""
        self.api.client.delete(f"/apis/{_API}/namespaces/{self.namespace}/httproutes/{name}")

    def _apply(self, kind: str, name: str, spec: object) -> None:
        meta = {"name": name, "namespace": self.namespace}
        self.api.client.apply({"apiVersion": _API, "kind": kind, "metadata": meta, "spec": spec})

    # Who serves it

    def replica(self, identity: str, kubeconfig: Path | None = None) -> Serving:
        """Another control plane; it is not started."""
        one = Serving(self.namespace, identity, self.folder / f"{identity}.log", kubeconfig or self.api.kubeconfig)
        self.replicas.append(one)
        return one

    async def serve(self, kubeconfig: Path | None = None, replicas: int = 1) -> None:
        """Start control planes and the proxy, and return when it serves."""
        made = [self.replica(f"replica-{number}", kubeconfig) for number in range(replicas)]
        for one in made:
            await one.start()
        await self.proxy()

    async def proxy(self) -> None:
        """Start the proxy, and return when it serves."""
        path = f"/api/v1/namespaces/{self.namespace}/configmaps/gate-daemun"
        account = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/gate-daemun"

        def made(path: str) -> bool:
            with contextlib.suppress(Exception):
                return bool(self.api.client.get(path))
            return False

        await until(lambda: made(path) and made(account), _LATEST)
        for name, text in self.api.client.get(path)["data"].items():
            (self.folder / name).write_text(self._here(name, text))
        wanted = {"spec": {"audiences": [AUDIENCE], "expirationSeconds": 3600}}
        token = self.api.client.create(f"{account}/token", wanted)["status"]["token"]
        (self.folder / "token").write_text(token)
        with (self.folder / "envoy.log").open("wb") as log:
            self._envoy = await asyncio.create_subprocess_exec(
                str(binary.find()),
                *("-c", str(self.folder / "bootstrap.json"), "--disable-hot-restart", "--concurrency", "1"),
                *("-l", "warning"),
                stdout=log,
                stderr=log,
            )
        await self.serves(STEADY, "/")

    def _here(self, name: str, text: str) -> str:
        """A file of a pod, for this folder, and for an xDS server that is not behind a Service."""
        for place in (CONFIG_DIR, TOKEN_DIR, RUN_DIR):
            text = text.replace(place, str(self.folder))
        if name != "bootstrap.json":
            return text
        config = json.loads(text)
        resources = config["static_resources"]
        for listener in resources["listeners"]:
            address = listener.get("address", {}).get("socket_address", {})
            if address.get("port_value") == READY_PORT:
                address["port_value"] = self.ready_port
        for cluster in resources["clusters"]:
            if cluster.get("type") == "STRICT_DNS":
                cluster["type"] = "STATIC"
                addresses = [{"address": "127.0.0.1", "port_value": one.xds_port} for one in self.replicas]
                endpoints = [{"endpoint": {"address": {"socket_address": one}}} for one in addresses]
                cluster["load_assignment"]["endpoints"] = [{"lb_endpoints": endpoints}]
        return json.dumps(config)

    async def leader(self) -> Serving:
        """Who leads; waits for one."""

        async def found() -> list[Serving]:
            leading = []
            for one in self.replicas:
                with contextlib.suppress(OSError):
                    if await one.leads():
                        leading.append(one)
            return leading

        [one] = await until(found, _LATEST)
        return one

    # What clients get

    async def where(self, name: str) -> str:
        """Where a client is sent to that asks for this host; the status if nowhere."""
        answer = await ask(self.port, host=f"{name}.example.com")
        return answer.headers.get("location", str(answer.status)).removeprefix(f"http://{name}.example.com:{self.port}")

    async def serves(self, name: str, to: str, seconds: float = _LATEST) -> None:
        """Wait until clients of this host are sent there."""

        async def there() -> bool:
            return await self.where(name) == to

        await until(there, seconds)

    @contextlib.contextmanager
    def steady(self) -> Iterator[Steady]:
        """A client that asks for the steady route for the time of the block, and may not fail once."""
        with steady("127.0.0.1", f"{STEADY}.example.com", port=self.port, wanted="302") as client:
            yield client
            client.more()
        assert client.failures == []

    async def counter(self, name: str) -> int:
        """A statistic of the proxy."""
        body = (await ask(self.ready_port, "/metrics")).body.decode()
        return int(
            sum(float(line.split()[-1]) for line in body.splitlines() if line.startswith((name + " ", name + "{")))
        )

    async def removed(self) -> int:
        """How many listeners and clusters the proxy was told to give up."""
        return sum([await self.counter(f"envoy_{one}_removed") for one in _REMOVED])

    async def close(self) -> None:
        """End everything."""
        for one in self.replicas:
            await one.kill()
        if self._envoy is not None:
            with contextlib.suppress(ProcessLookupError):
                self._envoy.kill()
            await self._envoy.wait()
        if self.api.alive():
            self.api.client.delete(f"/api/v1/namespaces/{self.namespace}")


@contextlib.asynccontextmanager
async def gate(server: ApiServer, namespace: str) -> AsyncIterator[Gate]:
    """A Gateway that nobody serves yet, for the time of the block."""
    with tempfile.TemporaryDirectory(prefix="dmn-") as folder:
        made = Gate(server, namespace, Path(folder))
        try:
            yield made
        finally:
            await made.close()
