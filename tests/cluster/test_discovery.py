"""Upstreams that are made of Services, by `daemun serve` and in a real API server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import yaml

from cluster.api import ApiServer
from daemun.api.crds import definitions
from daemun.kube.client import KubeClient
from daemun.kube.errors import ApiError
from daemun.programs.cluster import ClusterApp
from daemun.programs.installation import Installation
from support.servers.ports import free_port

NAMESPACE = "gloo-system"
UPSTREAMS = f"/apis/gloo.solo.io/v1/namespaces/{NAMESPACE}/upstreams"
SERVICES = f"/api/v1/namespaces/{NAMESPACE}/services"
WORLD = f"""
apiVersion: v1
kind: Namespace
metadata: {{name: {NAMESPACE}}}
---
apiVersion: gloo.solo.io/v1
kind: Upstream
metadata: {{name: {NAMESPACE}-own-80, namespace: {NAMESPACE}}}
spec: {{static: {{hosts: [{{addr: 10.0.0.1, port: 80}}]}}}}
"""


def service(name: str, **labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80}]},
    }


@contextlib.asynccontextmanager
async def serving(client: KubeClient) -> AsyncIterator[ClusterApp]:
    """A control plane that leads, and discovers."""
    installation = Installation(
        NAMESPACE,
        "daemun",
        "one",
        "daemun:none",
        xds_port=0,
        health_port=free_port(),
        namespaces=(NAMESPACE,),
        discovery=True,
    )
    app = ClusterApp(client, installation)
    task = asyncio.create_task(app.run())
    try:
        while not app.election.leading:
            assert not task.done(), task.result()
            await asyncio.sleep(0.02)
        yield app
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def becomes(look: Callable[[], Awaitable[Any]], expected: Any) -> None:
    found = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(60):
            while (found := await look()) != expected:  # noqa: ASYNC110 - an API server is asked
                await asyncio.sleep(0.05)
    assert found == expected


@pytest.mark.timeout(600)
async def test_services_become_upstreams_and_what_others_wrote_stays(api_server: ApiServer) -> None:
    for one in definitions():
        api_server.client.apply(yaml.safe_dump(one))
    api_server.client.apply(WORLD)
    async with KubeClient.connect(kubeconfig=api_server.kubeconfig) as client:

        async def read(name: str) -> Any:
            try:
                return yaml.safe_load(await client.get(f"{UPSTREAMS}/{name}"))
            except ApiError as error:
                if not error.missing:
                    raise
                return None

        async def names() -> set[str]:
            return {one["metadata"]["name"] for one in yaml.safe_load(await client.get(UPSTREAMS))["items"]}

        own, pets = f"{NAMESPACE}-own-80", f"{NAMESPACE}-pets-80"
        async with serving(client) as app:
            for name in ("own", "pets"):
                await client.request("POST", SERVICES, body=service(name, team="a"))
            await becomes(names, {own, pets})
            made = await read(pets)
            assert made["metadata"]["labels"] == {"discovered_by": "kubernetesplugin"}
            assert made["spec"] == {
                "kube": {"serviceName": "pets", "serviceNamespace": NAMESPACE, "servicePort": 80},
                "discoveryMetadata": {"labels": {"team": "a"}},
            }
            assert set((await read(own))["spec"]) == {"static"}, "an Upstream of somebody's is left alone"

            # What somebody sets in it stays, whatever becomes of the Service.
            await client.merge(f"{UPSTREAMS}/{pets}", {"spec": {"connectionConfig": {"connectTimeout": "3s"}}})
            await client.merge(f"{SERVICES}/pets", {"metadata": {"labels": {"team": None, "stage": "b"}}})

            async def labels() -> Any:
                return (await read(pets))["spec"].get("discoveryMetadata")

            await becomes(labels, {"labels": {"stage": "b"}})
            assert (await read(pets))["spec"]["connectionConfig"] == {"connectTimeout": "3s"}

            async def told() -> Any:
                return ((await read(pets)).get("status") or {}).get("statuses", {}).get(NAMESPACE, {}).get("state")

            await becomes(told, "Accepted")
            await client.request("DELETE", f"{SERVICES}/pets")
            await becomes(names, {own})

            # Whoever does not lead writes nothing: when it was told of the Service, the Upstream is the leader's.
            app._upstreams.lead(False)
            await client.request("POST", SERVICES, body=service("cats"))
            orders = app.plane.translation.discovery.orders
            while len(orders) < 2:  # noqa: ASYNC110 - of `own`, and of this one
                await asyncio.sleep(0.02)
            assert app._upstreams.pending == 0
            assert await names() == {own}
            app._upstreams.lead(True)
            await becomes(names, {own, f"{NAMESPACE}-cats-80"})
