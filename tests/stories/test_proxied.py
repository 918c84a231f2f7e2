"""The PROXY protocol, byte by byte: who may speak it, whose connection it is then, and what is none."""

import asyncio
import contextlib
import ipaddress
import struct
from collections.abc import Callable
from typing import Any

import pytest
import pytest_asyncio

from support.clients.client import Answer, answer
from support.objects.auth import auth_policy
from support.objects.documents import Doc, gateway, listener, prefix, route, rule
from support.scenes.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

BALANCER, STRANGER, CLIENT, OTHER = "127.0.0.2", "127.0.0.1", "203.0.113.9", "198.51.100.7"
_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_GET = b"GET %s HTTP/1.1\r\nHost: test.example\r\nConnection: close\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a")
    office = rule(prefix("/office"), to="a") | {"name": "office"}
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)), route("r", rule(to="a"), office))
    shared.write(
        "policies.yaml",
        _option("ListenerOption", {"proxyProtocol": {}}),
        _option("HttpListenerOption", {"healthCheck": {"path": "/healthz"}}),
        _policy("balancer", {"kind": "Gateway", "name": "gw"}, ipBlocks=[BALANCER]),
        _policy(
            "office",
            {"kind": "HTTPRoute", "name": "r", "sectionName": "office"},
            ipBlocks=[BALANCER],
            remoteIpBlocks=["198.51.100.0/24", "2001:db8::/32"],
        ),
    )
    await shared.start()


def _option(kind: str, options: Doc) -> Doc:
    target = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw"}
    spec = {"targetRefs": [target], "options": options}
    return {"apiVersion": "gateway.solo.io/v1", "kind": kind, "metadata": {"name": kind.lower()}, "spec": spec}


def _policy(name: str, target: Doc, **said: list[str]) -> Doc:
    return auth_policy(name, target, authorization={"rules": [said]})


def version1(client: str) -> bytes:
    return f"PROXY TCP{'6' if ':' in client else '4'} {client} {client} 1234 80\r\n".encode()


def version2(client: str) -> bytes:
    packed = ipaddress.ip_address(client).packed
    body = packed * 2 + struct.pack("!HH", 1234, 80)
    return _SIGNATURE + bytes([0x21, 0x11 if len(packed) == 4 else 0x21]) + struct.pack("!H", len(body)) + body


LOCAL = _SIGNATURE + b"\x20\x00\x00\x00"
"""Of version 2, what a load balancer says of a connection of its own, such as a health check."""
versions = pytest.mark.parametrize("version", [version1, version2])


async def send(world: World, said: bytes, *, by: str = BALANCER, path: bytes = b"/") -> Answer | None:
    """The answer to a request after these bytes; None if the connection is closed without one."""
    async with asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port, local_addr=(by, 0))
        try:
            writer.write(said + _GET % path)
            with contextlib.suppress(ConnectionError):
                return await answer(reader)
            return None
        finally:
            writer.close()


async def status(world: World, said: bytes, **request: Any) -> int | None:
    got = await send(world, said, **request)
    return None if got is None else got.status


@versions
@pytest.mark.parametrize("client", [CLIENT, "2001:db8::9"])
async def test_whose_connection_it_is(shared: World, version: Callable[[str], bytes], client: str) -> None:
    got = await send(shared, version(client))
    assert got is not None
    assert got.status == 200
    assert got.sent("x-forwarded-for") == [f"192.0.2.1,{client}"], "the last one is what counts"


@versions
async def test_who_may_speak_it(shared: World, version: Callable[[str], bytes]) -> None:
    said = version(BALANCER)
    assert await status(shared, said) == 200
    assert await status(shared, said, by=STRANGER) == 403, "though it says to be the balancer"


@versions
async def test_for_whom(shared: World, version: Callable[[str], bytes]) -> None:
    for client, wanted in ((OTHER, 200), ("2001:db8::7", 200), (CLIENT, 403), ("192.0.2.1", 403)):
        assert await status(shared, version(client), path=b"/office") == wanted, client
        assert await status(shared, version(client), path=b"/office", by=STRANGER) == 403


async def test_a_health_check_of_the_balancer(shared: World) -> None:
    assert await status(shared, LOCAL, path=b"/healthz") == 200
    assert await status(shared, LOCAL, path=b"/healthz", by=STRANGER) == 200, "it is asked before any policy is"
    assert await status(shared, LOCAL) == 200, "of the balancer itself"


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (b"", None),
        (b"PROXY TCP4 nobody nobody 1 2\r\n", None),
        (b"PROXY TCP4 203.0.113.9\r\n", None),
        (_SIGNATURE + b"\x31\x11\x00\x0c" + bytes(12), None),
        (_SIGNATURE + b"\x21\x11\x00\x02" + bytes(2), None),
        (version1(CLIENT) + version1(OTHER), 400),
        (version2(CLIENT) + version2(OTHER), 400),
    ],
    ids=["none", "no address", "half", "version 3", "too short", "twice", "twice in version 2"],
)
async def test_what_is_none(shared: World, said: bytes, wanted: int | None) -> None:
    assert await status(shared, said) == wanted
