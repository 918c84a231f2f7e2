"""A9: a policy that names a Redis for its sessions has the server connect to nothing that is the machine's own."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest

from daemun.extauth.chains import Chains
from daemun.extauth.checker import Tools
from daemun.extauth.request import Request
from daemun.fetch import Guard
from daemun.ir.auth import Chain, Step
from daemun.ir.auth.oauth import App, AuthorizationCode, Provider, Redis, Session
from support.clients.asking import question

ADDRESSES = (
    "127.0.0.1:PORT",
    "localhost:PORT",
    "redis://127.0.0.1:PORT",
    "redis://:secret@127.0.0.1:PORT/3",
    "redis://127.1:PORT",
    "redis://[::ffff:127.0.0.1]:PORT",
    "redis:///?host=127.0.0.1&port=PORT",
    "redis://192.0.2.1/?host=127.0.0.1&port=PORT&path=SOCKET",
    "rediss://127.0.0.1:PORT",
    "rediss://127.0.0.1:PORT?ssl_cert_reqs=none",
    "unix:SOCKET",
    "unix://SOCKET",
    "unix://me@/SOCKET?db=1",
)


class Door(NamedTuple):
    """Something that listens beside the server; a line for each time that somebody has come."""

    port: int
    socket: Path
    came: list[str]


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    came: list[str] = []

    async def come(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append((await reader.read(100)).decode(errors="replace"))
        writer.close()

    path = tmp_path / "s"
    async with await asyncio.start_server(come, "127.0.0.1", 0) as tcp, await asyncio.start_unix_server(come, path):
        yield Door(tcp.sockets[0].getsockname()[1], path, came)


async def _comes(door: Door, address: str, guard: Guard) -> bool:
    """Whether a request of somebody with a session has the server connect; it is never let in."""
    host = address.replace("PORT", str(door.port)).replace("SOCKET", str(door.socket))
    session = Session(Redis(host), cookie_name="s", prefix="x\r\nFLUSHALL\r\n", key=b"k" * 32)
    provider = Provider("https://idp.test", "https://idp.test/a", "https://idp.test/t", "https://idp.test/k")
    check = AuthorizationCode(provider, App("me", "https://app.test", "/callback", session=session))
    tools = Tools(guard=guard)
    chains = Chains(tools)
    chains.put(Chain("c", (Step("s", check),)))
    chain = chains.get("c")
    assert chain is not None
    answer = await chain.ask(Request(question("c", {"cookie": "s=1.abc", "sec-fetch-mode": "cors"})))
    assert getattr(answer, "status", 200) >= 400
    await chains.close()
    await tools.close()
    return bool(door.came)


@pytest.mark.parametrize("address", ADDRESSES)
async def test_a9_no_redis_of_a_policy_is_on_the_machine_itself(door: Door, address: str) -> None:
    assert not await _comes(door, address, Guard())


@pytest.mark.parametrize("address", [ADDRESSES[0], ADDRESSES[2], ADDRESSES[8], "unix://SOCKET"])
async def test_a9_unless_it_is_allowed(door: Door, address: str) -> None:
    assert await _comes(door, address, Guard.of("127.0.0.0/8"))
