"""sslConfig with files on the proxy's machine, and with an SDS server, in classic mode."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from support.clients.client import connection, exchange
from support.objects.certificates import Authority, Pair, authority
from support.objects.documents import Doc
from support.scenes.world import World, fresh, until
from support.servers.ports import free_port
from support.servers.sds import SdsServer

pytestmark = pytest.mark.asyncio(loop_scope="module")
SERVER, STAFF = authority(), Authority()
HTTP = free_port()
HOSTS = ("files.test", "asking.test", "server.test", "known.test")
PAIR, ALICE = SERVER.issue(*HOSTS), STAFF.issue("alice.test")
_API, _META = "gateway.solo.io/v1", {"namespace": "gloo-system"}


def virtual_service(name: str, **ssl_config: object) -> Doc:
    host = {"domains": [f"{name}.test"], "routes": [{"directResponseAction": {"status": 200}}]}
    spec = {"sslConfig": {"sniDomains": [f"{name}.test"], **ssl_config}, "virtualHost": host}
    return {"apiVersion": _API, "kind": "VirtualService", "metadata": _META | {"name": name}, "spec": spec}


def files(folder: Path, **more: str) -> dict[str, str]:
    """The pair of the server, in files."""
    for name, pem in zip(("cert", "key"), PAIR, strict=True):
        (folder / name).write_bytes(pem)
    return {"tlsCert": str(folder / "cert"), "tlsKey": str(folder / "key"), **more}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[World]:
    server = await SdsServer(PAIR, STAFF.pem).start()
    async with fresh() as world:
        world.closing(server.stop)
        (world.base / "ca").write_text(STAFF.pem)
        gate = {"bindAddress": "127.0.0.1", "bindPort": HTTP, "ssl": True, "httpGateway": {}}
        sds = {"targetUri": f"127.0.0.1:{server.port}", "certificatesSecretName": "own"}
        world.write(
            "gate.yaml", {"apiVersion": _API, "kind": "Gateway", "metadata": _META | {"name": "g"}, "spec": gate}
        )
        world.write(
            "hosts.yaml",
            virtual_service("files", sslFiles=files(world.base)),
            virtual_service("asking", sslFiles=files(world.base, rootCa=str(world.base / "ca"))),
            virtual_service("server", sds=sds),
            virtual_service("known", sds=sds | {"validationContextName": "trust"}, verifySubjectAltName=["alice.test"]),
        )
        await world.start()
        # Envoy listens when the server has told it what it was asked.
        await until(lambda: let_in(None, "server.test"))
        yield world


async def let_in(pair: Pair | None, host: str) -> bool:
    """Whether a request gets an answer."""
    try:
        async with connection(HTTP, tls=SERVER.client(pair=pair), sni=host) as (reader, writer):
            return (await exchange(reader, writer, host=host)).status == 200
    except (ssl.SSLError, OSError):
        return False


async def test_who_comes_in(shared: World) -> None:
    stranger = STAFF.issue("bob.test"), SERVER.issue("alice.test")
    wanted = {
        "files.test": (True, True, True, True),
        "asking.test": (False, True, True, False),
        "server.test": (True, True, True, True),
        "known.test": (False, True, False, False),
    }
    for host, answers in wanted.items():
        pairs: tuple[Pair | None, ...] = (None, ALICE, *stranger)
        assert tuple([await let_in(pair, host) for pair in pairs]) == answers, host


async def test_what_is_wrong_is_told_and_breaks_itself_only(shared: World) -> None:
    shared.write(
        "wrong.yaml",
        virtual_service("half", sslFiles={"tlsCert": str(shared.base / "cert")}),
        virtual_service("nothing", sslFiles={"rootCa": str(shared.base / "ca")}),
        virtual_service("absent", sslFiles={"tlsCert": "/nowhere/cert", "tlsKey": "/nowhere/key"}),
        virtual_service("unasked", sslFiles=files(shared.base), verifySubjectAltName=["alice.test"]),
    )
    for name, said in {
        "half": "a certificate needs its key",
        "nothing": "names no certificate to answer with",
        "absent": "/nowhere/",
        "unasked": "no client is asked for",
    }.items():
        await shared.problem(name, said)
    assert await let_in(None, "files.test")
    (shared.folder / "wrong.yaml").unlink()
    await until(lambda: not shared.problems())
    assert await let_in(None, "server.test")
