"""Groups that a token of Entra ID has no room for: asked for at a stand-in for Microsoft Graph."""

import asyncio
import copy
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis as Client
from test_gloo_auth_fields import FULL, resolved
from test_oidc import Clock, code, gate

from daemun.extauth.answers import Allowed, Answer, Respond
from daemun.extauth.checker import Tools
from daemun.extauth.oauth.groups import lacking
from daemun.fetch import Guard
from daemun.ir.auth.oauth import AuthorizationCode, ClaimHeader, Redis, Session
from support.clients.visitor import Visitor
from support.servers.redises import redis
from support.standins.graph import OVERAGE, StandIn, graph
from support.standins.provider import Provider, running

TOKEN, GROUPS = "token", "getMemberObjects"
_SESSION = Session(refresh=False)
TAKEN = "the session's cookies are renewed all the same"


class Scene:
    """`provider` stands for the login, `stand_in` for Graph."""

    def __init__(self, provider: Provider, stand_in: StandIn, clock: Clock) -> None:
        self.provider = provider
        self.stand_in = stand_in
        self.clock = clock
        provider.claims = dict(OVERAGE)

    def check(self, session: Session = _SESSION, **azure: Any) -> AuthorizationCode:
        return code(
            self.provider,
            session,
            id_claims=(ClaimHeader("groups", "x-groups"),),
            metadata={"groups": "groups"},
            azure=self.stand_in.azure(**azure),
        )


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    clock = Clock()
    async with running(clock) as provider, graph() as stand_in:
        yield Scene(provider, stand_in, clock)


def groups(answer: Answer) -> list[str]:
    """What the backend is told."""
    assert isinstance(answer, Allowed), answer
    found: list[str] = json.loads(dict(answer.upstream)["x-groups"])
    assert answer.metadata["groups"] == found
    return found


def shut(answer: Answer) -> bool:
    """Whether somebody is told that it cannot be known who they are."""
    return isinstance(answer, Respond) and answer.status == 503


async def test_all_groups_go_on_and_twenty_requests_ask_once(scene: Scene) -> None:
    async with gate(scene.check(), scene.clock) as checker:
        browser = Visitor(checker)
        await browser.log_in(scene.provider)
        answers = await asyncio.gather(*(browser.get() for _ in range(20)))
        assert [groups(one) for one in answers] == [scene.stand_in.groups] * 20
        assert browser.state.values["groups"] == scene.stand_in.groups
        assert (scene.stand_in.count(TOKEN), scene.stand_in.count(GROUPS)) == (1, 1)
        other = Visitor(checker)
        await other.log_in(scene.provider)
        scene.stand_in.groups = ["another"]
        assert groups(await other.get()) == ["another"], "what is kept belongs to a token"
        assert (scene.stand_in.count(TOKEN), scene.stand_in.count(GROUPS)) == (1, 2)


async def test_nobody_is_asked_about_groups_that_a_token_has(scene: Scene) -> None:
    scene.provider.claims = {"groups": ["a"]}
    async with gate(scene.check(), scene.clock) as checker:
        browser = Visitor(checker)
        await browser.log_in(scene.provider)
        assert groups(await browser.get()) == ["a"]
        assert not scene.stand_in.asked


async def test_a_renewed_token_has_groups_of_now(scene: Scene) -> None:
    async with gate(scene.check(Session()), scene.clock) as checker:
        browser = Visitor(checker)
        await browser.log_in(scene.provider)
        groups(await browser.get())
        scene.stand_in.groups = ["now"]
        assert groups(await browser.get()) != ["now"]
        scene.clock.now += 59
        assert groups(await browser.get()) == ["now"]


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (403, {"error": {"code": "Authorization_RequestDenied"}}),
        (429, {}),
        (500, {}),
        (302, {}),
        (200, {}),
        (200, []),
        (200, {"value": "a"}),
        (200, {"value": [1]}),
        (200, {"value": ["a"], "@odata.nextLink": "https://graph.example.com/more"}),
        (200, {"value": ["a" * (1 << 20)]}),
    ],
)
async def test_without_all_groups_nobody_passes(scene: Scene, status: int, says: Any) -> None:
    """Not as a member of none either: a rule may say who is not to be in a group. It recovers by itself."""
    async with gate(scene.check(), scene.clock) as checker:
        browser = Visitor(checker)
        await browser.log_in(scene.provider)
        scene.stand_in.status, scene.stand_in.says = status, says
        assert shut(await browser.get())
        asked = scene.stand_in.count(GROUPS)
        assert all(map(shut, [await browser.get() for _ in range(5)]))
        assert scene.stand_in.count(GROUPS) == asked, "it is left alone for a while"
        scene.stand_in.status, scene.stand_in.says = 200, None
        scene.clock.now += 3
        assert groups(await browser.get()) == scene.stand_in.groups


