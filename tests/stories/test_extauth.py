"""The authorization server behind a real Envoy; F18: what happens when it fails, or those that it asks."""

import asyncio
import base64
import signal
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import pytest
import pytest_asyncio

from daemun.ir.auth import Chain, Step
from daemun.ir.auth.checks import (
    ApiKey,
    ApiKeyAuth,
    BasicAuth,
    Broken,
    HmacAuth,
    LdapAuth,
    OpaServer,
    PassThroughGrpc,
    PassThroughHttp,
    Password,
)
from support.checked import login
from support.client import Answer
from support.door import Door
from support.ports import free_port
from support.world import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEYS = ApiKeyAuth(
    (
        ApiKey(sha256(b"gold").hexdigest(), "ann", {"tier": "gold"}),
        ApiKey(sha256(b"bare").hexdigest(), "bob"),
    ),
    query="key",
    headers={"x-tier": "tier"},
)
BASIC = BasicAuth({"ann": Password("apr1", "8BvzLUO9IfGPGGsPnAgSu1", "TYiryv0/")}, realm="shop")


class Http:
    """An HTTP server that a check asks: it does what the test says."""

    def __init__(self) -> None:
        self.port = free_port()
        self.says = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
        self.slow = asyncio.Event()
        self.slow.set()
        self.heard: list[str] = []
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", self.port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.heard.append((await reader.readuntil(b"\r\n\r\n")).decode())
            await self.slow.wait()
            writer.write(self.says)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


OTHER = Http()
DEAD = free_port()
CHAINS = (
    Chain("keys", (Step("keys", KEYS),), user_header="x-user"),
    Chain("basic", (Step("basic", BASIC),), user_header="x-user"),
    Chain("either", (Step("keys", KEYS), Step("basic", BASIC)), "keys || basic", user_header="x-user"),
    Chain("not", (Step("keys", KEYS),), "!keys", user_header="x-user"),
    Chain("signed", (Step("signed", HmacAuth({"ann": "secret"})),)),
    Chain("broken", (Step("broken", Broken("no Secret")),), "!broken"),
    Chain(
        "other",
        (
            Step(
                "http",
                PassThroughHttp(
                    f"http://127.0.0.1:{OTHER.port}/auth",
                    timeout=2.0,
                    request_headers=("x-who",),
                    added_headers={"x-from": "gate"},
                    upstream_headers=("x-more",),
                    overwritten_headers=("x-set",),
                    denied_headers=("x-why", "set-cookie"),
                ),
            ),
        ),
    ),
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


async def test_a_key_comes_in_and_the_backend_knows_whose_it_is(door: Door) -> None:
    assert (await door.ask("keys")).status == 401
    assert (await door.ask("keys", headers={"api-key": "wrong"})).status == 401
    got = await door.ask("keys", headers={"api-key": "gold", "x-user": "root", "x-tier": "platinum"})
    assert got.status == 200
    assert got.sent("x-user") == ["ann"]
    assert got.sent("x-tier") == ["gold"]
    assert (await door.ask("keys", "/?key=gold")).sent("x-user") == ["ann"]


async def test_what_a_client_says_of_itself_does_not_reach_the_backend(door: Door) -> None:
    got = await door.ask("keys", headers={"api-key": "bare", "x-tier": "platinum"})
    assert got.sent("x-tier") == []
    got = await door.ask("not", headers={"x-user": "root"})
    assert got.status == 200
    assert got.sent("x-user") == []


async def test_a_browser_is_asked_for_a_password(door: Door) -> None:
    got = await door.ask("basic")
    assert got.status == 401
    assert got.headers["www-authenticate"] == 'Basic realm="shop", charset="UTF-8"'
    got = await door.ask("basic", headers=login("ann", "password"))
    assert got.sent("x-user") == ["ann"]
    assert (await door.ask("basic", headers=login("ann", "Password"))).status == 401


async def test_one_of_two_is_enough(door: Door) -> None:
    assert (await door.ask("either", headers={"api-key": "gold"})).sent("x-user") == ["ann"]
    assert (await door.ask("either", headers=login("ann", "password"))).sent("x-user") == ["ann"]
    assert (await door.ask("either")).status == 401


async def test_who_is_not_named_is_let_in_nowhere(door: Door) -> None:
    assert (await door.ask("no-such-chain", headers={"api-key": "gold"})).status == 403
    assert (await door.ask("broken")).status == 500


def _answer(status: str, *headers: str, body: bytes = b"") -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close", *headers])
    return f"{head}\r\n\r\n".encode() + body


async def test_another_server_decides_and_its_headers_go_where_they_may(door: Door) -> None:
    OTHER.says = _answer("200 OK", "x-more: b", "x-set: new", "x-secret: s")
    got = await door.ask("other", headers={"x-who": "ann", "x-more": "a", "x-set": "old", "x-private": "p"})
    assert got.status == 200
    assert got.sent("x-set") == ["new"]
    assert ",".join(got.sent("x-more")) == "a,b"
    assert got.sent("x-secret") == []
    assert "x-who: ann" in OTHER.heard[-1].lower()
    assert "x-from: gate" in OTHER.heard[-1].lower()
    assert "x-private" not in OTHER.heard[-1].lower()
    OTHER.says = _answer("403 No", "x-why: because", "x-secret: s")
    got = await door.ask("other")
    assert (got.status, got.headers.get("x-why"), got.headers.get("x-secret")) == (403, "because", None)


@pytest.mark.parametrize(
    "says",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx-set: a\rb\r\n\r\n",
        _answer("500 No"),
        _answer("503 No"),
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nx-set: " + b"x" * 200_000 + b"\r\n\r\n",
    ],
)
async def test_f18_nonsense_of_another_server_lets_nobody_in(door: Door, says: bytes) -> None:
    OTHER.says = says
    assert (await door.ask("other")).status == 500
    OTHER.says = _answer("200 OK")
    assert (await door.ask("other")).status == 200


