"""The authorization server: chains that are known and not, checks that fail, and what Envoy is told."""

import asyncio
import time
from collections.abc import AsyncIterator
from hashlib import sha256
from types import SimpleNamespace

import grpc.aio
import pytest
from envoy.service.auth.v3 import external_auth_pb2

from daemun.extauth import chain as chain_module
from daemun.extauth import registry
from daemun.extauth.answers import Allowed, Answer, Denied, Respond
from daemun.extauth.chains import Chains
from daemun.extauth.checker import Checker, Place, State, Tools
from daemun.extauth.request import Request
from daemun.extauth.server import AuthServer
from daemun.ir.auth import Chain, Step
from daemun.ir.auth.checks import ApiKey, ApiKeyAuth, Broken, PluginAuth
from support.clients.asking import Client, question
from support.clients.checked import asked
from support.scenes.world import until

KEYS = ApiKeyAuth((ApiKey(sha256(b"k").hexdigest(), "ann", {"tier": "gold"}),), headers={"x-tier": "tier"})


class Scripted(Checker):
    """Says what its config names, or raises it."""

    closed = 0

    def __init__(self, check: PluginAuth, place: Place, tools: Tools) -> None:
        self._says: Answer | Exception = check.config["says"]

    async def check(self, request: Request, state: State) -> Answer:
        if isinstance(self._says, Exception):
            raise self._says
        return self._says


@pytest.fixture
async def chains(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Chains]:
    monkeypatch.setattr(registry, "MAKERS", {**registry.MAKERS, PluginAuth: Scripted})
    tools = Tools()
    chains = Chains(tools)
    chains.complete = True
    yield chains
    await chains.close()
    await tools.close()


@pytest.fixture
async def client(chains: Chains) -> AsyncIterator[Client]:
    server = AuthServer(chains)
    async with Client(await server.start("127.0.0.1:0")) as client:
        yield client
    await server.stop()


def says(answer: Answer | Exception, name: str = "s") -> Step:
    return Step(name, PluginAuth("p", {"says": answer}))


async def test_a_key_lets_in_and_says_whose_it_is(chains: Chains, client: Client) -> None:
    chains.put(Chain("c", (Step("keys", KEYS),), user_header="x-user"))
    response = await client.check(question("c", {"api-key": "k"}))
    assert response.HasField("ok_response")
    headers = {one.header.key: one.header.value for one in response.ok_response.headers}
    assert headers == {"x-tier": "gold", "x-user": "ann"}


async def test_a_key_is_told_to_later_steps() -> None:
    state = State()
    assert await asked(KEYS, {"api-key": "k"}, state) == Allowed("ann", upstream=(("x-tier", "gold"),))
    assert state.values == {"api_key_value": "k", "x-tier": "gold"}


@pytest.mark.parametrize("headers", [{}, {"api-key": "wrong"}, {"api-key": ""}, {"x-api-key": "k"}])
async def test_no_key_and_a_wrong_one_are_denied_alike(chains: Chains, client: Client, headers: dict[str, str]) -> None:
    chains.put(Chain("c", (Step("keys", KEYS),)))
    assert (await client.check(question("c", headers))).denied_response.status.code == 401


async def test_a_chain_that_is_not_known_is_denied(chains: Chains, client: Client) -> None:
    assert (await client.check(question("other", {}))).denied_response.status.code == 403
    assert (await client.check(external_auth_pb2.CheckRequest())).denied_response.status.code == 403
    chains.complete = False
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await client.check(question("other", {}))
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE


async def test_garbage_is_denied(client: Client) -> None:
    assert (await client.ask(b"\xff\xff\xff")).denied_response.status.code == 400


async def test_what_a_check_raises_denies_that_request_and_is_said_seldom_and_without_its_text(
    chains: Chains, client: Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    chains.put(Chain("bad", (says(ValueError("the password")),)))
    chains.put(Chain("good", (says(Allowed()),)))
    for _ in range(3):
        assert (await client.check(question("bad", {}))).denied_response.status.code == 500
    assert (await client.check(question("good", {}))).HasField("ok_response")
    assert len(caplog.records) == 1
    assert "ValueError" in caplog.text
    assert "the password" not in caplog.text
    monkeypatch.setattr(chain_module, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + 61))
    await client.check(question("bad", {}))
    assert "4 so far" in caplog.records[-1].getMessage()


@pytest.mark.parametrize("value", ["a\r\nx-admin: yes", "a\nb", "a\0b"])
async def test_a_value_that_begins_another_header_goes_nowhere(chains: Chains, client: Client, value: str) -> None:
    for name, answer in {
        "up": Allowed(upstream=(("x", value),)),
        "down": Allowed(downstream=(("x", value),)),
        "no": Denied(401, (("x", value),)),
        "page": Respond(302, (("location", value),)),
    }.items():
        chains.put(Chain(name, (says(answer),)))
        response = await client.check(question(name, {}))
        assert response.denied_response.status.code == 500
        assert not response.denied_response.headers


