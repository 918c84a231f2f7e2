"""The authorization server behind a real Envoy: what clients and backends get, and what hostile requests do."""

import base64
from collections.abc import AsyncIterator
from hashlib import sha256

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
    PassThroughHttp,
    Password,
)
from support.clients.checked import login
from support.clients.client import Answer
from support.envoys.door import Door
from support.servers.ports import free_port
from support.standins.passing import RawHttp, http_answer

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


OTHER = RawHttp()
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
                    timeout=20.0,
                    request_headers=("x-who",),
                    added_headers={"x-from": "gate"},
                    upstream_headers=("x-more",),
                    overwritten_headers=("x-set",),
                    denied_headers=("x-why", "set-cookie"),
                ),
            ),
        ),
    ),
    Chain("ldap", (Step("ldap", LdapAuth(f"ldap://127.0.0.1:{free_port()}", "uid=%s")),)),
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


async def test_another_server_decides_and_its_headers_go_where_they_may(door: Door) -> None:
    OTHER.says = http_answer("200 OK", "x-more: b", "x-set: new", "x-secret: s")
    got = await door.ask("other", headers={"x-who": "ann", "x-more": "a", "x-set": "old", "x-private": "p"})
    assert got.status == 200
    assert got.sent("x-set") == ["new"]
    assert ",".join(got.sent("x-more")) == "a,b"
    assert got.sent("x-secret") == []
    assert "x-who: ann" in OTHER.heard[-1].lower()
    assert "x-from: gate" in OTHER.heard[-1].lower()
    assert "x-private" not in OTHER.heard[-1].lower()
    OTHER.says = http_answer("403 No", "x-why: because", "x-secret: s")
    got = await door.ask("other")
    assert (got.status, got.headers.get("x-why"), got.headers.get("x-secret")) == (403, "because", None)


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
    for chain in ("basic", "either", "signed", "ldap"):
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
