"""TLSRoutes: connections by the server name of their handshake, passed through or with TLS ended here."""

import asyncio
import contextlib

import pytest
import pytest_asyncio

from support.clients.client import connection, exchange
from support.objects.certificates import authority
from support.objects.documents import gateway, listener, reference, route, rule, secret
from support.scenes.world import World
from support.servers.ports import free_port
from support.servers.streams import greeted, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")
CA = authority()
PORT, ANY = free_port(), free_port()
BEHIND = {"through": "through.example", "wide": "x.wide.example", "any": "any.example"}
"""Backends that end TLS themselves, and the name in their certificate."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    for name, host in BEHIND.items():
        await shared.tcp(name, tls=CA.server(host))
    await shared.tcp("plain")
    await shared.echo("http")
    shared.write("secret.yaml", secret("cert", *CA.issue("ended.example", "web.example", "unused.example")))
    shared.write(
        "gateway.yaml",
        gateway(
            "gw",
            listener(PORT, "through", hostname="through.example", protocol="TLS"),
            listener(PORT, "wide", hostname="*.wide.example", protocol="TLS"),
            listener(PORT, "closed", hostname="closed.wide.example", protocol="TLS"),
            listener(PORT, "ended", hostname="ended.example", protocol="TLS", certs=["cert"]),
            listener(PORT, "unused", hostname="unused.example", protocol="TLS", certs=["cert"]),
            listener(PORT, "web", hostname="web.example", certs=["cert"]),
            listener(ANY, "any", protocol="TLS"),
        ),
    )
    shared.write(
        "routes.yaml",
        route("through", rule(to="through"), parents=[at("through")], hosts=["through.example"], kind="TLSRoute"),
        route("wide", rule(to="wide"), parents=[at("wide")], hosts=["*.example"], kind="TLSRoute"),
        # Its host is one of a more specific listener, which has no route: nobody gets it.
        route("lost", rule(to="wide"), parents=[at("wide")], hosts=["closed.wide.example"], kind="TLSRoute"),
        route("ended", rule(to="plain"), parents=[at("ended")], hosts=["ended.example"], kind="TLSRoute"),
        route("web", rule(to="http"), parents=[at("web")]),
        route("any", rule(to="any"), parents=[at("any")], hosts=["any.example"], kind="TLSRoute"),
        route("broken", rule(to="nobody"), parents=[at("any")], hosts=["broken.example"], kind="TLSRoute"),
    )
    await shared.start(clean=False)


def at(section: str) -> dict[str, str]:
    return reference("gw", sectionName=section)


@pytest.mark.parametrize(
    ("port", "sni", "who"),
    [
        (PORT, "through.example", "through"),
        (PORT, "x.wide.example", "wide"),
        (PORT, "x.y.wide.example", "wide"),
        (PORT, "ended.example", "plain"),
        (ANY, "any.example", "any"),
    ],
)
async def test_the_server_name_chooses_the_backend(shared: World, port: int, sni: str, who: str) -> None:
    client = CA.client()
    client.check_hostname = "y" not in sni
    assert await greeted(port, client, sni) == who


@pytest.mark.parametrize(
    ("port", "sni"),
    [
        (PORT, "unknown.example"),
        (PORT, "wide.example"),
        (PORT, "closed.wide.example"),
        (PORT, "unused.example"),
        (PORT, ""),
        (ANY, "unknown.example"),
        (ANY, "broken.example"),
    ],
)
async def test_other_names_are_refused(shared: World, port: int, sni: str) -> None:
    assert await refused(port, CA.client(), sni)


@pytest.mark.parametrize("port", [PORT, ANY])
async def test_what_is_no_tls_is_refused(shared: World, port: int) -> None:
    async with connection(port) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: any.example\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 30) == b""


async def test_https_has_its_names_on_the_same_port(shared: World) -> None:
    async with connection(PORT, tls=CA.client(), sni="web.example") as (reader, writer):
        assert (await exchange(reader, writer, host="web.example")).backend == "http"
        assert (await exchange(reader, writer, host="ended.example")).status == 421
