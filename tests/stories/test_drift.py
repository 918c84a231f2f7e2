"""Clients that lose what they were sent, or say that they have something else: it is sent again, and counted."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import pytest
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest

from daemun.ir.resource import CLUSTER, ENDPOINT, TYPES
from daemun.plane.plane import ControlPlane
from daemun.provision.bootstrap import TOKEN_HEADER
from daemun.report.journal import ProxyLine
from daemun.xds import flight
from support.clients.xds_clients import Client
from support.objects.documents import gateway, listener, route, rule, service
from support.scenes.churn import typed
from support.scenes.world import World, until

PROXY = "default/gw"


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Served:
    """A control plane without an Envoy: its clients are the test's."""

    def __init__(self, folder: str) -> None:
        async def authenticate(metadata: Any) -> str | None:
            return metadata.get(TOKEN_HEADER)

        self.plane = ControlPlane(None, authenticate, lambda: None)
        self.clock = Clock()
        self.plane.xds._clock = self.clock
        self.address = f"unix:{folder}/x.sock"
        self.plane.take(typed([gateway("gw", listener(80)), *service("a", 1), route("r", rule(to="a"))]))

    async def later(self, seconds: float) -> None:
        """Let time pass when no stream is in the middle of something, and every stream look at it.

        What a client has read may still be being written here: that would have taken as long then.
        """
        wakes: list[Any] = list(self.plane.xds._proxies[PROXY]._sessions.values())
        await until(lambda: all(wake.__self__._waiters for wake in wakes))
        self.clock.now += seconds
        for wake in wakes:
            wake()

    async def settle(self, client: Client) -> None:
        """Let the client have everything."""
        await client.begin()
        left = set(TYPES) - {CLUSTER, ENDPOINT}
        while left:
            left.discard((await client.take()).type_url)
        await until(lambda: self.plane.xds.synced(PROXY))


@pytest.fixture
async def served(tmp_path: Any) -> AsyncIterator[Served]:
    made = Served(str(tmp_path))
    running = asyncio.create_task(made.plane.run())  # on a slow machine even this little is more than a slice of work
    await made.plane.xds.start(made.address)
    yield made
    await made.plane.xds.stop()
    running.cancel()


@pytest.fixture
async def client(served: Served) -> AsyncIterator[Client]:
    made = Client(served.address, PROXY)
    yield made
    await made.close()


async def test_what_was_not_answered_is_sent_again(served: Served, client: Client) -> None:
    await client.ask(CLUSTER)
    lost = await client.call.read()
    await served.later(flight.PATIENCE)
    again = await client.take()
    assert [one.name for one in again.resources] == [one.name for one in lost.resources]
    assert again.nonce != lost.nonce
    assert served.plane.drift == {("Cluster", "unanswered"): 1}


async def test_what_a_client_brings_that_it_never_acknowledged_is_replaced(served: Served, client: Client) -> None:
    await served.settle(client)
    await client.close()
    liar = Client(served.address, PROXY)
    (name,) = [name for kind, name in client.have if kind == CLUSTER]
    await liar.call.write(DeltaDiscoveryRequest(type_url=CLUSTER, initial_resource_versions={name: "never sent"}))
    response = await liar.take()
    assert [one.name for one in response.resources] == [name]
    assert served.plane.drift == {("Cluster", "unknown"): 1}
    await liar.close()


async def test_an_account_that_is_wrong_is_found_by_the_audit(served: Served, client: Client) -> None:
    await served.settle(client)
    (session,) = served.plane.xds._proxies[PROXY]._sessions
    (name,) = [name for kind, name in client.have if kind == CLUSTER]
    session.subscription(CLUSTER).client.open(name).version = "something else"
    await served.later(60)
    response = await client.take()
    assert [one.name for one in response.resources] == [name]
    assert served.plane.drift == {("Cluster", "different"): 1}


async def test_whoever_watches_a_folder_is_told(world: World) -> None:
    await world.echo("a")
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    world.write("route.yaml", route("r", rule(to="a")))
    await world.start()
    await world.answered_by("a")
    assert world.app is not None
    await until(lambda: world.app and world.app.plane.xds.synced(PROXY))
    proxy = world.app.plane.xds._proxies[PROXY]
    (session,) = proxy._sessions
    clusters = session.subscription(CLUSTER)
    (name,) = clusters.client.names()
    clusters.client.open(name).version = "something else"
    deque(clusters.audit())
    proxy.report(session)
    said = f"did not have what it should: Cluster {name} (different); it is sent again"
    await until(lambda: ProxyLine(PROXY, "drifted", said) in world.lines)
