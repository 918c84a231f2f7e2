"""A20: a connection that one tenant's certificate made is not a way to another tenant's routes."""

import ssl
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from support.clients.client import connection, exchange
from support.clients.http2 import http2
from support.objects.certificates import Authority, authority
from support.objects.documents import (
    authorities,
    gateway,
    listener,
    listener_set,
    prefix,
    reference,
    route,
    rule,
    secret,
    validation,
)
from support.scenes.world import World, fresh, until
from support.servers.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")
CA, STAFF = authority(), Authority()
PORT, GUARDED, CLASSIC = free_port(), free_port(), free_port()
HOSTS = {"shop": "shop.acme.test", "bank": "bank.acme.test", "any": "*.acme.test"}
EVERY = ("shop.acme.test", "bank.acme.test", "pay.acme.test", "*.acme.test")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[World]:
    async with fresh() as world:
        await world.echo("shop", "bank", "any", "pay")
        # One certificate for all of them, as a wildcard's is: a browser takes any connection for any of the hosts.
        world.write("cert.yaml", secret("cert", *CA.issue(*EVERY)), secret("bank/cert", *CA.issue(*EVERY)))
        world.write("staff.yaml", authorities("staff", STAFF.pem))
        world.write("bank-ca.yaml", secret("bank-ca", *CA.issue("vs-bank.test", "vs-shop.test"), ca=STAFF.pem))
        listeners = [listener(PORT, name, hostname=host, certs=["cert"]) for name, host in HOSTS.items()]
        for name in HOSTS:
            parent = reference("gw", sectionName=name)
            world.write(f"{name}.yaml", route(name, rule(prefix("/"), to=name), parents=[parent]))
        world.write("gateway.yaml", gateway("gw", *listeners))
        guarded = [
            listener(GUARDED, name, hostname=host, certs=["cert"], **options)
            for name, host, options in (
                ("shop", HOSTS["shop"], {"client_certificate": "optional"}),
                ("bank", HOSTS["bank"], {}),
            )
        ]
        world.write("guarded.yaml", gateway("guarded", *guarded, tls={"frontend": {"default": validation("staff")}}))
        for name in ("shop", "bank"):
            parent = reference("guarded", sectionName=name)
            world.write(f"guarded-{name}.yaml", route(f"guarded-{name}", rule(to=name), parents=[parent]))
        world.write("classic.yaml", *classic())
        await world.start()
        yield world


def classic() -> list[dict[str, object]]:
    """Two VirtualServices of a classic Gateway, of which one asks clients for certificates."""
    api, meta = "gateway.solo.io/v1", {"namespace": "gloo-system"}
    spec = {"bindAddress": "127.0.0.1", "bindPort": CLASSIC, "ssl": True, "httpGateway": {}}
    found: list[dict[str, object]] = [
        {"apiVersion": api, "kind": "Gateway", "metadata": meta | {"name": "ssl"}, "spec": spec}
    ]
    for name, ssl_config in (("shop", {"oneWayTls": True}), ("bank", {})):
        config = {"secretRef": {"name": "bank-ca", "namespace": "default"}, "sniDomains": [f"vs-{name}.test"]}
        routes = [{"directResponseAction": {"status": 200, "body": name}}]
        host = {"domains": [f"vs-{name}.test"], "routes": routes}
        made = {"sslConfig": config | ssl_config, "virtualHost": host}
        found.append({"apiVersion": api, "kind": "VirtualService", "metadata": meta | {"name": name}, "spec": made})
    return found


def client(*protocols: str) -> ssl.SSLContext:
    found = CA.client(*protocols)
    found.check_hostname = False
    return found


