"""Logins, renewals and logouts of browsers, against a provider of tests."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest

from daemun.extauth.answers import Allowed, Answer, Denied, Respond
from daemun.extauth.checker import Place, Tools
from daemun.extauth.oauth.browser import BrowserCheck
from daemun.fetch import Guard
from daemun.ir.auth.oauth import (
    App,
    AuthorizationCode,
    ClaimHeader,
    ClientAuth,
    Cookie,
    PlainOAuth,
    Redis,
    Session,
)
from daemun.ir.auth.oauth import Provider as Settings
from support.clients.visitor import Visitor, header
from support.standins.provider import CLIENT, SECRET, Provider, query, running


class Clock:
    """Time that passes when a test says so."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def code(provider: Provider, session: Session = Session(), **more: Any) -> AuthorizationCode:  # noqa: B008 - immutable
    app = App(
        CLIENT,
        "https://app.example.com",
        "/callback",
        ClientAuth(SECRET),
        logout="/logout",
        after_logout="https://example.com/bye",
        scopes=("email",),
        session=session,
    )
    own = {name: more.pop(name) for name in tuple(more) if name in App.__struct_fields__}
    return AuthorizationCode(Settings(provider.issuer), msgspec.structs.replace(app, **own), **more)


@contextlib.asynccontextmanager
async def gate(
    check: AuthorizationCode | PlainOAuth, clock: Clock, tools: Tools | None = None
) -> AsyncIterator[BrowserCheck]:
    tools = tools or Tools(clock, ticks=clock, guard=Guard.of("127.0.0.0/8"))
    checker = BrowserCheck(check, Place("chain", "oidc"), tools)
    try:
        yield checker
    finally:
        await checker.close()
        await tools.close()


async def until(ask: Callable[[], Awaitable[Answer]], holds: Callable[[Answer], bool]) -> None:
    """Ask until it holds: nobody says when a provider is asked again."""
    async with asyncio.timeout(60):
        while not holds(await ask()):  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.05)


async def test_login() -> None:
    clock = Clock()
    async with running(clock) as provider, gate(code(provider), clock) as checker:
        browser = Visitor(checker)
        sent = await browser.get("/page?x=1&y=2")
        assert isinstance(sent, Respond)
        assert sent.login
        location = header(sent, "location")
        asked = query(location)
        assert location.startswith(provider.issuer + "/authorize?")
        assert asked["scope"] == "openid email"
        assert asked["redirect_uri"] == "https://app.example.com/callback"
        assert asked["code_challenge_method"] == "S256"
        back = await browser.follow(provider.log_in(location))
        assert isinstance(back, Respond)
        assert back.status == 302
        assert header(back, "location") == "https://app.example.com/page?x=1&y=2"
        assert not back.login
        assert not any("login" in name for name in browser.jar)
        passed = await browser.get("/page")
        assert isinstance(passed, Allowed)
        assert passed.user == "ada"
        assert "cookie" in passed.remove


@pytest.mark.parametrize("key", [b"", b"k" * 32])
async def test_tokens_of_any_length(key: bytes) -> None:
    """Larger than a cookie: it takes several; the backend sees none of them, and those of others."""
    clock = Clock()
    async with running(clock) as provider, gate(code(provider, Session(key=key)), clock) as checker:
        provider.claims = {"groups": ["g" * 100] * 80}
        browser = Visitor(checker)
        browser.jar["theirs"] = "1"
        await browser.log_in(provider)
        assert len(browser.jar) >= 4
        passed = await browser.get()
        assert isinstance(passed, Allowed)
        assert dict(passed.upstream)["cookie"] == "theirs=1"
        provider.claims = {}
        clock.now += 59
        assert isinstance(await browser.get(), Allowed)
        assert len(browser.jar) == 2
        provider.claims = {"groups": ["g" * 100] * 300}
        clock.now += 59
        answer = await Visitor(checker).log_in(provider)
        assert isinstance(answer, Respond)
        assert answer.status == 500


