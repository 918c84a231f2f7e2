"""A19 in Gloo's words: an sslConfig that asks for certificates lets in who bears a name and is not revoked."""

import ssl
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from cryptography import x509

from support.clients.client import connection, exchange
from support.objects.certificates import Authority, Pair, authority
from support.objects.documents import Doc, secret
from support.scenes.world import World, fresh, until
from support.servers.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")
SERVER, STAFF = authority(), Authority()
HTTP, TCP = free_port(), free_port()
HOSTS = ("names.test", "any.test", "open.test", "wrong.test", "stream.test")
PAIR = SERVER.issue(*HOSTS)
ALICE, FIRED = STAFF.issue("alice.test"), STAFF.issue("alice.test")
_API, _META = "gateway.solo.io/v1", {"namespace": "gloo-system"}


def virtual_service(name: str, **ssl_config: object) -> Doc:
    config = {"secretRef": {"name": "cert", "namespace": "default"}, "sniDomains": [f"{name}.test"], **ssl_config}
    host = {"domains": [f"{name}.test"], "routes": [{"directResponseAction": {"status": 200}}]}
    spec = {"sslConfig": config, "virtualHost": host}
    return {"apiVersion": _API, "kind": "VirtualService", "metadata": _META | {"name": name}, "spec": spec}


def gate(name: str, port: int, **kind: object) -> Doc:
    spec = {"bindAddress": "127.0.0.1", "bindPort": port, **kind}
    return {"apiVersion": _API, "kind": "Gateway", "metadata": _META | {"name": name}, "spec": spec}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[World]:
    async with fresh() as world:
        await world.tcp("t")
        world.write("cert.yaml", secret("cert", *PAIR, ca=STAFF.pem, crl=STAFF.revoked(FIRED)))
        to = {"single": {"kube": {"ref": {"name": "t", "namespace": "default"}, "port": 80}}}
        stream = {"secretRef": {"name": "cert", "namespace": "default"}, "verifySubjectAltName": ["alice.test"]}
        host = {"name": "stream", "sslConfig": stream | {"sniDomains": ["stream.test"]}, "destination": to}
        world.write("gates.yaml", gate("https", HTTP, ssl=True, httpGateway={}))
        world.write("tcp.yaml", gate("tcp", TCP, tcpGateway={"tcpHosts": [host]}))
        world.write(
            "hosts.yaml",
            virtual_service("names", verifySubjectAltName=["alice.test", "spiffe://acme.test/alice"]),
            virtual_service("any"),
            virtual_service("open", oneWayTls=True),
            virtual_service("wrong", oneWayTls=True, verifySubjectAltName=["alice.test"]),
        )
        await world.start(clean=False)
        yield world


async def let_in(pair: Pair | None, host: str) -> bool:
    """Whether a request, or a connection, gets an answer."""
    try:
        port = TCP if host == "stream.test" else HTTP
        async with connection(port, tls=SERVER.client(pair=pair), sni=host) as (reader, writer):
            if port == TCP:
                writer.write(b"hello\n")
                return bool(await reader.read(1))
            return (await exchange(reader, writer, host=host)).status == 200
    except (ssl.SSLError, OSError):
        return False


@pytest.mark.parametrize("host", ["names.test", "any.test", "stream.test"])
async def test_a19_classic_asks_for_a_good_certificate(shared: World, host: str) -> None:
    assert await let_in(ALICE, host)
    assert not await let_in(None, host)
    assert not await let_in(FIRED, host)
    assert not await let_in(Authority().issue("alice.test"), host)
    assert await let_in(STAFF.issue("bob.test"), host) == (host == "any.test")


async def test_a19_classic_names_are_of_their_kind(shared: World) -> None:
    for name, good in (
        (x509.UniformResourceIdentifier("spiffe://acme.test/alice"), True),
        (x509.UniformResourceIdentifier("alice.test"), False),
        (x509.DNSName("spiffe://acme.test/alice"), False),
        (x509.RFC822Name("alice.test"), False),
        (x509.DNSName("alice.test\0"), False),
    ):
        assert await let_in(STAFF.issue(names=[name]), "names.test") == good, name


async def test_a19_classic_one_way_tls_asks_nobody(shared: World) -> None:
    assert await let_in(None, "open.test")


async def test_a19_classic_names_that_nobody_is_asked_for_close(shared: World) -> None:
    """Gloo refuses it too: it would look guarded, and be open."""
    assert not await let_in(None, "wrong.test")
    assert not await let_in(ALICE, "wrong.test")
    await shared.problem("VirtualService", "names are wanted in certificates that no client is asked for")


async def test_a19_classic_crl_expired_refuses_and_is_told(shared: World) -> None:
    shared.write("cert.yaml", secret("cert", *PAIR, ca=STAFF.pem, crl=STAFF.revoked(days=(-2, -1))))

    async def refused() -> bool:
        return not await let_in(ALICE, "any.test")

    await until(refused)
    assert await let_in(None, "open.test")
    assert any("ca.crl of Secret default/cert has expired on" in one for one in shared.problems())
    shared.write("cert.yaml", secret("cert", *PAIR, ca=STAFF.pem, crl=STAFF.revoked(FIRED)))
    await until(lambda: let_in(ALICE, "any.test"))