@pytest.mark.parametrize(
    ("status", "says"),
    [(404, {}), (403, {}), (400, {}), (200, []), (200, {"value": [], "@odata.nextLink": "https://graph.example.com/"})],
)
async def test_a30_what_concerns_one_user_stops_no_other(scene: Scene, status: int, says: Any) -> None:
    """Somebody who was deleted, and comes back again and again, is not to keep Graph from being asked."""
    gone = "bbbbbbbb-bbbb-cccc-dddd-eeeeeeeeeeee"
    scene.stand_in.of_one = {gone: (status, says)}
    async with gate(scene.check(), scene.clock) as checker:
        one, other = Visitor(checker), Visitor(checker)
        await other.log_in(scene.provider)
        scene.provider.claims["oid"] = gone
        await one.log_in(scene.provider)
        assert all(map(shut, [await one.get() for _ in range(3)]))
        assert scene.stand_in.count(GROUPS) == 1
        assert groups(await other.get()) == scene.stand_in.groups
        assert shut(await one.get())
        assert scene.stand_in.count(GROUPS) == 2, "of that one it is left alone for a while"
        scene.clock.now += 3
        scene.stand_in.of_one = {gone: (200, {"value": ["back"]})}
        assert groups(await one.get()) == ["back"]


@pytest.mark.parametrize("wrong", [{"client_secret": "guessed"}, {"client_id": "other"}, {"tenant": "elsewhere"}])
async def test_an_application_that_may_not_ask_lets_nobody_in(scene: Scene, wrong: dict[str, str]) -> None:
    async with gate(scene.check(**wrong), scene.clock) as checker:
        browser = Visitor(checker)
        await browser.log_in(scene.provider)
        assert shut(await browser.get())


@pytest.mark.parametrize("oid", [None, "", "../me", 7, "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee/x"])
async def test_only_an_id_is_asked_about(scene: Scene, oid: object) -> None:
    scene.provider.claims["oid"] = oid
    async with gate(scene.check(), scene.clock) as checker:
        browser = Visitor(checker)
        await browser.log_in(scene.provider)
        assert shut(await browser.get())
        assert not scene.stand_in.asked


async def test_our_own_token_is_replaced_before_it_ends_and_when_it_is_taken_back(scene: Scene) -> None:
    async with gate(scene.check(Session()), scene.clock) as checker:
        browser = Visitor(checker)
        for wanted, seconds in ((1, 0), (1, 59), (2, 3600)):
            scene.clock.now += seconds
            await browser.log_in(scene.provider) if not browser.jar else None
            groups(await browser.get())
            assert scene.stand_in.count(TOKEN) == wanted
        scene.stand_in.tokens.clear()
        scene.clock.now += 59
        groups(await browser.get())
        assert scene.stand_in.count(TOKEN) == 3


async def test_a_renewal_is_not_lost_while_graph_is_away(scene: Scene) -> None:
    """A refresh token may be good for one time only."""
    async with gate(scene.check(Session()), scene.clock) as checker:
        browser = Visitor(checker)
        await browser.log_in(scene.provider)
        groups(await browser.get())
        before = dict(browser.jar)
        scene.stand_in.status = 503
        scene.clock.now += 59
        assert shut(await browser.get())
        assert browser.jar != before, TAKEN