@pytest.mark.parametrize(
    ("names", "schemed"),
    [
        ({"access_token_header": "authorization"}, True),
        ({"access_token_header": "x-token"}, True),
        ({"id_token_header": "authorization"}, True),
        ({"id_token_header": "x-token"}, False),
    ],
)
async def test_which_tokens_are_bearers(names: dict[str, str], schemed: bool) -> None:
    """Gloo's word for it is about access tokens, whatever their header; Authorization has a scheme anyway."""
    clock = Clock()
    async with running(clock) as provider, gate(code(provider, bearer=True, **names), clock) as checker:
        browser = Visitor(checker)
        await browser.log_in(provider)
        passed = await browser.get()
        assert isinstance(passed, Allowed)
        assert dict(passed.upstream)[next(iter(names.values()))].startswith("Bearer ey" if schemed else "ey")


async def test_headers_and_metadata() -> None:
    clock = Clock()
    async with running(clock) as provider:
        check = code(
            provider,
            id_token_header="x-id",  # noqa: S106 - the name of a header
            access_token_header="Authorization",  # noqa: S106 - the name of a header
            bearer=True,
            id_claims=(ClaimHeader("groups", "X-Groups"), ClaimHeader("none", "x-none"), ClaimHeader("evil", "x-evil")),
            access_claims=(ClaimHeader("level", "x-level"), ClaimHeader("sub", "x-many", append=True)),
            metadata={"who": "sub", "deep": "a.b"},
        )
        provider.claims = {"a": {"b": 5}, "evil": "a\r\nx-admin: 1"}
        async with gate(check, clock) as checker:
            browser = Visitor(checker)
            await browser.log_in(provider)
            passed = await browser.get()
    assert isinstance(passed, Allowed)
    headers = dict(passed.upstream)
    assert headers["x-id"].count(".") == 2
    assert headers["authorization"].startswith("Bearer ey")
    assert headers["x-groups"] == '["a","b"]'
    assert headers["x-level"] == "7"
    assert passed.appended == (("x-many", "ada"),)
    assert {"x-none", "x-evil"} <= set(passed.remove)
    assert passed.metadata == {"who": "ada", "deep": 5}


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil"},
        {"aud": "other"},
        {"aud": ["gate", "other"]},
        {"aud": ["gate"], "azp": "other"},
        {"nonce": "other"},
        {"nonce": None},
        {"exp": 1_799_999_900},
        {"exp": None},
        {"exp": "tomorrow"},
        {"iat": 1_800_000_100},
        {"iat": None},
        {"nbf": 1_800_000_100},
        {"sub": ""},
        {"at_hash": "AAAA"},
    ],
)
async def test_id_tokens_that_are_refused(claims: dict[str, Any]) -> None:
    clock = Clock()
    async with running(clock) as provider, gate(code(provider), clock) as checker:
        provider.claims = claims
        browser = Visitor(checker)
        answer = await browser.log_in(provider)
        assert isinstance(answer, Respond)
        assert answer.status == 502
        assert not browser.jar
        assert isinstance(await browser.get(), Respond)


async def test_keys_turn() -> None:
    clock = Clock()
    async with running(clock) as provider, gate(code(provider), clock) as checker:
        assert (await Visitor(checker).log_in(provider)).status == 302
        provider.turn_key()
        checker._client._provider._keyrings[provider.issuer + "/keys"]._gap = 0
        assert (await Visitor(checker).log_in(provider)).status == 302
        assert provider.asked["keys"] == 2
        assert provider.asked["openid-configuration"] == 1


@pytest.mark.parametrize("change", ["cookie", "state", "other browser", "late", "twice"])
async def test_state_is_bound_to_the_browser(change: str) -> None:
    clock = Clock()
    async with running(clock) as provider, gate(code(provider), clock) as checker:
        browser = Visitor(checker)
        url = provider.log_in(header(await browser.get("/x"), "location"))
        if change == "cookie":
            browser.jars = {browser.host: {name: value[:-8] + "A" * 8 for name, value in browser.jar.items()}}
        elif change == "state":
            url = url.replace("state=", "state=A")
        elif change == "other browser":
            browser = Visitor(checker)
            await browser.get("/y")
        elif change == "late":
            clock.now += 1801
        else:
            jar = dict(browser.jar)
            await browser.follow(url)
            browser.jars = {browser.host: jar}
        answer = await browser.follow(url)
        assert isinstance(answer, Respond)
        assert answer.status == (502 if change == "twice" else 400)
        assert not any("session" in name and "login" not in name for name in browser.jar)


