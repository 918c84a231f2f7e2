"""Services of a Consul (a stand-in with true blocking queries): found, changed, gone, and Consul itself away."""

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from support.objects.documents import Doc, gateway, listener, reference, route
from support.scenes.world import World, fresh, until
from support.servers.nameserver import Nameserver
from support.standins.consul import Consul

RIGHT, WRONG = "of-the-operator", "of-nobody"


def upstream(name: str, **consul: Any) -> Doc:
    return {
        "apiVersion": "gloo.solo.io/v1",
        "kind": "Upstream",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"consul": {"serviceName": name, **consul}},
    }


def settings(**consul: Any) -> Doc:
    return {
        "apiVersion": "gloo.solo.io/v1",
        "kind": "Settings",
        "metadata": {"name": "default", "namespace": "gloo-system"},
        "spec": {"consul": consul},
    }


def to(name: str) -> Doc:
    return {"backendRefs": [{"group": "gloo.solo.io", "kind": "Upstream", "name": name}]}


class Registered:
    """A world whose only route leads to the service `pets` of a Consul."""

    def __init__(self, world: World, consul: Consul) -> None:
        self.world, self.consul = world, consul

    def port(self, name: str) -> int:
        return self.world.backends[name].port

    async def who(self) -> str | int:
        """Which backend answers; else the status."""
        answer = await self.world.ask("/")
        return answer.backend if answer.status == 200 else answer.status

    async def becomes(self, *expected: str | int) -> None:
        await until(lambda: self._is(set(expected)))

    async def _is(self, expected: set[str | int]) -> bool:
        found = {await self.who() for _ in range(4 * len(expected))}
        assert found == expected, self.world.problems()
        return True


@pytest_asyncio.fixture
async def one() -> AsyncIterator[Registered]:
    async with fresh() as world:
        consul = await Consul().start()
        world.closing(consul.stop)
        await world.echo("a", "b")
        world.write(
            "gateway.yaml",
            gateway("gw", listener(world.port)),
            route("r", to("pets"), parents=[reference("gw")]),
        )
        world.write("upstream.yaml", upstream("pets"))
        world.write("settings.yaml", settings(httpAddress=consul.address))
        yield Registered(world, consul)


async def test_instances_come_change_and_go(one: Registered) -> None:
    await one.consul.put("pets", one.port("a"))
    await one.world.start()
    await one.becomes("a")
    await until(lambda: one.consul.waiting == 1)
    await one.consul.put("pets", one.port("a"), one.port("b"))
    await one.becomes("a", "b")
    await one.consul.put("pets", one.port("b"))
    await one.becomes("b")
    await one.consul.put("pets")
    await one.becomes(503)
    await one.consul.put("pets", one.port("a"))
    await one.becomes("a")
    assert all(query["passing"] == "1" for query in one.consul.asked)


CLASSIC = """
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: gateway-proxy, namespace: gloo-system}
spec: {bindAddress: '::', bindPort: PORT, httpGateway: {}}
---
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: pets, namespace: default}
spec:
  virtualHost:
    domains: ['*']
    routes:
    - matchers: [{prefix: /blue}]
      routeAction: {single: {consul: {serviceName: pets, tags: [blue], dataCenters: [dc1]}}}
    - matchers: [{prefix: /subset}]
      routeAction:
        single: {upstream: {name: pets, namespace: default}, subset: {values: {tag_blue: '1', tag_green: '0'}}}
    - matchers: [{prefix: /}]
      routeAction: {single: {consul: {serviceName: pets}}}
"""


async def test_a_destination_may_name_the_service_itself(one: Registered) -> None:
    entries = [
        {"Node": {"Address": "127.0.0.1"}, "Service": {"Port": one.port("a"), "Tags": ["blue", "new"]}},
        {"Node": {"Address": "127.0.0.1"}, "Service": {"Port": one.port("b"), "Tags": ["green"]}},
    ]
    await one.consul.set("pets", entries)
    one.world.write("gateway.yaml", CLASSIC.replace("PORT", str(one.world.port)))
    one.world.write("upstream.yaml", upstream("pets", subsetTags=["green", "blue"]))
    await one.world.start()
    await one.becomes("a", "b")
    for path in ("/blue", "/subset"):
        assert {(await one.world.ask(path)).backend for _ in range(8)} == {"a"}
    assert {query.get("dc") for query in one.consul.asked} == {None, "dc1"}
    await one.consul.set("pets", entries[1:])
    await one.world.answers(503, "/blue")
    await one.becomes("b")