@pytest.mark.parametrize(
    "chain",
    [
        Chain("c", ()),
        Chain("c", (says(Allowed()),), expression="s &&"),
        Chain("c", (says(Allowed()),), expression="other"),
        Chain("c", (says(Allowed()), says(Allowed()))),
        Chain("c", (Step("s", Broken("no Secret")),)),
        Chain("c", (Step("s", Broken("no Secret")),), expression="!s"),
    ],
)
async def test_a_chain_that_cannot_be_served_is_shut(chains: Chains, client: Client, chain: Chain) -> None:
    chains.put(chain)
    assert (await client.check(question("c", {}))).denied_response.status.code == 500


async def test_a_step_that_stays_keeps_its_checker(chains: Chains) -> None:
    chains.put(Chain("c", (Step("keys", KEYS), says(Allowed()))))
    before = chains.get("c")
    assert before is not None
    chains.put(Chain("c", (Step("keys", KEYS), says(Denied()))))
    after = chains.get("c")
    assert after is not None
    assert after.checkers["keys"] is before.checkers["keys"]
    assert after.checkers["s"] is not before.checkers["s"]


class Slow(Scripted):
    """Gets ready when it is told."""

    told = asyncio.Event()

    async def ready(self) -> None:
        await self.told.wait()


async def test_a_chain_serves_on_until_its_successor_is_ready(chains: Chains, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "MAKERS", {**registry.MAKERS, PluginAuth: Slow})
    monkeypatch.setattr(Slow, "told", asyncio.Event())
    first, second, third = (Chain("c", (says(Denied(status)),)) for status in (401, 402, 403))

    def now() -> Chain | None:
        ready = chains.get("c")
        return ready and ready.chain

    chains.put(first)
    assert now() == first
    chains.put(second)
    chains.put(third)
    await asyncio.sleep(0)
    assert now() == first
    Slow.told.set()
    await until(lambda: now() == third)
    chains.put(second)
    chains.put(third)
    await asyncio.sleep(0)
    assert now() == third
    assert not chains._next
    chains.put(first)
    chains.remove("c")
    await asyncio.sleep(0)
    assert now() is None


async def test_health_is_whether_the_chains_have_come(chains: Chains, client: Client) -> None:
    assert await client.health() == b"\x08\x01"
    chains.complete = False
    assert await client.health() == b"\x08\x02"


async def test_other_methods_are_not_there(client: Client) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="UNIMPLEMENTED"):
        await client.call("/envoy.service.auth.v3.Authorization/Other", b"")


@pytest.mark.parametrize(
    ("answer", "sent", "goes_on"),
    [
        (Allowed(appended=(("x", "b"),)), {"x": "a"}, [("x", "b", True)]),
        (Allowed(appended=(("x", "b"),)), {}, [("x", "b", False)]),
        (Allowed(appended=(("x", "b"), ("x", "c"))), {}, [("x", "b,c", False)]),
        (Allowed(upstream=(("x", "a"),), appended=(("x", "b"),)), {"x": "?"}, [("x", "a,b", False)]),
        (Allowed(remove=("x",), appended=(("x", "b"),)), {"x": "?"}, [("x", "b", False)]),
    ],
)
async def test_what_is_appended_is_there_whatever_the_client_sent(
    chains: Chains, client: Client, answer: Allowed, sent: dict[str, str], goes_on: list[tuple[str, str, bool]]
) -> None:
    chains.put(Chain("c", (says(answer),)))
    ok = (await client.check(question("c", sent))).ok_response
    assert [(one.header.key, one.header.value, one.append.value) for one in ok.headers] == goes_on
    assert not ok.headers_to_remove


async def test_why_a_request_may_not_pass_is_told_to_envoys_other_filters(chains: Chains, client: Client) -> None:
    chains.put(Chain("c", (says(Denied(403, metadata={"s": {"reason": {"body": "closed"}}})),)))
    response = await client.check(question("c", {}))
    assert response.denied_response.status.code == 403
    assert response.dynamic_metadata["s"]["reason"]["body"] == "closed"


@pytest.mark.parametrize(
    "answer",
    [
        Allowed(upstream=(("x", "\ud800"),)),
        Allowed(upstream=((":path", "/admin"),)),
        Allowed(upstream=(("", "x"),)),
        Allowed(upstream=(("x y", "x"),)),
        Allowed(metadata={"x": object()}),
        Denied(metadata={"x": object()}),
        Denied(99),
        Denied(1000),
    ],
)
async def test_an_answer_that_cannot_be_sent_lets_nobody_in(chains: Chains, client: Client, answer: Answer) -> None:
    chains.put(Chain("c", (says(answer),)))
    response = await client.check(question("c", {}))
    assert response.denied_response.status.code == 500
    assert response.status.code != 0