@pytest.mark.parametrize("address", ["http://169.254.169.254", "http://127.0.0.1:1"])
async def test_graph_is_asked_by_the_guarded_client(scene: Scene, address: str) -> None:
    check = scene.check()
    assert check.azure is not None
    check = msgspec.structs.replace(check, azure=msgspec.structs.replace(check.azure, graph=address, authority=address))
    async with gate(check, scene.clock) as checker:
        browser = Visitor(checker)
        await browser.log_in(scene.provider)
        assert shut(await browser.get())


@pytest.mark.parametrize("own", [True, False], ids=["the server's own", "one of its own"])
async def test_replicas_share_groups_by_redis_and_redis_cannot_read_them(
    scene: Scene, own: bool, tmp_path: Path
) -> None:
    async with redis(tmp_path) as server:
        address = server.address
        check = scene.check(Session(key=b"k" * 32, refresh=False), **({} if own else {"cache": Redis(address)}))
        local, where = Guard.of("127.0.0.0/8"), address if own else ""
        tools = [Tools(scene.clock, where, local, ticks=scene.clock) for _ in range(2)]
        async with gate(check, scene.clock, tools[0]) as first, gate(check, scene.clock, tools[1]) as second:
            browser = Visitor(first)
            await browser.log_in(scene.provider)
            groups(await browser.get())
            browser.checker = second
            assert groups(await browser.get()) == scene.stand_in.groups
            assert scene.stand_in.count(GROUPS) == 1
            async with Client.from_url(f"redis://{address}") as client:
                (name,) = await client.keys("*:groups:*")
                written = await client.get(name)
                assert 0 < await client.ttl(name) <= 60
            assert not any(one.encode() in written for one in scene.stand_in.groups)
            await server.stop()
            assert groups(await browser.get()) == scene.stand_in.groups
            assert scene.stand_in.count(GROUPS) == 2, "who cannot keep them asks"


@pytest.mark.parametrize(
    ("issuer", "authority", "asked"),
    [
        ("https://login.microsoftonline.com/t/v2.0", "login.microsoftonline.com", "graph.microsoft.com"),
        ("https://sts.windows.net/t/", "login.microsoftonline.com", "graph.microsoft.com"),
        ("https://login.microsoftonline.us/t/v2.0", "login.microsoftonline.us", "graph.microsoft.us"),
        (
            "https://login.partner.microsoftonline.cn/t/v2.0",
            "login.partner.microsoftonline.cn",
            "microsoftgraph.chinacloudapi.cn",
        ),
        ("https://graph.example.com/t/v2.0", "login.microsoftonline.com", "graph.microsoft.com"),
    ],
)
def test_each_cloud_has_its_own(issuer: str, authority: str, asked: str) -> None:
    made = resolved(azure(issuerUrl=issuer))
    assert not made.errors
    (step,) = made.chain.steps
    assert isinstance(step.check, AuthorizationCode)
    assert step.check.azure is not None
    assert (step.check.azure.authority, step.check.azure.graph) == (f"https://{authority}", f"https://{asked}")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tenantId", ""),
        ("tenantId", "../common"),
        ("tenantId", "a/b"),
        ("clientId", ""),
        ("clientSecret", {"name": "nowhere"}),
        ("clientSecret", None),
    ],
)
def test_an_application_that_could_not_ask_is_told(field: str, value: Any) -> None:
    (error,) = resolved(azure(**{f"azure.{field}": value})).errors
    assert error.where == f"spec.configs[0].oauth2.oidcAuthorizationCode.azure.{field}"


def azure(**changed: Any) -> Any:
    """An AuthConfig's step in which some fields are changed, of `azure` those that are named so."""
    step = copy.deepcopy(FULL["oidc of azure"])
    spec = step["oauth2"]["oidcAuthorizationCode"]
    for name, value in changed.items():
        within, _, field = name.rpartition(".")
        (spec[within] if within else spec)[field] = value
    return step


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({}, False),
        ({"groups": []}, False),
        ({"_claim_names": {"groups": "src1"}}, True),
        ({"_claim_names": {"address": "src1"}}, False),
        ({"_claim_names": "groups"}, False),
        ({"hasgroups": "true"}, True),
        ({"hasgroups": True}, True),
        ({"hasgroups": "false"}, False),
    ],
)
def test_what_says_that_groups_are_elsewhere(claims: dict[str, Any], expected: bool) -> None:
    assert lacking(claims) is expected
