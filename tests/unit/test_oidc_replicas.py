"""Sessions and logins that replicas share by a real Redis, and what they do without it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from daemun.extauth.answers import Allowed, Respond
from daemun.extauth.checker import Place, Tools
from daemun.extauth.oauth.browser import BrowserCheck
from daemun.extauth.oauth.shared import InRedis, SharedError
from daemun.fetch import Guard
from daemun.ir.auth.oauth import App, AuthorizationCode, ClientAuth, Redis, Session
from daemun.ir.auth.oauth import Provider as Settings
from support.clients.visitor import Visitor, header
from support.servers.redises import redis
from support.standins.provider import CLIENT, SECRET, Provider, running


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@contextlib.asynccontextmanager
async def replicas(
    provider: Provider, session: Session, clock: Clock, address: str, count: int = 3
) -> AsyncIterator[list[BrowserCheck]]:
    """As many servers, which know each other by the Redis alone."""
    app = App(CLIENT, "https://app.example.com", "/callback", ClientAuth(SECRET), logout="/logout", session=session)
    check = AuthorizationCode(Settings(provider.issuer), app)
    every = [Tools(clock, address, Guard.of("127.0.0.0/8"), ticks=clock) for _ in range(count)]
    checkers = [BrowserCheck(check, Place("chain", "oidc"), tools) for tools in every]
    try:
        yield checkers
    finally:
        for checker in checkers:
            await checker.close()
        for tools in every:
            await tools.close()


SESSIONS = {"cookies": Session(), "redis": Session(redis=Redis())}


@pytest.mark.parametrize("session", SESSIONS.values(), ids=SESSIONS)
async def test_a_login_goes_over_any_replica(session: Session, tmp_path: Path) -> None:
    """Begun at one, ended at another, used at a third; and twenty requests over all of them renew it once."""
    clock = Clock()
    async with (
        redis(tmp_path) as server,
        running(clock) as provider,
        replicas(provider, session, clock, server.address) as (first, second, third),
    ):
        browser = Visitor(first)
        sent = await browser.get("/x")
        browser.checker = second
        back = await browser.follow(provider.log_in(header(sent, "location")))
        assert header(back, "location") == "https://app.example.com/x"
        browser.checker = third
        assert isinstance(await browser.get(), Allowed)

        clock.now += 61
        provider.slow = 0.1
        old = dict(browser.jar)
        many = [Visitor(one) for one in (first, second, third) for _ in range(7)]
        for one in many:
            one.jars = {one.host: dict(old)}
        answers = await asyncio.gather(*(one.get() for one in many))
        assert [type(one) for one in answers] == [Allowed] * 21
        assert provider.asked["token"] == 2
        clock.now += 61
        assert isinstance(await many[-1].get(), Allowed)
        assert isinstance(await many[-1].get("/logout"), Respond)
        if session.redis:
            assert isinstance(await browser.get(), Respond)


async def test_nothing_in_redis_lets_anybody_in(tmp_path: Path) -> None:
    """Who reads it finds neither tokens nor ids."""
    clock = Clock()
    async with (
        redis(tmp_path) as server,
        running(clock) as provider,
        replicas(provider, Session(redis=Redis()), clock, server.address, 1) as (checker,),
    ):
        browser = Visitor(checker)
        await browser.log_in(provider)
        (cookie,) = browser.jar.values()
        client = checker._shared._client
        names = await client.keys("*")
        everything = b"".join([*names, *[await client.get(name) for name in names]])
        assert len(names) == 2
        assert b"eyJ" not in everything
        assert cookie.partition(".")[2].encode() not in everything


@pytest.mark.parametrize("fail", [False, True])
async def test_redis_is_away(fail: bool, tmp_path: Path) -> None:
    clock = Clock()
    session = Session(redis=Redis(), fail_on_fetch_failure=fail)
    async with (
        redis(tmp_path) as server,
        running(clock) as provider,
        replicas(provider, session, clock, server.address, 1) as (checker,),
    ):
        browser = Visitor(checker)
        await browser.log_in(provider)
        await server.stop()
        answer = await browser.get("/x")
        assert isinstance(answer, Respond)
        assert answer.status == (503 if fail else 302)
        if not fail:
            back = await browser.follow(provider.log_in(header(answer, "location")))
            assert isinstance(back, Respond)
            assert back.status == 503
        assert isinstance(await browser.get("/logout"), Respond)
        await server.start()
        assert (await browser.get()).status == 302
        assert (await browser.log_in(provider)).status == 302
        assert isinstance(await browser.get(), Allowed)


async def test_a28_a_session_that_another_takes_the_place_of_is_over(tmp_path: Path) -> None:
    """Two tabs log in; whoever has the id of the first one's session is nobody then, and no logout is needed for it."""
    clock = Clock()
    session = Session(redis=Redis())
    async with (
        redis(tmp_path) as server,
        running(clock) as provider,
        replicas(provider, session, clock, server.address, 2) as (first, second),
    ):
        browser, thief = Visitor(first), Visitor(second)
        urls = [provider.log_in(header(await browser.get(path), "location")) for path in ("/a", "/b")]
        await browser.follow(urls[0])
        thief.jars = {thief.host: {name: value for name, value in browser.jar.items() if "login" not in name}}
        assert isinstance(await thief.get(), Allowed)
        await browser.follow(urls[1])
        assert isinstance(await browser.get(), Allowed)
        assert isinstance(await thief.get(), Respond)


