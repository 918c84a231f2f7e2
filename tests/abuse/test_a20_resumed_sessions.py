"""A20: a TLS session is taken up for no other host than it was begun for, and not once its certificate was revoked."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from support.objects.certificates import Authority, Pair, authority
from support.objects.documents import authorities, gateway, listener, reference, route, rule, secret, validation
from support.scenes.world import World, fresh, until
from support.servers.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")
CA, STAFF = authority(), Authority()
ALICE = STAFF.issue("alice.test")
PORT = free_port()
HOSTS = ("staff.test", "maybe.test", "bob.test")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[World]:
    async with fresh() as world:
        await world.echo("a")
        world.write("cert.yaml", secret("cert", *CA.issue(*HOSTS)))
        world.write("staff.yaml", authorities("staff", STAFF.pem))
        options = ({}, {"client_certificate": "optional"}, {"client_names": "bob.test"})
        listeners = [
            listener(PORT, host.partition(".")[0], hostname=host, certs=["cert"], **more)
            for host, more in zip(HOSTS, options, strict=True)
        ]
        frontend = {"frontend": {"default": validation("staff")}}
        world.write("gateway.yaml", gateway("gw", *listeners, tls=frontend))
        world.write("route.yaml", route("all", rule(to="a"), parents=[reference("gw")]))
        await world.start()
        yield world


class Client:
    """Shows one certificate, or none, and remembers its session."""

    def __init__(self, pair: Pair | None, version: str) -> None:
        self._context = CA.client(pair=pair)
        self._context.maximum_version = ssl.TLSVersion[version]
        self.session: ssl.SSLSession | None = None

    def _ask(self, host: str, session: ssl.SSLSession | None) -> tuple[bytes, bool]:
        with (
            socket.create_connection(("127.0.0.1", PORT), 30) as plain,
            self._context.wrap_socket(plain, server_hostname=host, session=session) as tls,
        ):
            tls.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            status = tls.recv(100).partition(b"\r\n")[0]
            self.session = tls.session
            return status, bool(tls.session_reused)

    async def ask(self, host: str, session: ssl.SSLSession | None = None) -> tuple[bytes, bool]:
        """The first line of the answer, empty if nobody is let in, and whether the session was taken up."""
        try:
            return await asyncio.to_thread(self._ask, host, session)
        except (ssl.SSLError, OSError):
            return b"", False


OK = b"HTTP/1.1 200 OK"


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
async def test_a20_a_session_is_of_its_host(shared: World, version: str) -> None:
    alice, nobody = Client(ALICE, version), Client(None, version)
    assert await alice.ask("maybe.test") == (OK, False)
    assert await alice.ask("maybe.test", alice.session) == (OK, True)
    assert await alice.ask("staff.test", alice.session) == (OK, False)
    assert await alice.ask("bob.test", alice.session) == (b"", False)
    assert await nobody.ask("maybe.test") == (OK, False)
    begun = nobody.session
    assert begun is not None
    for host in ("staff.test", "bob.test"):
        assert await nobody.ask(host, begun) == (b"", False)


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
async def test_a20_who_was_revoked_takes_up_no_session(shared: World, version: str) -> None:
    alice = Client(ALICE, version)
    assert await alice.ask("staff.test") == (OK, False)
    begun = alice.session
    assert await alice.ask("staff.test", begun) == (OK, True)
    shared.write("staff.yaml", authorities("staff", STAFF.pem, crl=STAFF.revoked(ALICE)))

    async def told() -> bool:
        return await Client(ALICE, version).ask("staff.test") == (b"", False)

    await until(told, 60)
    assert await alice.ask("staff.test", begun) == (b"", False)
    shared.write("staff.yaml", authorities("staff", STAFF.pem))

    async def mended() -> bool:
        return (await Client(ALICE, version).ask("staff.test"))[0] == OK

    await until(mended, 60)
