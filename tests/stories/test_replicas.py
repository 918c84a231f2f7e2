"""Two replicas of the control plane, and a proxy that is connected to the one that does not lead."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

import pytest

from cluster.api import ApiServer
from daemun.base.names import GATEWAY, Ref
from daemun.gatewayapi.proxies.accounts import Account, ProxyAccount
from daemun.gatewayapi.settings import Settings
from daemun.kube.client import KubeClient
from daemun.plane.plane import ControlPlane
from daemun.provision import binary
from daemun.provision.bootstrap import bootstrap
from daemun.replica.replicas import Name, Replicas
from support.checks.render import status
from support.objects.cases import objects
from support.scenes.world import until
from support.servers.ports import free_port

PROXY = "default/gate"
MAPS = "/api/v1/namespaces/default/configmaps"


# What they say to each other


def gate(port: int, name: str = "a") -> str:
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: gate}}
spec:
  gatewayClassName: daemun
  listeners: [{{name: {name}, port: {port}, protocol: HTTP}}]
"""


async def nobody(_: Mapping[str, str]) -> str | None:
    return None


async def the_proxy(_: Mapping[str, str]) -> str | None:
    return PROXY


def programmed(plane: ControlPlane) -> str:
    found = status(plane.translation.statuses[Ref(GATEWAY, "Gateway", "default", "gate")])
    return str(found["conditions"]["Programmed"])


@pytest.fixture
async def standby() -> AsyncIterator[ControlPlane]:
    """A replica with an Envoy."""
    with tempfile.TemporaryDirectory(prefix="dmn-") as name:
        folder = Path(name)
        plane = ControlPlane(Settings(), the_proxy, lambda: None)
        config = bootstrap(PROXY, "", str(folder / "xds.sock"), str(folder / "admin.sock"), 1 << 30, 1000)
        (folder / "bootstrap.json").write_bytes(config)
        await plane.xds.start(f"unix:{folder / 'xds.sock'}")
        process = await asyncio.create_subprocess_exec(
            str(binary.find()),
            *("-c", str(folder / "bootstrap.json"), "--disable-hot-restart", "--concurrency", "1", "-l", "off"),
        )
        try:
            yield plane
        finally:
            process.kill()
            await process.wait()
            await plane.xds.stop(0)


async def test_what_a_proxy_of_another_replica_acknowledged_is_programmed(standby: ControlPlane) -> None:
    leader = ControlPlane(Settings(), nobody, lambda: None)
    first, second = free_port(), free_port()
    both = (leader, standby)
    for plane in both:
        plane.take(objects(gate(first)).items())
    await until(lambda: standby.xds.synced(PROXY))
    assert programmed(leader).startswith("False Pending")
    leader.hear([standby.proxies.account()])
    assert programmed(leader) == "True Programmed"

    leader.take(objects(gate(second)).items())
    leader.hear([standby.proxies.account()])
    assert programmed(leader).startswith("False Pending"), "the other replica has not even heard of it"
    standby.take(objects(gate(second)).items())
    leader.hear([standby.proxies.account(), {PROXY: ProxyAccount()}])
    await until(lambda: standby.xds.synced(PROXY))
    leader.hear([standby.proxies.account(), {PROXY: ProxyAccount()}])
    assert programmed(leader).startswith("False Pending"), "a third has an Envoy that lags behind"
    leader.hear([standby.proxies.account()])
    assert programmed(leader) == "True Programmed"
    leader.hear([])
    assert programmed(leader) == "True Programmed", "a replica that ended takes nothing back"


async def test_what_a_proxy_of_another_replica_rejects_is_told(standby: ControlPlane) -> None:
    leader = ControlPlane(Settings(), nobody, lambda: None)
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", free_port())
    async with taken:
        for plane in (leader, standby):
            plane.take(objects(gate(taken.sockets[0].getsockname()[1])).items())
        await until(lambda: standby.xds.rejections(PROXY))
        leader.hear([standby.proxies.account()])
        refs = [one.ref.name for one in leader.translation.rejections.values()]
        assert refs == ["gate"]
        assert "in use" in str(status(leader.translation.statuses[Ref(GATEWAY, "Gateway", "default", "gate")]))
    free = free_port()
    for plane in (leader, standby):
        plane.take(objects(gate(free)).items())
    await until(lambda: standby.xds.synced(PROXY) and not standby.xds.rejections(PROXY))
    leader.hear([standby.proxies.account()])
    assert not leader.translation.rejections
    assert programmed(leader) == "True Programmed"


# How it gets there


class One:
    """A replica, of which only the account matters."""

    def __init__(self, client: KubeClient, installation: str, name: str, clock: Callable[[], float]) -> None:
        self.account: Account = {}
        self.heard: list[Account] = []
        self.leads = False
        self.replicas = Replicas(
            client,
            Name("default", installation),
            name,
            lambda: self.account,
            self.hear,
            lambda: self.leads,
            clock,
            alone=0.1,
        )

    def hear(self, accounts: Sequence[Account]) -> None:
        self.heard = list(accounts)

    def say(self, account: Account) -> None:
        self.account = account
        self.replicas.changed()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.replicas.run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


ACCOUNT: Account = {"default/gate": ProxyAccount("1")}
CHANGED: Account = {"default/gate": ProxyAccount("2")}


async def test_the_leader_hears_the_others_as_long_as_they_are_there(api_server: ApiServer) -> None:
    now = 1000.0
    async with KubeClient.connect(kubeconfig=api_server.kubeconfig) as client:
        leader, other, crashed = (One(client, "hearing", name, lambda: now) for name in ("a", "b", "c"))
        leader.leads = True
        async with leader.running():
            async with other.running():
                other.say(ACCOUNT)
                await until(lambda: leader.heard == [ACCOUNT])
                other.say(CHANGED)
                await until(lambda: leader.heard == [CHANGED])
            await until(lambda: leader.heard == [])  # it said goodbye

            crashed.say(ACCOUNT)
            task = asyncio.create_task(crashed.replicas._tell())  # it will not
            await until(lambda: leader.heard == [ACCOUNT])
            task.cancel()
            now += 31
            await until(lambda: leader.heard == [])
            assert not api_server.client.get(f"{MAPS}/hearing").get("data")


async def test_another_leader_hears_who_led_before(api_server: ApiServer) -> None:
    async with KubeClient.connect(kubeconfig=api_server.kubeconfig) as client:
        one, other = (One(client, "turning", name, lambda: 0.0) for name in ("a", "b"))
        one.leads = True
        async with one.running(), other.running():
            one.say(ACCOUNT)
            other.say(CHANGED)
            await until(lambda: one.heard == [CHANGED])
            one.leads, other.leads = False, True
            one.replicas.changed()
            other.replicas.changed()
            await until(lambda: other.heard == [ACCOUNT])
