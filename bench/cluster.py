"""Daemun in a real cluster: an applied HTTPRoute until its first 200, a thousand at once, and what standing by costs.

Needs a cluster with Daemun in it, and must run where its addresses are reachable:
`python -m tests.cluster exec -- python -m bench cluster` after `make cluster` and `python -m tests.cluster install`.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from bench.poller import status
from bench.worlds import GATEWAY, Document, summary
from daemun.base.names import Name
from daemun.kube.client import KubeClient
from daemun.kube.errors import ApiError
from daemun.kube.paths import resource, within

NAMESPACE = "daemun-bench"
SIZES = tuple(int(size) for size in os.environ.get("BENCH_SIZES", "100,1000,5000").split(","))
_ROUNDS = 50
_AT_ONCE = 1000
_WATCHED_SECONDS = 30.0
_PATIENCE_SECONDS = 120.0
_GROUP, _VERSION = GATEWAY.split("/")


def measure() -> dict[str, Any]:
    """All figures, with more and more routes."""
    return asyncio.run(_measure())


async def _measure() -> dict[str, Any]:
    async with KubeClient.connect(kubeconfig=Path(os.environ["KUBECONFIG"])) as client:
        bench = _Bench(client)
        await bench.prepare()
        found: dict[str, Any] = {}
        try:
            for size in SIZES:
                await bench.grow(size)
                found[str(size)] = {
                    "applied_to_200_ms": summary(await bench.applied_to_200()),
                    "idle": await bench.watched(changes=0),
                    "one_change_a_second": await bench.watched(changes=int(_WATCHED_SECONDS)),
                }
                print(size, found[str(size)], flush=True)
            found["at_once"] = await bench.at_once()
            print(found["at_once"], flush=True)
        finally:
            await bench.clean()
        return found


class _Bench:
    """The world of the benchmark: one Gateway, one backend, and as many routes as wanted."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._there = 0
        self._serial = 0
        self._address = ""

    async def prepare(self) -> None:
        """A namespace, a backend and a Gateway with an address."""
        for path, document in _world():
            with contextlib.suppress(ApiError):
                await self._client.request("POST", path, body=document)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not (self._address and await self._status("/", "nobody.example.com") == 404):
            assert time.monotonic() < deadline, "the Gateway does not come up"
            gateway = await self._gateway()
            addresses = gateway.get("status", {}).get("addresses", [])
            self._address = addresses[0]["value"] if addresses else ""
            await asyncio.sleep(0.2)

    async def clean(self) -> None:
        """Remove everything."""
        await self._client.request("DELETE", f"/api/v1/namespaces/{NAMESPACE}")

    async def grow(self, size: int) -> None:
        """Have this many routes, all served."""
        await _each(range(self._there, size), lambda number: self._create(_route(f"r{number}")))
        self._there = max(self._there, size)
        await self._until_200(f"r{size - 1}")

    async def applied_to_200(self) -> list[float]:
        """Milliseconds from the request that creates an HTTPRoute to the first 200 of its host, one after another."""
        found = []
        for _ in range(_ROUNDS):
            name = self._fresh()
            started = time.perf_counter()
            await self._create(_route(name))
            found.append((await self._until_200(name) - started) * 1e3)
            await self._delete(name)
        return found

    async def watched(self, changes: int) -> dict[str, float]:
        """What the control plane uses while a number of routes change, one a second."""
        before = await self._metrics()
        started = time.monotonic()
        for number in range(changes):
            body = {"spec": {"rules": _rules(f"/changed-{self._fresh()}")}}
            await self._client.merge(_path(f"r{number % self._there}"), body)
            await asyncio.sleep(max(0.0, started + number + 1 - time.monotonic()))
        await asyncio.sleep(max(0.0, started + _WATCHED_SECONDS - time.monotonic()))
        after = await self._metrics()
        seconds = time.monotonic() - started
        cpu = after["process_cpu_seconds_total"] - before["process_cpu_seconds_total"]
        return {
            "cpu_percent": round(100 * cpu / seconds, 2),
            "rss_mib": round(after["process_resident_memory_bytes"] / 2**20, 1),
        }

    async def at_once(self) -> dict[str, float]:
        """Many routes at the same time: until attachedRoutes is right, and the writes of the Gateway's status."""
        names = [self._fresh() for _ in range(_AT_ONCE)]
        before = await self._attached()
        async with self._gateway_writes() as writes:
            started = time.perf_counter()
            await _each(names, lambda name: self._create(_route(name)))
            created = time.perf_counter()
            while await self._attached() != before + _AT_ONCE:
                assert time.perf_counter() - started < _PATIENCE_SECONDS
                await asyncio.sleep(0.02)
            right = time.perf_counter()
            count = len(writes)
        await _each(names, self._delete)
        return {
            "routes": _AT_ONCE,
            "created_s": round(created - started, 2),
            "right_after_s": round(right - created, 2),
            "gateway_writes": count,
        }

    @contextlib.asynccontextmanager
    async def _gateway_writes(self) -> AsyncIterator[list[bytes]]:
        """The events of the Gateway while the block runs."""
        gateway = await self._gateway()
        params = {
            "watch": "true",
            "fieldSelector": "metadata.name=gate",
            "resourceVersion": gateway["metadata"]["resourceVersion"],
        }
        events: list[bytes] = []

        async def follow() -> None:
            path = within(_GROUP, _VERSION, "gateways", NAMESPACE)
            async with self._client.stream(path, params, idle=600) as chunks:
                async for chunk in chunks:
                    events.extend(line for line in chunk.split(b"\n") if b'"type":"MODIFIED"' in line)

        task = asyncio.create_task(follow())
        try:
            yield events
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _gateway(self) -> Document:
        path = resource(_GROUP, _VERSION, "gateways", Name(NAMESPACE, "gate"))
        found: Document = msgspec.json.decode(await self._client.get(path))
        return found

    async def _attached(self) -> int:
        return int((await self._gateway())["status"]["listeners"][0]["attachedRoutes"])

    async def _create(self, document: Document) -> None:
        await self._client.request("POST", within(_GROUP, _VERSION, "httproutes", NAMESPACE), body=document)

    async def _delete(self, name: str) -> None:
        await self._client.request("DELETE", _path(name))

    async def _until_200(self, name: str) -> float:
        deadline = time.perf_counter() + _PATIENCE_SECONDS
        while await self._status("/", f"{name}.example.com") != 200:
            assert time.perf_counter() < deadline, f"no 200 for {name}"
            await asyncio.sleep(0.001)
        return time.perf_counter()

    async def _status(self, path: str, host: str) -> int:
        return await status(80, host, path, self._address)

    async def _metrics(self) -> dict[str, float]:
        """The sample values of the leader's own metrics, through the API server."""
        query = {"labelSelector": "app.kubernetes.io/name=daemun"}
        pods = msgspec.json.decode(await self._client.get("/api/v1/pods", query))["items"]
        pod = pods[0]["metadata"]
        path = f"/api/v1/namespaces/{pod['namespace']}/pods/{pod['name']}:9091/proxy/metrics"
        text = (await self._client.get(path, accept="text/plain")).decode()
        rows = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in rows}

    def _fresh(self) -> str:
        self._serial += 1
        return f"fresh-{self._serial}"