@pytest.mark.parametrize("chain", ["dead-http", "dead-grpc", "dead-opa", "dead-ldap"])
async def test_f18_servers_that_are_away_let_nobody_in(door: Door, chain: str) -> None:
    answers = await asyncio.gather(*(door.ask(chain, headers=login("ann", "password")) for _ in range(5)))
    assert {one.status for one in answers} == {500}


async def test_f18_who_passes_by_another_way_is_not_kept_out(door: Door) -> None:
    assert (await door.ask("dead-or-keys", headers={"api-key": "gold"})).status == 200
    assert (await door.ask("dead-or-keys")).status == 401


async def test_f18_a_slow_server_keeps_nobody_else_waiting_and_recovers_whole(door: Door) -> None:
    OTHER.slow.clear()
    waiting = [asyncio.create_task(door.ask("other")) for _ in range(20)]
    for _ in range(20):
        assert (await door.ask("keys", headers={"api-key": "gold"})).status == 200
    assert {one.status for one in await asyncio.gather(*waiting)} == {500}
    OTHER.slow.set()
    OTHER.says = _answer("200 OK")
    answers = await asyncio.gather(*(door.ask("other") for _ in range(20)))
    assert {one.status for one in answers} == {200}


async def test_f18_a_server_that_was_away_is_asked_again(door: Door) -> None:
    await OTHER.stop()
    assert (await door.ask("other")).status == 500
    await OTHER.start()
    OTHER.says = _answer("200 OK")
    assert (await door.ask("other")).status == 200


async def test_f18_without_the_authorization_server_nobody_comes_in_and_with_it_all_do(door: Door) -> None:
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


LONG = "x" * (1 << 20)


@pytest.mark.parametrize(
    "value",
    [
        "Basic " + base64.b64encode(b"ann:" + LONG.encode()).decode(),
        "Basic " + LONG,
        "Basic !!!",
        "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
        "Basic " + base64.b64encode(b"ann").decode(),
        "Basic",
        "Bearer x",
        "hmac " + 'username="a",' * 20_000,
        "hmac " + LONG,
        "\xff\xfe\x80",
        ",".join(["Basic YTpi"] * 1000),
    ],
)
async def test_a14_a16_hostile_headers_are_denied_and_the_next_request_is_answered(door: Door, value: str) -> None:
    for chain in ("basic", "either", "signed", "dead-ldap"):
        got = await door.ask(chain, headers={"authorization": value, "api-key": value[:60_000]})
        assert got.status in (400, 401, 431), (chain, got.status)
    assert (await door.ask("basic", headers=login("ann", "password"))).status == 200


async def test_ten_thousand_headers_do_no_harm(door: Door) -> None:
    many = [(f"x-{number}", "v") for number in range(90)]
    assert (await door.ask("keys", headers=[*many, ("api-key", "gold")])).status == 200
    tens = [(f"x-{number}", "v") for number in range(10_000)]
    assert (await door.ask("keys", headers=[*tens, ("api-key", "gold")])).status in (400, 431)
    twice: Answer = await door.ask("keys", headers=[("api-key", "gold"), ("api-key", "gold")])
    assert twice.status == 401, "two keys are none"


async def test_metrics_tell_what_was_answered(door: Door) -> None:
    await door.ask("keys", headers={"api-key": "gold"})
    await door.ask("keys")
    text = await door.metrics()
    assert 'daemun_extauth_checks_total{chain="keys",outcome="allowed"}' in text
    assert 'daemun_extauth_checks_total{chain="keys",outcome="denied"}' in text
    assert "gold" not in text