@pytest.mark.parametrize("state", ["own", "other browser", "forged", "late", "error"])
async def test_who_is_known_goes_on_whatever_a_callback_brings(state: str) -> None:
    """By the button "back", or from a login that was begun in another tab; the code is shown to nobody."""
    clock = Clock()
    async with running(clock) as provider, gate(code(provider), clock) as checker:
        browser, other = Visitor(checker), Visitor(checker)
        urls = [provider.log_in(header(await one.get("/x?a=1"), "location")) for one in (browser, other)]
        second = provider.log_in(header(await browser.get("/y"), "location"), error="temporarily_unavailable")
        await browser.follow(urls[0])
        jar = dict(browser.jar)
        clock.now += 1801 if state == "late" else 0
        url, aim = {
            "own": (urls[0], "/x?a=1"),
            "late": (urls[0], "/x?a=1"),
            "other browser": (urls[1], "/x?a=1"),
            "forged": (f"{urls[0].partition('?')[0]}?code=a&state=b", "/"),
            "error": (second, "/y"),
        }[state]
        answer = await browser.follow(url)
        assert (answer.status, header(answer, "location")) == (302, f"https://app.example.com{aim}")
        assert provider.asked["token"] == 1
        assert {name: value for name, value in jar.items() if "login" not in name}.items() <= browser.jar.items()
        assert (await Visitor(checker).follow(url)).status == 400


async def test_who_is_not_known_begins_again_where_they_wanted_to_go() -> None:
    clock = Clock()
    async with running(clock) as provider, gate(code(provider), clock) as checker:
        for path, aim in (("//evil.com", "//evil.com"), ("/a", "/a"), ("/" + "a" * 400, "/")):
            url = provider.log_in(header(await Visitor(checker).get(path), "location"))
            answer = await Visitor(checker).follow(url)
            assert isinstance(answer, Respond)
            assert f'href="https://app.example.com{aim}"' in answer.body


async def test_a_code_of_another_issuer() -> None:
    """RFC 9207: such a code is shown to nobody."""
    clock = Clock()
    async with running(clock) as provider, gate(code(provider), clock) as checker:
        for issuer, status in (("https://evil.com", 502), (provider.issuer, 302)):
            browser = Visitor(checker)
            url = provider.log_in(header(await browser.get("/x"), "location"))
            assert (await browser.follow(f"{url}&iss={issuer}")).status == status
        assert provider.asked["token"] == 1


@pytest.mark.parametrize(("says", "status"), [(True, 502), (False, 302), ("true", 302), (None, 302)])
async def test_who_always_says_who_they_are_does(says: object, status: int) -> None:
    """RFC 9207, 2.4: a code that nobody has signed is not of a provider that signs all."""
    clock = Clock()
    async with running(clock) as provider, gate(code(provider), clock) as checker:
        provider.discovered = {"authorization_response_iss_parameter_supported": says}
        browser = Visitor(checker)
        url = provider.log_in(header(await browser.get("/x"), "location"))
        assert (await browser.follow(url)).status == status
        assert provider.asked["token"] == (status == 302)
        url = provider.log_in(header(await browser.get("/x"), "location")) if status == 502 else ""
        assert not url or (await browser.follow(f"{url}&iss={provider.issuer}")).status == 302


async def test_who_loads_a_callback_again_while_it_is_answered_is_signed_in() -> None:
    """The code is good once: it is asked about once, and goes on being so when a browser waits no more."""
    clock = Clock()
    async with running(clock) as provider, gate(code(provider), clock) as checker:
        browser = Visitor(checker)
        url = provider.log_in(header(await browser.get("/x"), "location"))
        provider.slow = 0.3
        first = asyncio.create_task(browser.follow(url))
        async with asyncio.timeout(30):
            while not provider.asked["token"]:  # noqa: ASYNC110 - there is no event
                await asyncio.sleep(0.01)
        first.cancel()
        again = await asyncio.gather(*(browser.follow(url) for _ in range(3)))
        assert [header(one, "location") for one in again] == ["https://app.example.com/x"] * 3
        assert provider.asked["token"] == 1
        provider.slow = 0.0
        assert isinstance(await browser.get(), Allowed)
        assert not checker._logins


async def test_a_callback_with_more_than_any_provider_says() -> None:
    clock = Clock()
    async with running(clock) as provider, gate(code(provider), clock) as checker:
        url = provider.log_in(header(await (browser := Visitor(checker)).get("/x"), "location"))
        await browser.follow(url + "&a=b" * 12_000)
        assert provider.asked["token"] == 0