@pytest.mark.parametrize("sni", ["shop.acme.test", "bank.acme.test", "x.acme.test"])
async def test_a20_http2_coalescing_is_answered_with_421(shared: World, sni: str) -> None:
    mine = {"shop.acme.test": "shop", "bank.acme.test": "bank"}.get(sni, "any")
    async with http2(PORT, client("h2"), sni) as browser:
        for host in ("shop.acme.test", "bank.acme.test", "other.acme.test"):
            owner = {"shop.acme.test": "shop", "bank.acme.test": "bank"}.get(host, "any")
            expected = 200 if owner == mine else 421
            assert await browser.get(host) == expected
            assert await browser.get(f"{host}:{PORT}") == expected
            assert await browser.get(host.upper()) == expected
            assert await browser.get(f"{host}.") == expected
        assert await browser.get(sni) == 200, "the connection itself is good"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-daemun-listener": "bank.acme.test"},
        {"X-Daemun-Listener": "bank.acme.test"},
        {"x-forwarded-host": "shop.acme.test"},
        {"x-envoy-original-host": "shop.acme.test"},
    ],
    ids=str,
)
async def test_a20_no_header_of_a_client_leads_to_another_tenant(shared: World, headers: dict[str, str]) -> None:
    seen = len(shared.backends["bank"].requests)
    for host in ("bank.acme.test", "BANK.acme.test", "bank.acme.test."):
        async with connection(PORT, tls=client(), sni="shop.acme.test") as (reader, writer):
            assert (await exchange(reader, writer, host=host, headers=headers)).status == 421
    assert len(shared.backends["bank"].requests) == seen


async def test_a20_two_requests_on_one_connection(shared: World) -> None:
    async with connection(PORT, tls=client(), sni="shop.acme.test") as (reader, writer):
        assert (await exchange(reader, writer, host="shop.acme.test")).backend == "shop"
        assert (await exchange(reader, writer, host="bank.acme.test")).status == 421
        assert (await exchange(reader, writer, host="shop.acme.test")).backend == "shop"


async def test_a20_who_shows_no_certificate_comes_not_by_the_door_beside(shared: World) -> None:
    async with http2(GUARDED, client("h2"), "shop.acme.test") as browser:
        assert await browser.get("shop.acme.test") == 200
        assert await browser.get("bank.acme.test") == 421
    with pytest.raises((ssl.SSLError, OSError)):
        async with http2(GUARDED, client("h2"), "bank.acme.test") as browser:
            await browser.get("bank.acme.test")


async def test_a20_a_virtual_service_that_asks_for_certificates_is_apart(shared: World) -> None:
    async with http2(CLASSIC, client("h2"), "vs-shop.test") as browser:
        assert await browser.get("vs-shop.test") == 200
        assert await browser.get("vs-bank.test") == 421
    with pytest.raises((ssl.SSLError, OSError)):
        async with http2(CLASSIC, client("h2"), "vs-bank.test") as browser:
            await browser.get("vs-bank.test")


async def test_a20_a_connection_of_before_reaches_no_tenant_of_after(shared: World) -> None:
    """A wildcard's connection is open when a listener for one of its hosts comes: that is not its any more."""
    async with http2(PORT, client("h2"), "pay.acme.test") as browser:
        assert await browser.get("pay.acme.test") == 200
        extra = listener(PORT, "pay", hostname="pay.acme.test", certs=["cert"])
        gate = gateway("gw", *(listener(PORT, name, hostname=host, certs=["cert"]) for name, host in HOSTS.items()))
        gate["spec"]["allowedListeners"] = {"namespaces": {"from": "Same"}}
        shared.write("gateway.yaml", gate)
        parent = reference("pay", group="gateway.networking.k8s.io", kind="ListenerSet")
        shared.write("pay.yaml", listener_set("pay", "gw", extra), route("pay", rule(to="pay"), parents=[parent]))

        async def moved() -> bool:
            async with connection(PORT, tls=client(), sni="pay.acme.test") as (reader, writer):
                return (await exchange(reader, writer, host="pay.acme.test")).backend == "pay"

        await until(moved)
        assert await browser.get("pay.acme.test") == 421
        assert await browser.get("other.acme.test") == 200, "the connection lives on"
