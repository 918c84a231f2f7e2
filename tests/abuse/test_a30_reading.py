"""A30: servers that policies name say much and take long over it: what is read of that at once is bounded in bytes, and
no namespace has all of it. Whatever is not read is no yes.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest
from aiohttp import web
from envoy.service.auth.v3 import external_auth_pb2
from hypothesis import given
from hypothesis import strategies as st

from daemun.extauth.answers import Allowed, Answer, Failed
from daemun.extauth.checker import Checker, Place, Tools
from daemun.extauth.registry import made
from daemun.fetch import Budget, CrowdedError
from daemun.ir.auth import AnyCheck, Chain, Step
from daemun.ir.auth.checks import ApiKey, ApiKeyAuth, LdapAuth, PassThroughGrpc, PassThroughHttp
from daemun.ir.auth.oauth import App, AuthorizationCode, Introspection, Redis, Session
from daemun.ir.auth.oauth import Provider as Settings
from daemun.process.listening import stop_listening
from support.clients.checked import LOCAL, asked, login
from support.envoys.door import Door
from support.servers.sites import serve
from support.standins.passing import GrpcPass

BOUND = 1 << 20
takes = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 400)), max_size=80)


@given(takes)
def test_a30_there_is_always_some_for_who_comes(steps: list[tuple[str, int]]) -> None:
    budget = Budget(1_000)
    with contextlib.ExitStack() as stack:
        shares = {name: stack.enter_context(budget.share(name)) for name in "abc"}
        for name, count in steps:
            before = budget.held.get(name, 0), budget.free
            try:
                shares[name].take(count)
            except CrowdedError:
                assert before == (budget.held.get(name, 0), budget.free)
                assert before[0] + count > before[1] - count, "there was room"
            assert budget.free + sum(budget.held.values()) == 1_000
            assert budget.free >= 1_000 // 2**3
        with budget.share("d") as late:
            late.take(budget.free // 2)
    assert (budget.free, budget.held) == (1_000, {})


class Hose:
    """Whoever connects and says something is told something without an end; `most` bytes of it."""

    def __init__(self, begins: bytes, most: int) -> None:
        self._begins, self._most = begins, most
        self.said = 0
        self.port = 0

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator["Hose"]:
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            await stop_listening(server)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.read(1)
            writer.write(self._begins)
            piece = bytes(64 << 10)
            for _ in range(self._most // len(piece)):
                writer.write(piece)
                await writer.drain()
                self.said += len(piece)
            await reader.read()
        writer.close()


def resident(pid: int) -> int:
    """The most bytes that a process has had in memory so far."""
    line = next(one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmHWM"))
    return int(line.split()[1]) << 10


def keeps_in(port: int) -> AuthorizationCode:
    """Sessions in a Redis at this port."""
    session = Session(Redis(f"127.0.0.1:{port}", pool=1 << 30), cookie_name="s", key=b"k" * 32)
    provider = Settings("https://idp.test", "https://idp.test/a", "https://idp.test/t", "https://idp.test/k")
    return AuthorizationCode(provider, App("me", "https://app.test", "/callback", session=session))


MIB_200 = 200 << 20
HOSES = {
    "one long answer": b"$%d\r\n" % (MIB_200 * 2),
    "many answers": b"*1000000\r\n$65000\r\n" + b"x" * 65_000 + b"\r\n",
    "a line": b"+",
}


@pytest.mark.parametrize("name", HOSES)
async def test_a30_a_redis_that_does_not_end(name: str) -> None:
    """Through Envoy, and the server itself: it is hung up on, others are served, and little was kept of it."""
    async with Hose(HOSES[name], MIB_200).listening() as hose:
        good = ApiKeyAuth((ApiKey(sha256(b"gold").hexdigest(), "ann"),))
        chains = Chain("evil", (Step("s", keeps_in(hose.port)),)), Chain("good", (Step("s", good),))
        async with Door(*chains) as door:
            assert door.server is not None
            assert (await door.ask("good", headers={"api-key": "gold"})).status == 200
            before = resident(door.server.pid)
            cookie = {"cookie": "s=1.abc", "accept": "text/html"}
            got = await asyncio.gather(*(door.ask("evil", headers=cookie) for _ in range(4)))
            assert all(one.status >= 300 for one in got)
            assert (await door.ask("good", headers={"api-key": "gold"})).status == 200
            assert resident(door.server.pid) - before < 60 << 20


@contextlib.asynccontextmanager
async def checking(**checks: AnyCheck) -> AsyncIterator[tuple[Tools, dict[str, Checker]]]:
    """A check for each namespace, at one server that may read little at once."""
    tools = Tools(guard=LOCAL)
    tools.budget = Budget(BOUND)
    found = {namespace: made(one, Place(f"{namespace}/policy", "step"), tools) for namespace, one in checks.items()}
    try:
        yield tools, found
    finally:
        for one in found.values():
            await one.close()
        await tools.close()


async def crowd(checks: dict[str, Checker], tools: Tools, go_on: asyncio.Event) -> list[Answer]:
    """Forty questions whose answers end when they may, and meanwhile one of another namespace, which is answered."""
    waiting = [asyncio.create_task(asked(checks["a"], headers(number))) for number in range(40)]
    done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    assert all(isinstance(one.result(), Failed) for one in done)
    assert tools.budget.free >= BOUND // 2
    assert isinstance(await asked(checks["b"], headers(40)), Allowed)
    go_on.set()
    answers = await asyncio.gather(*waiting)
    assert (tools.budget.free, tools.budget.held) == (BOUND, {})
    assert isinstance(await asked(checks["a"], headers(41)), Allowed)
    return answers


def headers(number: int) -> dict[str, str]:
    return {"authorization": f"Bearer t{number}{'x' * 20_000}"}


@pytest.mark.parametrize("kind", ["passthrough", "introspection"])
async def test_a30_answers_that_take_long_over_much(kind: str) -> None:
    go_on = asyncio.Event()
    much = b'{"active": true, "a": "' + b"x" * 100_000

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/little":
            return web.json_response({"active": True})
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(much)
        await go_on.wait()
        await response.write(b'"}')
        return response

    async with serve(answer) as site:
        kinds = {"passthrough": PassThroughHttp, "introspection": Introspection}
        urls = {name: f"http://127.0.0.1:{site.port}/{path}" for name, path in (("a", "much"), ("b", "little"))}
        async with checking(**{name: kinds[kind](url) for name, url in urls.items()}) as (tools, checks):
            answers = await crowd(checks, tools, go_on)
        assert 0 < sum(isinstance(one, Allowed) for one in answers) < 20


async def test_a30_tokens_that_wait_for_an_issuer() -> None:
    """Nobody waits for them any more, but they are still asked about: not without an end."""
    go_on = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/much":
            await go_on.wait()
        return web.json_response({"active": True})

    async with serve(answer) as site:
        urls = {name: f"http://127.0.0.1:{site.port}/{path}" for name, path in (("a", "much"), ("b", "little"))}
        async with checking(**{name: Introspection(url) for name, url in urls.items()}) as (tools, checks):
            answers = await crowd(checks, tools, go_on)
        assert 0 < sum(isinstance(one, Allowed) for one in answers) < 30


async def test_a30_servers_of_authorization_that_keep_many_waiting() -> None:
    go_on = asyncio.Event()
    little = external_auth_pb2.CheckResponse()

    async def decide(request: external_auth_pb2.CheckRequest) -> external_auth_pb2.CheckResponse:
        await go_on.wait()
        return little

    async def at_once(request: external_auth_pb2.CheckRequest) -> external_auth_pb2.CheckResponse:
        return little

    slow, quick = GrpcPass(decide), GrpcPass(at_once)
    await slow.start()
    await quick.start()
    one, other = (PassThroughGrpc(f"127.0.0.1:{server.port}", timeout=30.0) for server in (slow, quick))
    async with checking(a=one, b=other) as (tools, checks):
        answers = await crowd(checks, tools, go_on)
    assert sum(isinstance(one, Allowed) for one in answers) == BOUND // 2 // (64 << 10)
    await slow.stop()
    await quick.stop()


async def test_a30_an_answer_of_a_server_of_authorization_that_is_too_long() -> None:
    async def decide(request: external_auth_pb2.CheckRequest) -> external_auth_pb2.CheckResponse:
        response = external_auth_pb2.CheckResponse()
        response.ok_response.headers.add().header.value = "x" * 200_000
        return response

    server = GrpcPass(decide)
    await server.start()
    async with checking(a=PassThroughGrpc(f"127.0.0.1:{server.port}", timeout=30.0)) as (_, checks):
        assert isinstance(await asked(checks["a"], {}), Failed)
    await server.stop()


async def test_a30_a_directory_that_says_much() -> None:
    """An answer to a bind, of 900 kB, which is more than half of what may be read."""
    body = b"\x02\x01\x01" + b"\x61\x83" + (900_000).to_bytes(3, "big")
    hose = Hose(b"\x30\x83" + (900_000 + len(body)).to_bytes(3, "big") + body, 1 << 20)
    async with hose.listening(), checking(a=LdapAuth(f"ldap://127.0.0.1:{hose.port}", "uid=%s")) as (tools, checks):
        answer = await asked(checks["a"], login("ann", "secret"))
        assert answer == Failed("too much is being read at once")
        assert (tools.budget.free, tools.budget.held) == (BOUND, {})