@pytest.mark.parametrize(
    "path", ["//evil.com/x", "/\\evil.com", "/x?u=//evil.com", "https://evil.com/", "/%0d%0aset-cookie:a"]
)
async def test_no_open_redirect(path: str) -> None:
    clock = Clock()
    async with running(clock) as provider, gate(code(provider), clock) as checker:
        answer = await Visitor(checker).log_in(provider, path)
        assert header(answer, "location").startswith("https://app.example.com/")


async def test_refusals_of_the_provider() -> None:
    clock = Clock()
    async with running(clock) as provider, gate(code(provider), clock) as checker:
        for error, status in (
            ("access_denied", 403),
            ("login_required", 401),
            ("temporarily_unavailable", 503),
            ("<script>", 401),
        ):
            browser = Visitor(checker)
            answer = await browser.follow(provider.log_in(header(await browser.get("/x"), "location"), error=error))
            assert isinstance(answer, Respond)
            assert answer.status == status
            assert "<script>" not in answer.body
            assert not browser.jar


async def test_what_cannot_log_in_is_told_so() -> None:
    clock = Clock()
    async with running(clock) as provider, gate(code(provider), clock) as checker:
        for headers in (
            {"sec_fetch_mode": "cors"},
            {"sec_fetch_mode": "no-cors"},
            {"sec_fetch_mode": "", "x_requested_with": "XMLHttpRequest"},
            {"sec_fetch_mode": "", "accept": "application/json"},
            {"sec_fetch_mode": "", "upgrade": "websocket"},
        ):
            answer = await Visitor(checker).get("/api", **headers)
            assert isinstance(answer, Denied), headers
            assert answer.status == 401
        assert not provider.asked
        assert isinstance(await Visitor(checker).get("/", sec_fetch_mode="", accept="*/*"), Respond)


async def test_forms_are_not_lost_silently() -> None:
    clock = Clock()
    async with running(clock) as provider, gate(code(provider), clock) as checker:
        browser = Visitor(checker)
        answer = await browser.get("/form", "POST", referer="https://app.example.com/page?a=1")
        assert isinstance(answer, Denied)
        assert answer.status == 401
        assert "has not been delivered" in answer.body
        link = answer.body.partition('href="')[2].partition('"')[0].replace("&amp;", "&")
        back = await browser.follow(provider.log_in(link))
        assert header(back, "location") == "https://app.example.com/page?a=1"


async def test_twenty_requests_renew_once() -> None:
    clock = Clock()
    async with running(clock) as provider, gate(code(provider), clock) as checker:
        browser = Visitor(checker)
        await browser.log_in(provider)
        old = dict(browser.jar)
        clock.now += 61
        provider.slow = 0.05
        visitors = [Visitor(checker) for _ in range(20)]
        for one in visitors:
            one.jars = {one.host: dict(old)}
        answers = await asyncio.gather(*(one.get() for one in visitors))
        assert all(isinstance(one, Allowed) for one in answers)
        assert provider.asked["token"] == 2
        assert all(one.jar != old for one in visitors)
        late = Visitor(checker)
        late.jars = {late.host: dict(old)}
        assert isinstance(await late.get(), Allowed)
        assert provider.asked["token"] == 2
        clock.now += 61
        assert isinstance(await visitors[7].get(), Allowed)


async def test_who_gives_up_does_not_end_a_renewal() -> None:
    """Envoy's timeout: the refresh token is used up, and what it was good for is not lost."""
    clock = Clock()
    async with running(clock) as provider, gate(code(provider), clock) as checker:
        browser = Visitor(checker)
        await browser.log_in(provider)
        clock.now += 61
        provider.slow = 0.2
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(browser.get(), 0.05)
        assert isinstance(await browser.get(), Allowed)
        assert provider.asked["token"] == 2


async def test_a_provider_that_is_away() -> None:
    clock = Clock()
    async with running(clock) as provider, gate(code(provider), clock) as checker:
        browser = Visitor(checker)
        await browser.log_in(provider)
        provider.away = True
        clock.now += 59
        assert isinstance(await browser.get(), Allowed)
        clock.now += 2
        answer = await browser.get()
        assert isinstance(answer, Respond)
        assert answer.status == 503
        provider.away = False

        await until(browser.get, lambda answer: isinstance(answer, Allowed))