async def _each(items: Any, work: Any, width: int = 32) -> None:
    """Do something for every item, some at a time."""
    gate = asyncio.Semaphore(width)

    async def one(item: Any) -> None:
        async with gate:
            await work(item)

    await asyncio.gather(*(one(item) for item in items))


def _path(name: str) -> str:
    return resource(_GROUP, _VERSION, "httproutes", Name(NAMESPACE, name))


def _rules(path: str) -> list[Document]:
    matches = [{"path": {"type": "PathPrefix", "value": "/"}}, {"path": {"type": "Exact", "value": path}}]
    return [{"matches": matches, "backendRefs": [{"name": "backend", "port": 80}]}]


def _route(name: str) -> Document:
    spec = {"parentRefs": [{"name": "gate"}], "hostnames": [f"{name}.example.com"], "rules": _rules("/a")}
    return {"apiVersion": GATEWAY, "kind": "HTTPRoute", "metadata": {"name": name}, "spec": spec}


def _world() -> list[tuple[str, Document]]:
    labels = {"app": "backend"}
    container = {
        "name": "backend",
        "image": "daemun.test/echo-basic:1",
        "imagePullPolicy": "Never",
        "env": [
            {"name": name, "valueFrom": {"fieldRef": {"fieldPath": f"metadata.{field}"}}}
            for name, field in (("POD_NAME", "name"), ("NAMESPACE", "namespace"))
        ],
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return [
        ("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}}),
        (
            within("apps", "v1", "deployments", NAMESPACE),
            {"metadata": {"name": "backend"}, "spec": {"selector": {"matchLabels": labels}, "template": template}},
        ),
        (
            within("", "v1", "services", NAMESPACE),
            {
                "metadata": {"name": "backend"},
                "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 3000}]},
            },
        ),
        (
            within(_GROUP, _VERSION, "gateways", NAMESPACE),
            {
                "metadata": {"name": "gate"},
                "apiVersion": GATEWAY,
                "kind": "Gateway",
                "spec": {
                    "gatewayClassName": "daemun",
                    "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}],
                },
            },
        ),
    ]