async def test_redis_fails_while_a_session_is_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider has given new tokens and takes the old one no more: they are kept once Redis is back, for every
    replica and for longer than the one that has them remembers it.
    """
    clock = Clock()
    session = Session(redis=Redis(), before_expiry=30)
    async with (
        redis(tmp_path) as server,
        running(clock) as provider,
        replicas(provider, session, clock, server.address, 2) as (first, second),
    ):
        browser = Visitor(first)
        await browser.log_in(provider)
        clock.now += 40
        real = InRedis.replace, InRedis.put

        async def failing(self: InRedis, name: str, value: bytes, seconds: float) -> None:
            raise SharedError("away")

        monkeypatch.setattr(InRedis, "replace", failing)
        monkeypatch.setattr(InRedis, "put", failing)
        answers = await asyncio.gather(*(browser.get(f"/{number}") for number in range(20)))
        assert all(isinstance(one, Allowed) for one in answers)
        assert provider.asked["token"] == 2
        monkeypatch.setattr(InRedis, "replace", real[0])
        monkeypatch.setattr(InRedis, "put", real[1])
        assert isinstance(await browser.get(), Allowed)
        browser.checker = second
        assert isinstance(await browser.get(), Allowed)
        assert provider.asked["token"] == 2, "it was asked with a token that is good once"


async def test_redis_is_away_from_the_start(tmp_path: Path) -> None:
    clock = Clock()
    async with redis(tmp_path) as server, running(clock) as provider:
        await server.stop()
        async with replicas(provider, Session(), clock, server.address, 1) as (checker,):
            assert (await Visitor(checker).get()).status == 503
            await server.start()
            assert (await Visitor(checker).log_in(provider)).status == 302


async def test_a_redis_of_its_own(tmp_path: Path) -> None:
    clock = Clock()
    async with redis(tmp_path) as server, running(clock) as provider:
        own = Session(redis=Redis(server.address, db=3), key=b"k" * 32)
        async with replicas(provider, own, clock, "", 2) as (first, second):
            browser = Visitor(first)
            await browser.log_in(provider)
            browser.checker = second
            assert isinstance(await browser.get(), Allowed)
        other = msgspec.structs.replace(own, key=b"l" * 32)
        async with replicas(provider, other, clock, "", 1) as (checker,):
            browser.checker = checker
            assert isinstance(await browser.get(), Respond)
