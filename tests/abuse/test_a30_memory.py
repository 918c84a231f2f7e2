"""A30: a policy whose issuer says much, and gives long tokens, uses up its own namespace's part of the authorization
server's memory: not that of others, whose users stay known, and not the server's.
"""

import contextlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from daemun.extauth.answers import Allowed, Answer, Failed, Respond
from daemun.extauth.checker import Checker, Place, Tools
from daemun.extauth.kept import Kept
from daemun.extauth.oauth import bearer, browser
from daemun.extauth.registry import made
from daemun.ir.auth import AnyCheck
from daemun.ir.auth.oauth import App, AuthorizationCode, ClientAuth, Introspection, Redis, Session
from daemun.ir.auth.oauth import Provider as Settings
from support.clients.checked import LOCAL, asked
from support.clients.visitor import Visitor
from support.servers.sites import serve
from support.standins.provider import CLIENT, SECRET, running

NOW = 1_800_000_000.0
puts = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.integers(0, 4000)), max_size=60)


@given(puts)
def test_a30_who_keeps_no_more_than_a_share_loses_nothing(steps: list[tuple[str, int, int]]) -> None:
    """Whatever others keep; and all of it together is never more than there may be."""
    kept: Kept[int] = Kept(9_000)
    modest: dict[tuple[str, int], int] = {}
    for namespace, number, size in steps:
        key = (namespace, number)
        kept.put(key, size, size, namespace)
        modest[key] = size
        theirs = {one: sum(each + 256 for (name, _), each in modest.items() if name == one) for one in "abc"}
        for (name, other), each in modest.items():
            if theirs[name] <= 3_000:
                assert kept.get((name, other)) == each
        assert kept._total == sum(kept._bytes.values()) <= 9_000
        modest = {one: each for one, each in modest.items() if kept.get(one) is not None}
    for key in list(modest):
        kept.pop(key)
    assert (kept._total, kept._bytes, kept._keys) == (0, {}, {})


@contextlib.asynccontextmanager
async def checking(**checks: AnyCheck) -> AsyncIterator[dict[str, Checker]]:
    """A check for each namespace, at one server."""
    tools = Tools(lambda: NOW, guard=LOCAL)
    found = {namespace: made(one, Place(f"{namespace}/policy", "step"), tools) for namespace, one in checks.items()}
    try:
        yield found
    finally:
        for one in found.values():
            await one.close()
        await tools.close()


def bears(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def test_a30_an_issuer_that_says_much_of_its_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bearer, "_TOKENS", 64 << 10)
    asked_for: Counter[str] = Counter()

    async def answer(request: web.Request) -> web.Response:
        asked_for[request.path] += 1
        return web.json_response({"active": True, "a": "x" * (3_500 if request.path == "/much" else 100)})

    async with serve(answer) as site:
        urls = {name: f"http://127.0.0.1:{site.port}/{path}" for name, path in (("a", "little"), ("b", "much"))}
        async with checking(**{name: Introspection(url) for name, url in urls.items()}) as checks:
            for number in range(30):
                assert isinstance(await asked(checks["a"], bears(f"a{number}")), Allowed)
            for number in range(30):
                assert isinstance(await asked(checks["b"], bears(f"b{number}")), Allowed)
            assert asked_for == {"/little": 30, "/much": 30}
            for number in range(30):
                assert isinstance(await asked(checks["a"], bears(f"a{number}")), Allowed)
            assert asked_for == {"/little": 30, "/much": 30}, "what is said of tokens of others is forgotten"
            assert isinstance(await asked(checks["b"], bears("b0")), Allowed)
            assert asked_for["/much"] == 31, "all of it is kept"


async def test_a30_what_takes_long_to_read_is_read_once() -> None:
    body = json.dumps({"active": True, "a": [[]] * 30_000}).encode()

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=body)

    async with serve(answer) as site, checking(a=Introspection(f"http://127.0.0.1:{site.port}/")) as checks:
        assert isinstance(await asked(checks["a"], bears("t")), Allowed)
        began = time.process_time()
        for _ in range(200):
            assert isinstance(await asked(checks["a"], bears("t")), Allowed)
        assert time.process_time() - began < 0.3
    assert len(site.asked) == 1


@pytest.mark.parametrize("many", [True, False], ids=["many small things", "one long text"])
async def test_a30_more_than_anybody_needs_to_know_of_a_token_is_nothing(many: bool) -> None:
    """It would be many times as large in memory as it is written."""
    body = json.dumps({"active": True, "a": [[]] * 60_000 if many else "x" * 140_000}).encode()

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=body)

    async with serve(answer) as site, checking(a=Introspection(f"http://127.0.0.1:{site.port}/")) as checks:
        assert isinstance(await asked(checks["a"], bears("t")), Failed)


async def test_a30_sessions_of_a_provider_that_gives_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "_SESSIONS", 64 << 10)
    async with running(lambda: NOW) as provider, running(lambda: NOW) as other:

        def check(issuer: str) -> AuthorizationCode:
            app = App(CLIENT, "https://app.example.com", "/callback", ClientAuth(SECRET), session=Session(Redis()))
            return AuthorizationCode(Settings(issuer), app)

        async with checking(a=check(provider.issuer), b=check(other.issuer)) as checks:
            first = Visitor(checks["a"])
            await first.log_in(provider)
            other.claims = {"long": "x" * 4_000}
            visitors = [Visitor(checks["b"]) for _ in range(40)]
            for one in visitors:
                await one.log_in(other)
            assert isinstance(await first.get(), Allowed), "sessions of others are forgotten"
            answers: list[Answer] = [await one.get() for one in visitors]
            assert isinstance(answers[-1], Allowed)
            assert isinstance(answers[0], Respond), "all of them are kept"


async def test_a30_tokens_that_are_too_long() -> None:
    async with running(lambda: NOW) as provider:
        app = App(CLIENT, "https://app.example.com", "/callback", ClientAuth(SECRET), session=Session(Redis()))
        async with checking(a=AuthorizationCode(Settings(provider.issuer), app)) as checks:
            provider.claims = {"long": "x" * 300_000}
            got = await Visitor(checks["a"]).log_in(provider)
            assert isinstance(got, Respond)
            assert got.status == 503
