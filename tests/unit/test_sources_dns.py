"""What the plug-in for the DNS makes of the answers of a real server, over UDP and TCP."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import dns.rcode
import pytest
import pytest_asyncio

from daemun.base.guard import LOOPBACK, Guard
from daemun.ir.instances import Instance, Instances, Lookup
from daemun.sources.registries.dns import Dns, DnsConfig
from daemun.sources.registries.registry import ConfigError, RegistryError, Tools
from support.servers.nameserver import Nameserver

TOOLS = Tools(guard=Guard.of(*LOOPBACK))


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Nameserver]:
    one = await Nameserver().start()
    yield one
    await one.stop()


def plugin(server: Nameserver, **config: Any) -> Dns:
    return Dns(DnsConfig((server.address,), **config), TOOLS)


async def look(one: Dns, service: str) -> Instances:
    """What it says first."""
    async with contextlib.aclosing(one.follow(Lookup("dns", service))) as answers:
        return await anext(answers)


async def test_addresses_of_a_name(server: Nameserver) -> None:
    server.put("pets", "A", "192.0.2.2", "192.0.2.1")
    server.put("pets", "AAAA", "2001:db8::1")
    server.put("six", "AAAA", "2001:db8::6")
    four = (Instance("192.0.2.1", 80), Instance("192.0.2.2", 80))
    six = (Instance("2001:db8::1", 80),)
    assert await look(plugin(server), "pets.test:80") == four
    assert await look(plugin(server, port=80), "pets.test") == four
    assert await look(plugin(server, family="IPv6"), "pets.test:80") == six
    assert await look(plugin(server, family="Both"), "pets.test:80") == four + six
    assert await look(plugin(server), "six.test:81") == (Instance("2001:db8::6", 81),)


async def test_services_have_their_ports_and_the_best_priority_that_is_there(server: Nameserver) -> None:
    records = ["10 5 8080 a.test.", "10 0 8081 b.test.", "20 1 9090 c.test."]
    server.put("_http._tcp.pets", "SRV", *records)
    for name, address in (("a", "192.0.2.1"), ("b", "192.0.2.2"), ("c", "192.0.2.3")):
        server.put(name, "A", address)
    one = plugin(server)
    assert await look(one, "_http._tcp.pets.test") == (
        Instance("192.0.2.1", 8080, (), 5),
        Instance("192.0.2.2", 8081, (), 1),
    )
    server.put("a", "A")
    server.put("b", "A")
    assert await look(one, "_http._tcp.pets.test") == (Instance("192.0.2.3", 9090),)
    server.put("_http._tcp.pets", "SRV", "0 0 0 .")
    assert await look(one, "_http._tcp.pets.test") == ()


async def test_it_asks_again_when_the_ttl_is_over_and_not_before(server: Nameserver) -> None:
    server.ttl = 2
    server.put("pets", "A", "192.0.2.1")
    async with contextlib.aclosing(plugin(server).follow(Lookup("dns", "pets.test:80"))) as answers:
        assert await anext(answers) == (Instance("192.0.2.1", 80),)
        begun, told = time.monotonic(), len(server.asked)
        server.put("pets", "A", "192.0.2.9")
        assert await anext(answers) == (Instance("192.0.2.9", 80),)
        assert time.monotonic() - begun >= 1.9
        assert len(server.asked) == told + 1


async def test_the_shortest_ttl_of_all_that_was_asked_counts(server: Nameserver) -> None:
    server.ttl = 3600
    server.put("_http._tcp.pets", "SRV", "0 0 80 a.test.")
    server.ttl = 1
    server.put("a", "A", "192.0.2.1")
    followed = plugin(server).follow(Lookup("dns", "_http._tcp.pets.test"))
    async with contextlib.aclosing(followed) as answers, asyncio.timeout(20):
        await anext(answers)
        server.put("a", "A", "192.0.2.2")
        assert await anext(answers) == (Instance("192.0.2.2", 80),)


async def test_what_is_not_there_is_an_answer_and_no_answer_is_none(server: Nameserver) -> None:
    one = plugin(server)
    assert await look(one, "nobody.test:80") == ()
    server.put("six", "AAAA", "2001:db8::6")
    assert await look(plugin(server, family="IPv4"), "six.test:80") == ()
    server.rcode = dns.rcode.SERVFAIL
    with pytest.raises(RegistryError, match="no server of the DNS can say what pets"):
        await look(one, "pets.test:80")


async def test_a_long_answer_comes_over_tcp(server: Nameserver) -> None:
    server.put("pets", "A", *(f"192.0.2.{number}" for number in range(1, 101)))
    server.truncated = True
    assert len(await look(plugin(server), "pets.test:80")) == 100
    assert [over for _, _, over in server.asked] == ["udp", "tcp"]


@pytest.mark.parametrize(
    "service, text",
    [
        ("pets.test", "has no port"),
        ("pets.test:0", "has no port"),
        ("pets.test:99999", "has no port"),
        ("pets.test:http", "has no port"),
        ("pets..test:80", "no name of the DNS"),
    ],
)
async def test_a_service_that_is_none_is_told(server: Nameserver, service: str, text: str) -> None:
    with pytest.raises(RegistryError, match=text):
        await look(plugin(server), service)


@pytest.mark.parametrize("text", ["", "ns.test", "127.0.0.1:0", "127.0.0.1:x", "[::1", "::1:99999"])
def test_a_server_that_is_none_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match="is no address") as caught:
        Dns(DnsConfig(("127.0.0.1", text)), TOOLS)
    assert caught.value.where == "config.nameservers[1]"


def test_servers_are_written_with_or_without_a_port_and_are_guarded() -> None:
    found = Dns(DnsConfig(("192.0.2.1", "[2001:db8::1]:5353", "2001:db8::2", "192.0.2.2:54")), TOOLS)
    told = [str(one) for one in found._resolver.nameservers]
    assert told == ["Do53:192.0.2.1@53", "Do53:2001:db8::1@5353", "Do53:2001:db8::2@53", "Do53:192.0.2.2@54"]
    with pytest.raises(ConfigError, match="which is not allowed"):
        Dns(DnsConfig(("169.254.169.254",)), Tools(guard=Guard()))
