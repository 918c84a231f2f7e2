"""`daemun serve` and a real API server, without nodes: many routes at once, and a restart without a write."""

import asyncio
import contextlib
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from cluster.api import ApiServer
from daemun.kube.client import KubeClient
from daemun.programs.cluster import ClusterApp
from daemun.programs.installation import Installation
from daemun.report.kube.pace import LONGEST_COUNT_GAP
from support.servers.ports import free_port

NAMESPACE = "storm"
MANY = 300
API = "/apis/gateway.networking.k8s.io/v1"
GATEWAYS = f"{API}/namespaces/{NAMESPACE}/gateways"
ROUTES = f"{API}/namespaces/{NAMESPACE}/httproutes"
WORLD = """
apiVersion: v1
kind: Namespace
metadata: {name: storm}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: storm}
spec: {controllerName: daemun.dev/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g, namespace: storm}
spec:
  gatewayClassName: storm
  listeners: [{name: http, port: 80, protocol: HTTP}]
"""


def route(number: int) -> dict[str, Any]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": f"r{number}", "namespace": NAMESPACE},
        "spec": {"parentRefs": [{"name": "g"}], "hostnames": [f"r{number}.example.com"]},
    }


class Serving:
    """A control plane that leads in this namespace."""

    def __init__(self, app: ClusterApp, port: int) -> None:
        self.app, self._port = app, port
        self.counts = app.writer.counts

    def ask(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    async def written(self, true: Callable[[], bool]) -> None:
        """Wait until this is so and nothing is left to be written."""
        while not true() or self.app.writer.pending:  # noqa: ASYNC110 - counts tell nobody that they change
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def serving(client: KubeClient) -> AsyncIterator[Serving]:
    port = free_port()
    installation = Installation(
        NAMESPACE, "daemun", "one", "daemun:none", xds_port=0, health_port=port, namespaces=(NAMESPACE,)
    )
    one = Serving(ClusterApp(client, installation), port)
    task = asyncio.create_task(one.app.run())
    try:
        await one.written(lambda: one.app.election.leading or task.done())
        if task.done():
            await task
        yield one
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def create_routes(client: KubeClient) -> None:
    gate = asyncio.Semaphore(16)

    async def create(number: int) -> None:
        async with gate:
            await client.request("POST", ROUTES, body=route(number))

    async with asyncio.TaskGroup() as group:
        for number in range(MANY):
            group.create_task(create(number))


def attached(server: ApiServer) -> int:
    return int(server.client.get(f"{GATEWAYS}/g")["status"]["listeners"][0]["attachedRoutes"])


@pytest.mark.timeout(600)
async def test_many_routes_are_few_writes_and_a_restart_is_none(api_server: ApiServer) -> None:
    api_server.client.apply(WORLD)
    async with KubeClient.connect(kubeconfig=api_server.kubeconfig) as client:
        async with serving(client) as one:
            await one.written(lambda: one.counts.writes["Gateway"] > 0)
            before, began = one.counts.writes["Gateway"], time.monotonic()
            await create_routes(client)
            await one.written(lambda: one.counts.writes["HTTPRoute"] >= MANY)
            seconds = time.monotonic() - began
            assert attached(api_server) == MANY
            assert one.counts.writes["HTTPRoute"] == MANY
            assert one.counts.writes["Gateway"] - before <= 8 + seconds / LONGEST_COUNT_GAP
            assert "xds: ok" in await asyncio.to_thread(one.ask, "/readyz")
            metrics = await asyncio.to_thread(one.ask, "/metrics")
            assert f'daemun_status_writes_total{{kind="HTTPRoute"}} {MANY}.0' in metrics
            assert "daemun_leader 1.0" in metrics
        async with serving(client) as again:
            await again.written(lambda: again.counts.skipped >= MANY + 2)
            assert not again.counts.writes