async def test_a_provider_that_is_away_from_the_start() -> None:
    clock = Clock()
    async with running(clock) as provider, gate(code(provider), clock) as checker:
        provider.away = True
        answer = await Visitor(checker).get()
        assert isinstance(answer, Respond)
        assert answer.status == 503
        assert ("retry-after", "5") in answer.headers
        provider.away = False

        await until(lambda: Visitor(checker).get(), lambda answer: isinstance(answer, Respond) and answer.status == 302)


GARBAGE = (b" ", b"<html>", b"[]", b"{}", b'{"access_token": 5}', b'{"access_token": "a"}', b"[" * 100_000, b"\xff")


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
async def test_f18_a_provider_that_talks_nonsense(garbage: bytes) -> None:
    """In its discovery document, with tokens, and with keys: nobody comes in, and later all is as before."""
    clock = Clock()
    async with running(clock) as provider, gate(code(provider), clock) as checker:
        provider.garbage = garbage
        answer = await Visitor(checker).get()
        assert isinstance(answer, Respond)
        assert answer.status == 503
        provider.garbage = b""
        await until(Visitor(checker).get, lambda answer: isinstance(answer, Respond) and answer.status == 302)
        browser = Visitor(checker)
        url = provider.log_in(header(await browser.get(), "location"))
        provider.garbage = garbage
        answer = await browser.follow(url)
        assert isinstance(answer, Respond)
        assert answer.status in (502, 503)
        assert not any("login" not in name for name in browser.jar)
        provider.garbage = b""
        assert (await Visitor(checker).log_in(provider)).status == 302


async def test_a_session_that_the_provider_ends() -> None:
    clock = Clock()
    async with running(clock) as provider, gate(code(provider), clock) as checker:
        browser = Visitor(checker)
        await browser.log_in(provider)
        provider._refreshable.clear()
        clock.now += 61
        answer = await browser.get("/there")
        assert isinstance(answer, Respond)
        assert answer.status == 302
        assert answer.login


async def test_without_refreshing() -> None:
    clock = Clock()
    async with running(clock) as provider, gate(code(provider, Session(refresh=False)), clock) as checker:
        browser = Visitor(checker)
        await browser.log_in(provider)
        clock.now += 59.5
        assert isinstance(await browser.get(), Allowed)
        clock.now += 1
        assert isinstance(await browser.get(), Respond)
        assert provider.asked["token"] == 1


@pytest.mark.parametrize("by_post", [False, True])
async def test_logout(by_post: bool) -> None:
    clock = Clock()
    async with running(clock) as provider:
        async with gate(code(provider, end_session_by_post=by_post), clock) as checker:
            browser = Visitor(checker)
            await browser.log_in(provider)
            answer = await browser.get("/logout")
            assert isinstance(answer, Respond)
            assert [name.endswith("_left") for name in browser.jar] == [True]
            if by_post:
                assert answer.status == 200
                assert f'action="{provider.issuer}/logout"' in answer.body
                assert 'name="id_token_hint" value="ey' in answer.body
            else:
                location = header(answer, "location")
                assert location.startswith(provider.issuer + "/logout?")
                assert query(location)["post_logout_redirect_uri"] == "https://example.com/bye"
                assert query(location)["id_token_hint"].count(".") == 2
            assert isinstance(await browser.get(), Respond)
            again = await browser.get("/logout")
            assert header(again, "location") == "https://example.com/bye"
        assert len(provider.revoked) == 1


async def test_an_answer_that_was_under_way_does_not_sign_in_again() -> None:
    """It brings the cookies of a session that was renewed while somebody signed out."""
    clock = Clock()
    async with running(clock) as provider, gate(code(provider), clock) as checker:
        browser = Visitor(checker)
        await browser.log_in(provider)
        clock.now += 61
        assert isinstance(await browser.get(), Allowed)
        renewed = dict(browser.jar)
        await browser.get("/logout")
        browser.jar.update(renewed)
        answer = await browser.get()
        assert isinstance(answer, Respond)
        assert answer.status == 302
        clock.now += 1
        await browser.log_in(provider)
        passed = await browser.get()
        assert isinstance(passed, Allowed)
        assert "cookie" in passed.remove


