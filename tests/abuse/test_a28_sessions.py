"""A28: a session is good for the client and the issuer that it was made for, and for nobody else's policy."""

import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from daemun.extauth.answers import Allowed, Respond
from daemun.extauth.checker import Place, Tools
from daemun.extauth.oauth.browser import BrowserCheck
from daemun.fetch import Guard
from daemun.ir.auth.oauth import App, AuthorizationCode, ClientAuth, Session
from daemun.ir.auth.oauth import Provider as Settings
from support.clients.visitor import Visitor
from support.standins.provider import CLIENT, SECRET, running

NOW = 1_800_000_000.0
KEY = b"the same for all" * 2
SHARED = Session(cookie_name="session", key=KEY)


def _check(issuer: str, client: str = CLIENT, session: Session = SHARED, logout: str = "") -> AuthorizationCode:
    app = App(client, "https://app.example.com", "/callback", ClientAuth(SECRET), session=session, logout=logout)
    return AuthorizationCode(Settings(issuer), app)


@contextlib.asynccontextmanager
async def _checker(check: AuthorizationCode) -> AsyncIterator[BrowserCheck]:
    """A server of its own."""
    tools = Tools(lambda: NOW, guard=Guard.of("127.0.0.0/8"))
    checker = BrowserCheck(check, Place("chain", "oidc"), tools)
    try:
        yield checker
    finally:
        await checker.close()
        await tools.close()


async def _comes_in(check: AuthorizationCode, cookies: dict[str, str]) -> bool:
    async with _checker(check) as checker:
        browser = Visitor(checker)
        browser.jars = {browser.host: dict(cookies)}
        return isinstance(await browser.get("/"), Allowed)


@pytest.mark.asyncio
async def test_a28_a_session_of_another_client_is_none() -> None:
    """Though all seal with one key, and call their cookies by one name."""
    async with running(lambda: NOW) as provider, running(lambda: NOW) as other:
        async with _checker(_check(provider.issuer)) as checker:
            browser = Visitor(checker)
            await browser.log_in(provider)
            made = dict(browser.jar)
        assert await _comes_in(_check(provider.issuer), made)
        assert not await _comes_in(_check(provider.issuer, "another"), made)
        assert not await _comes_in(_check(other.issuer), made)
        renamed = Session(cookie_name="other", key=KEY)
        assert not await _comes_in(_check(provider.issuer, session=renamed), {"other": made["session"]})
        assert not await _comes_in(_check(provider.issuer, session=Session(cookie_name="session")), made)


CHANGES: dict[str, Callable[[str], str]] = {
    "cut off": lambda value: value[:-4],
    "longer": lambda value: value + "AAAA",
    "changed": lambda value: value[:-8] + "AAAAAAAA",
    "twice": lambda value: value + value,
    "nothing": lambda _: "",
    "zeros": lambda value: "A" * len(value),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("change", CHANGES)
async def test_a28_nor_is_one_that_was_changed(change: str) -> None:
    async with running(lambda: NOW) as provider, _checker(_check(provider.issuer)) as checker:
        browser = Visitor(checker)
        await browser.get("/x")
        begun = dict(browser.jar)
        browser.jars = {}
        await browser.log_in(provider)
        made = browser.jar["session"]
        assert await _comes_in(_check(provider.issuer), {"session": made})
        assert not await _comes_in(_check(provider.issuer), {"session": CHANGES[change](made)})
        for value in begun.values():  # what was sealed for a login is no session
            assert not await _comes_in(_check(provider.issuer), {"session": value})


@pytest.mark.asyncio
async def test_a28_no_page_elsewhere_signs_anybody_out_unseen() -> None:
    """Nor is it told to the browser that somebody has signed out, which would end sessions that have begun before."""
    async with running(lambda: NOW) as provider, _checker(_check(provider.issuer, logout="/logout")) as checker:
        browser = Visitor(checker)
        await browser.log_in(provider)
        made = dict(browser.jar)
        for mode in ("no-cors", "cors", "same-origin", "websocket"):
            got = await browser.get("/logout", sec_fetch_site="cross-site", sec_fetch_mode=mode)
            assert isinstance(got, Respond)
            assert (got.status, browser.jar) == (403, made), mode
            assert not provider.revoked
        assert isinstance(await browser.get(), Allowed)
        for site, mode in (("same-origin", "cors"), ("none", "navigate"), ("cross-site", "navigate"), ("", "")):
            browser.jars = {browser.host: dict(made)}
            got = await browser.get("/logout", sec_fetch_site=site, sec_fetch_mode=mode)
            assert isinstance(got, Respond)
            assert got.status == 302
            assert "session" not in browser.jar
