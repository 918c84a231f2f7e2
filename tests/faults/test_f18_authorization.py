"""F18: who is asked whether a request may come in is away, is slow, or answers with nonsense.

Whoever it is, the request does not pass; others do; and when it is back all pass that may.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from daemun.ir.auth import Chain, Step
from daemun.ir.auth.checks import ApiKey, ApiKeyAuth, LdapAuth, OpaServer, PassThroughGrpc, PassThroughHttp
from support.clients.checked import login
from support.envoys.door import Door
from support.objects.auth import auth_config, basic, users
from support.objects.documents import gateway, listener, prefix, route, rule
from support.scenes.world import World, until
from support.servers.ports import free_port
from support.standins.passing import RawHttp, http_answer

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEYS = ApiKeyAuth((ApiKey(sha256(b"gold").hexdigest(), "ann"),))
OTHER = RawHttp()
DEAD = free_port()
CHAINS = (
    Chain("keys", (Step("keys", KEYS),)),
    Chain("other", (Step("http", PassThroughHttp(f"http://127.0.0.1:{OTHER.port}/auth", timeout=2.0)),)),
    Chain("dead-http", (Step("http", PassThroughHttp(f"http://127.0.0.1:{DEAD}/")),)),
    Chain("dead-grpc", (Step("grpc", PassThroughGrpc(f"127.0.0.1:{DEAD}", timeout=1.0)),)),
    Chain("dead-opa", (Step("opa", OpaServer(f"127.0.0.1:{DEAD}", "p")),)),
    Chain("dead-ldap", (Step("ldap", LdapAuth(f"ldap://127.0.0.1:{DEAD}", "uid=%s")),)),
    Chain("dead-or-keys", (Step("opa", OpaServer(f"127.0.0.1:{DEAD}", "p")), Step("keys", KEYS)), "opa || keys"),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door() -> AsyncIterator[Door]:
    await OTHER.start()
    async with Door(*CHAINS) as door:
        yield door
    await OTHER.stop()


@pytest.mark.parametrize(
    "says",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx-set: a\rb\r\n\r\n",
        http_answer("500 No"),
        http_answer("503 No"),
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nx-set: " + b"x" * 200_000 + b"\r\n\r\n",
    ],
)
async def test_nonsense_of_another_server_lets_nobody_in(door: Door, says: bytes) -> None:
    OTHER.says = says
    assert (await door.ask("other")).status == 500
    OTHER.says = http_answer("200 OK")
    assert (await door.ask("other")).status == 200


@pytest.mark.parametrize("chain", ["dead-http", "dead-grpc", "dead-opa", "dead-ldap"])
async def test_servers_that_are_away_let_nobody_in(door: Door, chain: str) -> None:
    answers = await asyncio.gather(*(door.ask(chain, headers=login("ann", "password")) for _ in range(5)))
    assert {one.status for one in answers} == {500}


async def test_who_passes_by_another_way_is_not_kept_out(door: Door) -> None:
    assert (await door.ask("dead-or-keys", headers={"api-key": "gold"})).status == 200
    assert (await door.ask("dead-or-keys")).status == 401


async def test_a_slow_server_keeps_nobody_else_waiting_and_recovers_whole(door: Door) -> None:
    OTHER.slow.clear()
    waiting = [asyncio.create_task(door.ask("other")) for _ in range(20)]
    for _ in range(20):
        assert (await door.ask("keys", headers={"api-key": "gold"})).status == 200
    assert {one.status for one in await asyncio.gather(*waiting)} == {500}
    OTHER.slow.set()
    OTHER.says = http_answer("200 OK")
    answers = await asyncio.gather(*(door.ask("other") for _ in range(20)))
    assert {one.status for one in answers} == {200}


async def test_a_server_that_was_away_is_asked_again(door: Door) -> None:
    await OTHER.stop()
    assert (await door.ask("other")).status == 500
    await OTHER.start()
    OTHER.says = http_answer("200 OK")
    assert (await door.ask("other")).status == 200


async def test_without_the_authorization_server_nobody_comes_in_and_with_it_all_do(door: Door) -> None:
    assert door.server is not None
    key: dict[str, Any] = {"headers": {"api-key": "gold"}}
    for number in (signal.SIGKILL, signal.SIGTERM):
        door.server.send_signal(number)
        await door.server.wait()
        assert (await door.ask("keys", **key)).status == 403
        await door.serve()

        async def comes_in() -> bool:
            return (await door.ask("keys", **key)).status == 200

        await until(comes_in)
        assert (await door.ask("keys")).status == 401


async def test_the_server_of_a_folder_is_killed_and_comes_back(tmp_path: Path) -> None:
    """As `daemun up` runs it: nobody passes while it is away, and nobody has to do anything for it to come back."""
    world = World()
    try:
        await world.echo("a")
        world.write("gateway.yaml", gateway("gw", listener(world.port)))
        world.write("route.yaml", route("r", rule(prefix("/"), to="a")))
        world.write("auth.yaml", auth_config("users", users("ann")))
        world.write(
            "option.yaml",
            """
            apiVersion: gateway.solo.io/v1
            kind: RouteOption
            metadata: {name: o, namespace: default}
            spec:
              targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}]
              options: {extauth: {configRef: {name: users}}}
            """,
        )
        await world.start()
        await world.answers(200, headers=basic("ann", "secret"))
        for _ in range(2):
            os.kill(_server_of(world), signal.SIGKILL)
            assert (await world.ask(headers=basic("ann", "wrong"))).status in (401, 503)
            await world.answers(200, headers=basic("ann", "secret"), seconds=120)
            assert (await world.ask()).status == 401
    finally:
        await world.stop()


def _server_of(world: World) -> int:
    """The process of the world's own authorization server."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if b"extauth" in command and any(str(world.base).encode() in part for part in command):
            found.append(int(entry.name))
    (one,) = found
    return one
