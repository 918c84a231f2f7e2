"""A28: nobody gives a browser a session of their own: neither whoever has another host of the domain (cookie tossing,
session fixation) nor whoever speaks for this one without TLS. Tried with a real browser.
"""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from daemun.extauth.oauth.cookies import Jar, TooLongError, parsed, prefixed
from daemun.extauth.oauth.sessions import Session, SharedStore
from daemun.extauth.oauth.shared import InRedis
from daemun.ir.auth.oauth import Cookie, Redis
from daemun.ir.auth.oauth import Session as Settings
from support.objects import documents
from support.objects.auth import auth_policy, secret
from support.objects.certificates import authority
from support.objects.documents import gateway, listener, route, rule
from support.scenes.world import World
from support.servers.chromium import Chromium, chromium
from support.servers.redises import redis
from support.servers.sites import serve
from support.standins.provider import CLIENT, SECRET, Provider

SHOP, EVIL = "shop.acme.localhost", "evil.acme.localhost"


@pytest.fixture
async def issuer() -> AsyncIterator[Provider]:
    """A provider that knows everybody at once."""
    one = Provider(time.time)

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/authorize"):
            raise web.HTTPFound(one.log_in(str(request.url)))
        return await one.answer(request)

    async with serve(answer) as site:
        one.issuer = f"http://127.0.0.1:{site.port}"
        yield one


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Chromium]:
    async with chromium(tmp_path) as one:
        await one.call("Security.setIgnoreCertificateErrors", ignore=True)
        yield one


async def test_a28_a_host_beside_gives_no_browser_a_session(world: World, issuer: Provider, browser: Chromium) -> None:
    shop, evil = (f"https://{host}:{world.port}" for host in (SHOP, EVIL))
    login = {
        "issuerUrl": issuer.issuer,
        "clientId": CLIENT,
        "clientSecretRef": {"name": "client"},
        "appUrl": shop,
        "callbackPath": "/callback",
    }
    await world.echo("a")
    world.write("gateway.yaml", gateway("gw", listener(world.port, certs=["cert"])))
    world.write("secrets.yaml", documents.secret("cert", *authority().issue(SHOP, EVIL)))
    world.write("client.yaml", secret("client", "oauth", None, **{"client-secret": SECRET}))
    world.write("routes.yaml", route("shop", rule(to="a"), hosts=[SHOP]), route("evil", rule(to="a"), hosts=[EVIL]))
    world.write("policy.yaml", auth_policy("login", {"kind": "HTTPRoute", "name": "shop"}, oidc=login))
    await world.start(allowed=("127.0.0.0/8",))
    page = {"accept": "text/html", "sec-fetch-mode": "navigate"}
    await world.answers(302, host=SHOP, headers=page, tls=authority().client(), sni=SHOP)

    async def went() -> int:
        """Go to the shop; how often a login was made for it."""
        before = issuer.asked["token"]
        await browser.go(f"{shop}/page")
        await browser.until(f"location.href == '{shop}/page'")
        return issuer.asked["token"] - before

    assert await went() == 1
    theirs = await browser.cookies()
    assert len(theirs) == 1
    assert await went() == 0
    await browser.forget()
    await browser.go(f"{evil}/")
    for name, value in {**theirs, "control": "1"}.items():
        for path in ("/", "/page"):
            await browser.js(f"document.cookie = '{name}={value}; Domain=acme.localhost; Path={path}; Secure'")
    assert await went() == 1, "it has the session that another host has given it"
    sent = next(value for name, value in world.backends["a"].requests[-1]["headers"] if name == "cookie")
    assert sent == "control=1; control=1", "what is not guarded so is taken from there"


@pytest.mark.parametrize(
    ("cookie", "tls", "expected"),
    [
        (Cookie(), True, "__Host-s"),
        (Cookie(path=""), True, "__Host-s"),
        (Cookie(same_site="None", secure=False), True, "__Host-s"),
        (Cookie(domain="acme.test"), True, "__Secure-s"),
        (Cookie(path="/app"), True, "__Secure-s"),
        (Cookie(secure=False), True, "s"),
        (Cookie(), False, "s"),
    ],
)
def test_a28_a_name_says_from_whom_browsers_take_it(cookie: Cookie, tls: bool, expected: str) -> None:
    """What browsers would not keep by such a name has another."""
    assert prefixed("s", cookie, tls=tls) == expected


def test_a28_a_part_of_a_session_is_none() -> None:
    """A cookie is lost, comes from an older session, or says that there are others."""
    jar = Jar("s", Cookie())
    value = "x" * 10_000
    cookies = parsed("; ".join(one.partition(";")[0] for one in jar.write(value)))
    assert jar.read(cookies) == value
    for name in cookies:
        assert jar.read({key: one for key, one in cookies.items() if key != name}) == ""
    for count in ("0", "4", "13", "9" * 5000, "-1", "\u0663", "1e0", "", " 3"):
        assert jar.read({**cookies, "s": f"{count}.x"}) == "", count
    with pytest.raises(TooLongError):
        list(jar.write("x" * 100_000))


async def test_a28_who_signs_out_is_not_signed_in_again_by_what_is_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another tab has its session renewed, and it is ended in the moment in which the new one is kept."""
    async with redis(tmp_path) as server:
        shared = InRedis.at(Redis(server.address))
        store = SharedStore(Jar("s", Cookie()), shared, "p:", b"", Settings())
        session = Session("access", "", "refresh", time.time() + 60, time.time())
        cookies = parsed((await store.save(session, {}))[0].partition(";")[0])
        kept = await store.load(cookies)
        assert kept is not None
        await store.update(kept, session)
        assert await store.load(cookies) == kept
        client, keep = shared._client, shared._client.set

        async def late(name: str, *values: Any, **options: Any) -> Any:
            await client.delete(name)
            return await keep(name, *values, **options)

        monkeypatch.setattr(client, "set", late)
        await store.update(kept, session)
        assert await store.load(cookies) is None
        await shared.close()