async def test_a_consul_that_is_away_takes_nothing_with_it(one: Registered) -> None:
    await one.consul.put("pets", one.port("a"))
    await one.world.start()
    await one.becomes("a")
    await one.consul.stop()
    words = ("Upstream", "spec.consul", "Connect call failed", "the last good endpoints stay")
    told = await one.world.problem(*words)
    await one.becomes("a")

    # It comes back without what it knew, as one whose disk is lost: its word counts again.
    one.consul.forget()
    await one.consul.put("pets", one.port("b"))
    await one.consul.start()
    await one.becomes("b")
    await one.world.solved(told)


async def test_an_emptied_consul_is_believed(one: Registered) -> None:
    await one.consul.put("pets", one.port("a"))
    await one.world.start()
    await one.becomes("a")
    await one.consul.set("pets", [])
    await one.becomes(503)


async def test_a_restart_while_consul_is_away_keeps_what_proxies_have(one: Registered) -> None:
    await one.consul.put("pets", one.port("a"))
    await one.world.start()
    await one.becomes("a")
    await until((one.world.base / "s" / "instances.json").exists)
    await one.world.end()
    await one.consul.stop()
    await one.world.start(clean=False)
    await one.world.problem("Upstream default/pets spec.consul", "does not answer")
    await one.becomes("a")


async def test_tags_say_which_instances_are_meant(one: Registered) -> None:
    one.world.write("upstream.yaml", upstream("pets", instanceTags=["blue"], instanceBlacklistTags=["old"]))
    entries = [
        {"Node": {"Address": "127.0.0.1"}, "Service": {"Port": one.port("a"), "Tags": ["blue"]}},
        {"Node": {"Address": "127.0.0.1"}, "Service": {"Port": one.port("b"), "Tags": ["blue", "old"]}},
        {"Node": {"Address": "127.0.0.1"}, "Service": {"Port": one.port("b"), "Tags": None}},
    ]
    await one.consul.set("pets", entries)
    await one.world.start()
    await one.becomes("a")


async def test_a_token_that_is_wrong_is_told_and_a_right_one_is_taken(one: Registered) -> None:
    one.consul.token = RIGHT
    await one.consul.put("pets", one.port("a"))
    one.world.write("settings.yaml", settings(httpAddress=one.consul.address, token=WRONG))
    await one.world.start(clean=False)
    told = await one.world.problem("Upstream default/pets spec", "permits it not")
    assert told.mend == "Give a token that may read services and nodes."
    assert WRONG not in str(told)
    one.world.write("settings.yaml", settings(httpAddress=one.consul.address, token=RIGHT, datacenter="dc2"))
    await one.becomes("a")
    assert one.consul.asked[-1]["dc"] == "dc2"


async def test_who_registers_a_service_reaches_no_more_than_its_own(one: Registered) -> None:
    await one.consul.put("pets", 80, address="169.254.169.254")
    await one.world.start()
    await one.becomes(503)
    await one.consul.put("pets", one.port("a"))
    await one.becomes("a")


async def test_without_a_consul_in_the_settings_the_status_says_so(one: Registered) -> None:
    one.world.write("settings.yaml", settings())
    (one.world.folder / "settings.yaml").unlink()
    await one.world.start(clean=False)
    await one.world.problem("Upstream default/pets spec.consul", "do not say where Consul is")


async def test_instances_at_a_hostname_are_where_consuls_dns_says(one: Registered) -> None:
    server = await Nameserver().start()
    one.world.closing(server.stop)
    server.put("node", "A", "127.0.0.1")
    found = settings(httpAddress=one.consul.address, dnsAddress=f"localhost:{server.port}", dnsPollingInterval="0.2s")
    one.world.write("settings.yaml", found)
    await one.consul.put("pets", one.port("a"), address="node.test")
    await one.world.start()
    await one.becomes("a")
    # What is believed of Consul is believed of its DNS: a name without an address is nowhere.
    server.put("node", "A")
    await one.becomes(503)
    server.put("node", "A", "127.0.0.1")
    await one.becomes("a")
    # While nobody answers it is where it was, and what else changes is heard.
    await server.stop()
    await one.consul.put("pets", one.port("b"), address="node.test")
    await one.becomes("b")
    await server.start()
    entries = [
        {"Node": {"Address": "10.0.0.1"}, "Service": {"Address": address, "Port": one.port(name)}}
        for name, address in (("a", "127.0.0.1"), ("b", "node.test"))
    ]
    await one.consul.set("pets", entries)
    await one.becomes("a", "b")


async def test_without_a_dns_a_service_of_hostnames_is_told_of(one: Registered) -> None:
    server = Nameserver()
    found = settings(httpAddress=one.consul.address, dnsAddress=server.address, dnsPollingInterval="0.2s")
    one.world.write("settings.yaml", found)
    await one.consul.put("pets", one.port("a"), address="node.test")
    await one.world.start(clean=False)
    await one.world.problem("upstream.yaml", "DNS")
    await server.start()
    one.world.closing(server.stop)
    server.put("node", "A", "127.0.0.1")
    await one.becomes("a")