async def test_hosts_that_share_cookies() -> None:
    clock = Clock()
    session = Session(cookie=Cookie(domain="example.com"))
    async with running(clock) as provider, gate(code(provider, session), clock) as checker:
        browser = Visitor(checker)
        browser.jars = {"app.example.com": {}, "b.example.com": {}}
        browser.host = "b.example.com"
        back = await browser.log_in(provider, "/there")
        assert browser.host == "app.example.com"
        assert header(back, "location") == "https://b.example.com/there"
        assert isinstance(await browser.get(), Allowed)
        browser.host = "b.example.com"
        assert isinstance(await browser.get(), Allowed)


async def test_hosts_of_a_domain() -> None:
    """The provider knows one address; the host of that passes the browser on to where it began."""
    clock = Clock()
    async with running(clock) as provider, gate(code(provider, Session(target_domain="example.com")), clock) as checker:
        browser = Visitor(checker, "b.example.com:8443")
        passed_on = await browser.log_in(provider, "/there")
        assert browser.host == "app.example.com"
        back = await browser.follow(header(passed_on, "location"))
        assert header(back, "location") == "https://b.example.com:8443/there"
        assert isinstance(await browser.get(), Allowed)
        assert not browser.jars["app.example.com"]


async def test_hosts_without_a_domain_come_back_to_themselves() -> None:
    """Whether such an address is one of the client's is for the provider to say."""
    clock = Clock()
    async with running(clock) as provider, gate(code(provider), clock) as checker:
        browser = Visitor(checker, "evil.com")
        location = header(await browser.get("/"), "location")
        assert query(location)["redirect_uri"] == "https://evil.com/callback"


async def test_a_strict_session_is_asked_for_by_this_site() -> None:
    clock = Clock()
    session = Session(cookie=Cookie(same_site="Strict"))
    async with running(clock) as provider, gate(code(provider, session), clock) as checker:
        browser = Visitor(checker)
        began = await browser.get("/x")
        assert "SameSite=Lax" in header(began, "set-cookie")
        answer = await browser.follow(provider.log_in(header(began, "location")))
        assert isinstance(answer, Respond)
        assert answer.status == 200
        assert 'url=https://app.example.com/x"' in answer.body


async def test_callbacks_by_regex() -> None:
    clock = Clock()
    async with (
        running(clock) as provider,
        gate(code(provider, callback="^/cb/.*", callback_regex=True), clock) as checker,
    ):
        browser = Visitor(checker)
        url = provider.log_in(header(await browser.get("/x"), "location"))
        assert url.startswith("https://app.example.com/cb/?")
        assert (await browser.follow(url)).status == 302


async def test_plain_oauth() -> None:
    clock = Clock()
    async with running(clock) as provider:
        settings = Settings(
            auth_endpoint=f"{provider.issuer}/authorize?kind=1", token_endpoint=f"{provider.issuer}/token"
        )
        check = PlainOAuth(settings, code(provider, scopes=("email",)).app)
        async with gate(check, clock) as checker:
            browser = Visitor(checker)
            sent = header(await browser.get("/x"), "location")
            assert sent.startswith(f"{provider.issuer}/authorize?kind=1&")
            assert query(sent)["scope"] == "email"
            assert "nonce" not in query(sent)
            assert (await browser.follow(provider.log_in(sent))).status == 302
            assert isinstance(await browser.get(), Allowed)
            clock.now += 61
            assert isinstance(await browser.get(), Allowed)
            assert set(provider.asked) == {"token"}


async def test_many_logins_at_once_leave_few_cookies() -> None:
    clock = Clock()
    async with running(clock) as provider, gate(code(provider), clock) as checker:
        browser = Visitor(checker)
        urls = [provider.log_in(header(await browser.get(f"/{number}"), "location")) for number in range(12)]
        assert len(browser.jar) == 5
        back = await browser.follow(urls[-1])
        assert header(back, "location") == "https://app.example.com/11"


async def test_sessions_in_memory() -> None:
    """A Redis that nobody has: this server's memory, under an id."""
    clock = Clock()
    session = Session(redis=Redis(), header="x-session")
    async with running(clock) as provider, gate(code(provider, session), clock) as checker:
        browser = Visitor(checker)
        await browser.log_in(provider)
        (value,) = browser.jar.values()
        assert len(value) < 60
        assert provider.headers["x-session"] in value
        passed = await browser.get()
        assert isinstance(passed, Allowed)
        assert "x-session" not in dict(passed.upstream), "who has it is that user"
        stolen = dict(browser.jar)
        await browser.get("/logout")
        browser.jars = {browser.host: stolen}
        assert isinstance(await browser.get(), Respond)
