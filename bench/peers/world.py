"""One peer's world in the cluster: a Gateway with an address, backends, and as many routes as wanted."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import msgspec

from bench.peers import manifests
from bench.peers.ask import Answer, Asker
from bench.peers.peer import Peer
from bench.tools import usage
from bench.tools.worlds import GATEWAY, Document
from daemun.base.names import Name
from daemun.kube.client import KubeClient
from daemun.kube.errors import ApiError
from daemun.kube.paths import resource, within

PATIENCE_SECONDS = float(os.environ.get("BENCH_PATIENCE", "180"))
_GROUP, _VERSION = GATEWAY.split("/")
_QUIET_SHARE = 0.03
"""Of a processor. More than that is work: the statuses of routes that were just created are 0.06."""


class World:
    """What replays use. `there` is how many routes it has that stay, named r0, r1 and so on."""

    def __init__(self, client: KubeClient, peer: Peer) -> None:
        self.client = client
        self.peer = peer
        self.namespace = f"bench-{peer.name}"
        self.address = ""
        self.there = 0
        self._serial = 0

    async def prepare(self) -> None:
        """All but the routes."""
        await self.client.request("POST", "/api/v1/namespaces", body={"metadata": {"name": self.namespace}})
        await self.post("", "services", manifests.service("a"))
        await self.post("", "pods", manifests.backend("a", "a"))
        await self.post(_GROUP, "gateways", manifests.gateway(self.peer.gateway_class))

        async def answers() -> bool:
            addresses = (await self.gateway()).get("status", {}).get("addresses", [])
            self.address = addresses[0]["value"] if addresses else ""
            if not self.address:
                return False
            async with Asker(self.address) as asker:
                return (await asker.ask("nobody.example.com")).status == 404

        await until(answers, "the Gateway does not come up", pause=0.2)

    async def clean(self) -> None:
        """Remove everything, proxies that take their time to drain included."""
        await self.client.request("DELETE", f"/api/v1/namespaces/{self.namespace}")

        async def gone() -> bool:
            return await self.client.find(f"/api/v1/namespaces/{self.namespace}") is None

        for pod in await self.pods(*self._proxies()):
            await self.remove_pod(pod)
        await until(gone, "the namespace does not go", pause=0.5, patience=600)

    async def grow(self, size: int) -> float:
        """Have this many routes, all served and the control plane at rest; the seconds that took."""
        started = time.perf_counter()
        await each(range(self.there, size), lambda number: self.create(manifests.route(f"r{number}")))
        self.there = max(self.there, size)
        async with Asker(self.address) as asker:
            host = manifests.host(f"r{size - 1}")
            served, _ = await asker.until(Answer(200), host, patience=PATIENCE_SECONDS * 2)
        await self.quiet()
        return served - started

    async def quiet(self, patience: float = PATIENCE_SECONDS) -> bool:
        """Wait until the control plane rests for three seconds; whether it did in time."""
        deadline = time.monotonic() + patience
        rested = 0
        while rested < 3 and time.monotonic() < deadline:
            before = await self.control_plane()
            await asyncio.sleep(1)
            used = (await self.control_plane()).cpu_s - before.cpu_s
            rested = rested + 1 if used < _QUIET_SHARE else 0
        return rested >= 3

    async def control_plane(self) -> usage.Usage:
        """What the control plane uses."""
        return usage.usage(await self.pids(*self.peer.control_plane))

    async def proxy(self) -> usage.Usage:
        """What the Gateway's proxies use."""
        return usage.usage(await self.pids(*self._proxies()))

    async def pids(self, namespace: str, selector: str) -> list[int]:
        """The processes of pods."""
        return usage.pids([pod["metadata"]["uid"] for pod in await self.pods(namespace, selector)])

    async def kill(self, control_plane: bool = True, proxies: bool = False) -> None:
        """End pods without any warning, and let their Deployments make new ones."""
        chosen = [self.peer.control_plane] * control_plane + [self._proxies()] * proxies
        for namespace, selector in chosen:
            pods = await self.pods(namespace, selector)
            processes = usage.pids([pod["metadata"]["uid"] for pod in pods])
            for pod in pods:
                await self.remove_pod(pod)
            usage.kill(processes)

    async def remove_pod(self, pod: Document) -> None:
        """Delete it without grace."""
        meta = pod["metadata"]
        path = resource("", "v1", "pods", Name(meta["namespace"], meta["name"]))
        with contextlib.suppress(ApiError):
            await self.client.request("DELETE", path, params={"gracePeriodSeconds": "0"})

    async def ready(self) -> bool:
        """Whether a pod of the control plane is."""
        for pod in await self.pods(*self.peer.control_plane):
            conditions = pod["status"].get("conditions", [])
            if any(one["type"] == "Ready" and one["status"] == "True" for one in conditions):
                return True
        return False

    async def scale(self, replicas: int) -> None:
        """Have so many replicas of the control plane, ready or gone."""
        await self.client.merge(self.peer.deployment, {"spec": {"replicas": replicas}})

        async def done() -> bool:
            return await self.ready() if replicas else not await self.pods(*self.peer.control_plane)

        await until(done, f"{self.peer.name} does not get {replicas} replicas", pause=0.2)

    async def gateway(self) -> Document:
        """The Gateway as it is now."""
        return await self.read(resource(_GROUP, _VERSION, "gateways", Name(self.namespace, "gate")))

    async def pods(self, namespace: str, selector: str) -> list[Document]:
        """Pods by labels."""
        found = await self.client.get(within("", "v1", "pods", namespace), {"labelSelector": selector})
        items: list[Document] = msgspec.json.decode(found)["items"]
        return items

    async def read(self, path: str) -> Document:
        """An object, or a list of them."""
        found: Document = msgspec.json.decode(await self.client.get(path))
        return found

    async def post(self, group: str, plural: str, document: Document) -> None:
        """Create an object in the world's namespace."""
        path = within(group, "v1", plural, self.namespace)
        await self.client.request("POST", path, body=document, seconds=60)

    async def create(self, document: Document) -> None:
        """Create an HTTPRoute."""
        await self.post(_GROUP, "httproutes", document)

    async def change(self, name: str, rules: Any) -> None:
        """Give an HTTPRoute other rules."""
        path = resource(_GROUP, _VERSION, "httproutes", Name(self.namespace, name))
        await self.client.merge(path, {"spec": {"rules": rules}})

    async def delete(self, name: str, group: str = _GROUP, plural: str = "httproutes") -> None:
        """Delete an HTTPRoute, or an object of another kind."""
        await self.client.request("DELETE", resource(group, "v1", plural, Name(self.namespace, name)))

    def fresh(self) -> str:
        """A name that was not used before."""
        self._serial += 1
        return f"fresh-{self._serial}"

    @contextlib.asynccontextmanager
    async def changing(self, per_second: float) -> AsyncIterator[None]:
        """So many routes a second get another path while the block runs, one after the other."""

        async def go() -> None:
            started, number = time.monotonic(), 0
            while True:
                number += 1
                await self.change(f"r{number * 37 % self.there}", manifests.rules(also=f"/{self.fresh()}"))
                await asyncio.sleep(max(0.0, started + number / per_second - time.monotonic()))

        task = asyncio.create_task(go())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _proxies(self) -> tuple[str, str]:
        namespace, selector = self.peer.proxies
        names = {"namespace": self.namespace, "name": "gate"}
        return namespace.format(**names), selector.format(**names)


async def until(
    condition: Callable[[], Awaitable[bool]], fault: str, pause: float = 0.02, patience: float = PATIENCE_SECONDS
) -> float:
    """Wait for it; when it was, by time.perf_counter."""
    deadline = time.perf_counter() + patience
    while not await condition():
        if time.perf_counter() > deadline:
            raise TimeoutError(f"{fault} within {patience:.0f} s")
        await asyncio.sleep(pause)
    return time.perf_counter()


async def each(items: Iterable[Any], work: Callable[[Any], Awaitable[None]], width: int = 32) -> None:
    """Do something for every item, some at a time."""
    gate = asyncio.Semaphore(width)

    async def one(item: Any) -> None:
        async with gate:
            await work(item)

    await asyncio.gather(*(one(item) for item in items))
