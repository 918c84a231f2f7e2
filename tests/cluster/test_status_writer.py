"""Statuses in a real API server: its schemas, defaults and locks, and two writers of one object."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from cluster import crds
from cluster.api import ApiServer
from daemun.api.meta import ParentReference
from daemun.api.status import (
    Condition,
    GatewayClassStatus,
    GatewayStatus,
    GatewayStatusAddress,
    ListenerStatus,
    RouteGroupKindStatus,
    RouteParentStatus,
    RouteStatus,
    Status,
    SupportedFeature,
)
from daemun.base.names import GATEWAY, Name, Ref
from daemun.flow import Graph, Source
from daemun.gatewayapi.classes import CONTROLLER
from daemun.kube.client import KubeClient
from daemun.kube.paths import resource
from daemun.kube.seen import Seen
from daemun.report.kube.writer import StatusWriter

PLURALS = {"GatewayClass": "gatewayclasses", "Gateway": "gateways", "HTTPRoute": "httproutes"}
CLASS = Ref(GATEWAY, "GatewayClass", "", "written")
GATE = Ref(GATEWAY, "Gateway", "status", "g")
ROUTE = Ref(GATEWAY, "HTTPRoute", "status", "r")
WORLD = """
apiVersion: v1
kind: Namespace
metadata: {name: status}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: written}
spec: {controllerName: daemun.dev/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g, namespace: status}
spec:
  gatewayClassName: written
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r, namespace: status}
spec: {parentRefs: [{name: g}, {name: theirs}]}
"""


def path(ref: Ref) -> str:
    return resource(ref.group, "v1", PLURALS[ref.kind], Name(ref.namespace, ref.name))


def conditions(*kinds: str, status: Any = "True") -> tuple[Condition, ...]:
    return tuple(Condition(kind, status, kind, "", 1) for kind in kinds)


def gateway(routes: int = 1) -> GatewayStatus:
    kinds = (RouteGroupKindStatus(GATEWAY, "HTTPRoute"),)
    listener = ListenerStatus("http", kinds, routes, conditions("Accepted", "Programmed", "ResolvedRefs"))
    address = GatewayStatusAddress("IPAddress", "192.0.2.1")
    return GatewayStatus((address,), conditions("Accepted", "Programmed"), (listener,))


def route(status: Any = "True") -> RouteStatus:
    parent = RouteParentStatus(ParentReference("g"), CONTROLLER, conditions("Accepted", "ResolvedRefs", status=status))
    return RouteStatus((parent,))


class World:
    """A writer whose watch is a look at the three objects now and then."""

    def __init__(self, server: ApiServer, client: KubeClient) -> None:
        self.server = server
        self.statuses: Source[Ref, Status] = Source(Graph(), "statuses")
        self.writer = StatusWriter(client, self.statuses, path)
        self._versions: dict[Ref, str] = {}

    def get(self, ref: Ref) -> dict[str, Any]:
        return self.server.client.get(path(ref))

    def parents(self) -> list[str]:
        return [one["controllerName"] for one in self.get(ROUTE).get("status", {}).get("parents", [])]

    def want_all(self) -> None:
        self.statuses.set(CLASS, GatewayClassStatus(conditions("Accepted"), (SupportedFeature("Gateway"),)))
        self.statuses.set(GATE, gateway())
        self.statuses.set(ROUTE, route())

    async def look(self) -> None:
        for ref in (CLASS, GATE, ROUTE):
            document = await asyncio.to_thread(self.get, ref)
            meta = document["metadata"]
            if self._versions.get(ref) != meta["resourceVersion"]:
                self._versions[ref] = meta["resourceVersion"]
                status = msgspec.json.encode(document["status"]) if "status" in document else b""
                self.writer.seen(ref, Seen(meta["resourceVersion"], status))

    async def until(self, true: Callable[[], bool], *, looking: bool = True) -> None:
        async with asyncio.timeout(30):
            while not true():
                if looking:
                    await self.look()
                await asyncio.sleep(0.02)

    def writes(self) -> int:
        return self.writer.counts.writes.total()

    async def quiet(self) -> None:
        """Wait until the writer is through, has seen its own writes, and is still through."""
        await self.until(lambda: not self.writer.pending)
        await self.look()
        await self.until(lambda: not self.writer.pending)


@contextlib.asynccontextmanager
async def writing(server: ApiServer) -> AsyncIterator[World]:
    async with KubeClient.connect(kubeconfig=server.kubeconfig) as client:
        world = World(server, client)
        await world.look()
        world.writer.lead(True)
        task = asyncio.create_task(world.writer.run())
        try:
            yield world
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert not world.writer.counts.errors


@pytest.fixture
def server(api_server: ApiServer) -> ApiServer:
    for ref in (ROUTE, GATE, CLASS):
        api_server.client.delete(path(ref))
    api_server.client.apply(WORLD)
    return api_server


async def test_all_kinds_are_written_once_and_not_again_after_a_restart(server: ApiServer) -> None:
    async with writing(server) as world:
        world.want_all()
        await world.quiet()
        assert world.writes() == 3
        before = [world.get(ref) for ref in (CLASS, GATE, ROUTE)]
    assert [one["status"]["conditions"][0]["reason"] for one in before[:2]] == ["Accepted", "Accepted"]
    assert [one["type"] for one in before[1]["status"]["conditions"]] == ["Accepted", "Programmed"]
    assert before[1]["status"]["listeners"][0]["attachedRoutes"] == 1
    async with writing(server) as world:
        world.want_all()
        await world.quiet()
        assert world.writes() == 0
        assert world.writer.counts.skipped == 3
        assert [world.get(ref) for ref in (CLASS, GATE, ROUTE)] == before


async def test_another_controllers_parent_stays_and_ours_can_go(server: ApiServer) -> None:
    theirs = {
        "parentRef": {"name": "theirs"},
        "controllerName": "example.com/other",
        "conditions": [
            {
                "type": "Accepted",
                "status": "True",
                "reason": "Yes",
                "message": "ü",
                "lastTransitionTime": "2025-01-01T00:00:00Z",
            }
        ],
    }
    server.client.merge(f"{path(ROUTE)}/status", {"status": {"parents": [theirs]}})
    stored = server.client.get(path(ROUTE))["status"]["parents"][0]
    async with writing(server) as world:
        world.statuses.set(ROUTE, route())
        await world.until(lambda: world.parents() == ["example.com/other", CONTROLLER])
        world.statuses.delete(ROUTE)
        await world.until(lambda: world.parents() == ["example.com/other"])
        assert world.get(ROUTE)["status"]["parents"] == [stored]


async def test_a_condition_that_was_applied_by_somebody_else_stays_his(server: ApiServer) -> None:
    async with writing(server) as world:
        world.want_all()
        await world.quiet()
        billed = {
            "type": "example.com/Billed",
            "status": "True",
            "reason": "R",
            "message": "",
            "lastTransitionTime": "2025-01-01T00:00:00Z",
        }
        document = {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": "g", "namespace": "status"},
            "status": {"conditions": [billed]},
        }
        server.client.request(
            "PATCH", f"{path(GATE)}/status?fieldManager=billing", document, "application/apply-patch+yaml"
        )
        world.statuses.set(GATE, gateway(routes=7))
        await world.until(lambda: world.get(GATE)["status"]["listeners"][0]["attachedRoutes"] == 7)
        found = world.get(GATE)["status"]["conditions"]
        assert [one["type"] for one in found] == ["Accepted", "Programmed", "example.com/Billed"]
        assert found[-1] == billed


async def test_who_changes_the_object_at_the_same_time_loses_nothing(server: ApiServer) -> None:
    async with writing(server) as world:
        world.statuses.set(ROUTE, route())
        await world.quiet()
        there = world.get(ROUTE)["status"]["parents"]
        other = there[0] | {"controllerName": "example.com/other"}
        server.client.merge(f"{path(ROUTE)}/status", {"status": {"parents": [*there, other]}})
        world.statuses.set(ROUTE, route("False"))  # the writer has not seen the other's yet
        await world.until(lambda: world.writes() == 2 and not world.writer.pending, looking=False)
        assert world.writer.counts.conflicts == 1
        assert world.parents() == [CONTROLLER, "example.com/other"]
        assert world.get(ROUTE)["status"]["parents"][0]["conditions"][0]["status"] == "False"


async def test_the_api_server_dies_and_what_waited_is_written_when_it_is_back(server: ApiServer) -> None:
    async with KubeClient.connect(kubeconfig=server.kubeconfig) as client:
        world = World(server, client)
        await world.look()
        world.writer.lead(True)
        task = asyncio.create_task(world.writer.run())
        await asyncio.to_thread(server.kill)
        world.want_all()
        await world.until(lambda: world.writer.counts.errors["unreachable"] > 0, looking=False)
        await asyncio.to_thread(server.start)
        await world.until(lambda: world.writes() == 3, looking=False)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert world.parents() == [CONTROLLER]


@pytest.mark.parametrize("channel", ["standard", "experimental"])
async def test_the_first_release_of_the_crds_is_written_to_as_far_as_it_goes(
    own_api_server: ApiServer, channel: str
) -> None:
    """It has no supported features (standard), or knows them as strings (experimental)."""
    await asyncio.to_thread(crds.install, own_api_server.client, "v1.0.0", channel)
    own_api_server.client.apply(WORLD)
    async with writing(own_api_server) as world:
        world.want_all()
        await world.quiet()
        for ref in (CLASS, GATE):
            assert world.get(ref)["status"]["conditions"][0]["reason"] == "Accepted"
        assert world.parents() == [CONTROLLER]
        before = world.writes()
        world.statuses.set(CLASS, GatewayClassStatus(conditions("Accepted"), (SupportedFeature("GRPCRoute"),)))
        await world.quiet()
        assert world.writes() == before


async def test_what_newer_crds_have_is_written_when_they_are_installed(
    own_api_server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemun.report.kube.writer.HOPE", 0.2)
    await asyncio.to_thread(crds.install, own_api_server.client, "v1.0.0", "standard")
    own_api_server.client.apply(WORLD)
    async with writing(own_api_server) as world:
        world.want_all()
        await world.quiet()
        assert "supportedFeatures" not in world.get(CLASS)["status"]
        await asyncio.to_thread(crds.install, own_api_server.client)
        await world.until(lambda: "supportedFeatures" in world.get(CLASS)["status"])
