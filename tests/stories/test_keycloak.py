"""Logins at a real Keycloak with a real browser through a real Envoy, and tokens that Keycloak gave."""

import json
import signal
from collections.abc import AsyncIterator

import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from test_auth_docs import page, serve

from daemun.extauth.checker import Tools
from daemun.fetch import Guard
from daemun.ir.auth.oauth import (
    App,
    AuthorizationCode,
    ClaimHeader,
    ClientAuth,
    Cookie,
    Introspection,
    PlainOAuth,
    Provider,
    Redis,
    Session,
    SignedToken,
)
from support.envoys.extauths import Door
from support.objects.documents import gateway, listener, prefix, reference, route, rule, service, use
from support.scenes.world import World
from support.servers.chromium import Chromium, chromium
from support.servers.keycloak import Keycloak, keycloak

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

KEY = ec.generate_private_key(ec.SECP256R1())
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
JWKS = json.dumps({"keys": [json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key())) | {"use": "sig"}]})
CLIENT = ClientAuth("gate-secret")


class Stage:
    """All of it: `provider` is Keycloak, `world` Envoy, `door` the authorization server."""

    def __init__(self, provider: Keycloak, browser: Chromium, world: World, door: Door) -> None:
        self.provider = provider
        self.browser = browser
        self.world = world
        self.door = door

    def url(self, host: str, path: str = "/") -> str:
        return f"http://{host}.localhost:{self.world.port}{path}"

    def guard(
        self, host: str, session: Session, client_id: str = "gate", client: ClientAuth = CLIENT, plain: bool = False
    ) -> None:
        """Who asks for a host logs in at Keycloak."""
        app = App(
            client_id,
            self.url(host).rstrip("/"),
            "/callback",
            client,
            logout="/logout",
            after_logout=self.url("open", "/bye"),
            scopes=("email", "profile"),
            session=session,
        )
        if plain:
            base = f"{self.provider.issuer}/protocol/openid-connect"
            given = Provider(auth_endpoint=f"{base}/auth", token_endpoint=f"{base}/token")
            self.door.guard(f"{host}.localhost", PlainOAuth(given, app))
            return
        check = AuthorizationCode(
            Provider(self.provider.issuer),
            app,
            access_token_header="x-access",  # noqa: S106 - the name of a header
            id_claims=(ClaimHeader("email", "x-email"),),
        )
        self.door.guard(f"{host}.localhost", check)

    async def log_in(self, host: str, path: str = "/page?a=1") -> dict[str, str]:
        """Go to a page, log in at the form, and be back: what the backend was told."""
        await self.sign_in(self.url(host, path), self.provider.password)
        await self.browser.until(f"location.href == '{self.url(host, path)}'")
        return await self.told()

    async def sign_in(self, url: str, password: str) -> None:
        """Go to a page, and send the form that comes instead."""
        await self.browser.go(url)
        await self.browser.until("document.querySelector('#username') != null")
        assert (await self.browser.js("location.href")).startswith(self.provider.issuer)
        await self.browser.js(self.form(password))

    def form(self, password: str) -> str:
        """What sends the form, once."""
        return (
            f"window.sent || !document.querySelector('#username') || (window.sent = 1,"
            f"document.querySelector('#username').value = '{self.provider.user}',"
            f"document.querySelector('#password').value = '{password}',"
            f"setTimeout(() => document.querySelector('#kc-form-login, form').submit()))"
        )

    async def told(self) -> dict[str, str]:
        """The headers of the request that the page shows."""
        return dict(json.loads(await self.browser.js("document.querySelector('pre').innerText"))["headers"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(shared: World, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("keycloak")
    door = Door(Tools(guard=Guard.of("127.0.0.0/8")))
    async with keycloak(folder, JWKS) as provider, chromium(folder) as browser:
        await shared.echo("a")
        shared.write("door.yaml", service("door", await door.start()))
        shared.closing(door.stop)
        shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
        ask = use("ExternalAuth", protocol="GRPC", backendRef=reference("door", port=80), grpc={})
        shared.write("open.yaml", route("open", rule(prefix("/"), to="a"), hosts=["open.localhost"]))
        shared.write("guarded.yaml", route("guarded", rule(prefix("/"), to="a", filters=[ask]), hosts=["*.localhost"]))
        await shared.start()
        await shared.answers(200, "/", host="open.localhost")
        yield Stage(provider, browser, shared, door)


@pytest_asyncio.fixture(loop_scope="module")
async def fresh(stage: Stage) -> Stage:
    """The stage with a browser that knows nobody."""
    await stage.browser.forget()
    return stage


OPEN = Cookie(secure=False)
ALWAYS = 1e6
"""Seconds before their end at which tokens are renewed, so that every request renews them."""
SESSIONS = {"cookies": Session(cookie=OPEN, before_expiry=ALWAYS), "ids": Session(redis=Redis(), before_expiry=ALWAYS)}


@pytest.mark.parametrize("kind", SESSIONS)
async def test_login_renewal_logout(fresh: Stage, kind: str) -> None:
    """Keycloak takes every refresh token once, and whoever brings it twice is logged out: twenty requests at the end of
    the tokens all pass.
    """
    fresh.guard(kind, SESSIONS[kind])
    told = await fresh.log_in(kind)
    assert told["x-email"] == "ada@example.com"
    assert "cookie" not in told
    cookies = await fresh.browser.cookies()
    assert sum(map(len, cookies.values())) > 4096 if kind == "cookies" else len(cookies) == 1, cookies.keys()

    for _ in range(2):
        seen = await fresh.browser.js(
            "Promise.all(Array.from({length: 20}, (_, n) => fetch('/part/' + n).then(r => r.json())))"
        )
        tokens = {dict(one["headers"])["x-access"] for one in seen}
        assert len(seen) == 20
        assert told["x-access"] not in tokens
        told = {"x-access": tokens.pop()}
    await fresh.browser.go(fresh.url(kind, "/again"))
    assert (await fresh.told())["x-email"] == "ada@example.com"

    await fresh.browser.go(fresh.url(kind, "/logout"))
    await fresh.browser.until(f"location.href == '{fresh.url('open', '/bye')}'")
    await fresh.browser.go(fresh.url(kind, "/page"))
    await fresh.browser.until("document.querySelector('#username') != null")


async def test_a_wrong_password_logs_nobody_in(fresh: Stage) -> None:
    fresh.guard("wrong", Session(cookie=OPEN))
    await fresh.sign_in(fresh.url("wrong"), "nonsense")
    await fresh.browser.until("document.body.innerText.includes('Invalid username or password')")


CLIENTS = {"public": ClientAuth(), "signing": ClientAuth(signing_key=PEM)}


@pytest.mark.parametrize("client_id", CLIENTS)
async def test_clients_without_a_secret(fresh: Stage, client_id: str) -> None:
    fresh.guard(client_id, Session(cookie=OPEN), client_id, CLIENTS[client_id])
    assert (await fresh.log_in(client_id))["x-email"] == "ada@example.com"


async def test_plain_oauth(fresh: Stage) -> None:
    fresh.guard("plain", Session(cookie=OPEN), plain=True)
    await fresh.log_in("plain")


@pytest.mark.parametrize("kind", ["cookies", "ids"])
async def test_several_tabs_and_the_button_back(fresh: Stage, kind: str) -> None:
    """Two tabs begin to log in, and both end where they wanted to go (the provider may see by itself that its user is
    known meanwhile); so they do when somebody goes back from there: the provider leads to the callback of a login that
    is over. After the logout nobody is known.
    """
    host = f"tabs-{kind}"
    fresh.guard(host, Session(cookie=OPEN) if kind == "cookies" else Session(redis=Redis(), cookie=OPEN))
    tabs = {"/one": fresh.browser, "/two": await fresh.browser.tab()}
    for path, tab in tabs.items():
        await tab.go(fresh.url(host, path))
        await tab.until("document.querySelector('#username') != null")
    for path, tab in reversed(tabs.items()):
        await tab.until(f"location.href == '{fresh.url(host, path)}' || ({fresh.form(fresh.provider.password)}, false)")
    for path, tab in tabs.items():
        await tab.js("window.stays = 1")
        await tab.js("setTimeout(() => history.back())")
        await tab.until(f"window.stays != 1 && location.href == '{fresh.url(host, path)}'")
    assert not any("login" in name for name in await fresh.browser.cookies())

    await fresh.browser.go(fresh.url(host, "/logout"))
    await fresh.browser.until(f"location.href == '{fresh.url('open', '/bye')}'")
    asked = len(fresh.world.backends["a"].paths())
    await fresh.browser.js("setTimeout(() => history.back())")  # what the browser has kept is nobody's to take away
    await fresh.browser.until(f"location.href == '{fresh.url(host, '/one')}'")
    await fresh.browser.js("setTimeout(() => location.reload())")
    await fresh.browser.until("document.querySelector('#username') != null")
    assert len(fresh.world.backends["a"].paths()) == asked


async def test_several_hosts_and_one_login(fresh: Stage) -> None:
    """Who is known to the provider has a session at the next host without a form."""
    for host in ("one", "two"):
        fresh.guard(host, Session(cookie=OPEN))
    await fresh.log_in("one")
    await fresh.browser.go(fresh.url("two", "/x"))
    await fresh.browser.until(f"location.href == '{fresh.url('two', '/x')}'")
    assert (await fresh.told())["x-email"] == "ada@example.com"


async def test_scripts_and_forms_without_a_session(fresh: Stage) -> None:
    fresh.guard("script", Session(cookie=OPEN))
    await fresh.log_in("script", "/form")
    await fresh.browser.call("Network.clearBrowserCookies")
    assert await fresh.browser.js("fetch('/api').then(r => r.status)") == 401
    await fresh.browser.js(
        "document.body.innerHTML = '<form method=post action=/save><input name=a value=1></form>';"
        "document.forms[0].submit()"
    )
    await fresh.browser.until("document.body.innerText.includes('has not been delivered')")
    assert not any("/save" in path for path in fresh.world.backends["a"].paths())


async def test_a_provider_that_hangs(fresh: Stage) -> None:
    """Who is in stays in while the tokens are good; who is not gets a page that says so; then all is as before."""
    fresh.guard("hang", Session(cookie=OPEN, before_expiry=0))
    await fresh.log_in("hang")
    fresh.provider.signal(signal.SIGSTOP)
    try:
        await fresh.browser.go(fresh.url("hang", "/still"))
        assert (await fresh.told())["x-email"] == "ada@example.com"
        fresh.guard("new", Session(cookie=OPEN))
        answer = await fresh.world.ask("/", host="new.localhost", headers={"accept": "text/html"})
        assert answer.status in (403, 503), "Envoy may be tired of waiting before Keycloak is"
    finally:
        fresh.provider.signal(signal.SIGCONT)
    await fresh.world.answers(302, "/", host="new.localhost", headers={"accept": "text/html"})


async def test_tokens_that_keycloak_gave(fresh: Stage) -> None:
    """By introspection, and by the realm's keys."""
    issuer = fresh.provider.issuer
    base = f"{issuer}/protocol/openid-connect"
    told = Introspection(f"{base}/token/introspect", "gate", "gate-secret", "username", scopes=("email",))
    fresh.door.guard("told.localhost", told)
    fresh.door.guard("signed.localhost", SignedToken(f"{base}/certs", issuer=issuer, userinfo_url=f"{base}/userinfo"))
    form = {"grant_type": "password", "username": "ada", "password": "engine", "scope": "openid email"}
    given = await fresh.provider.tokens(**form)
    token = given["access_token"]
    for host in ("told.localhost", "signed.localhost"):
        for bearer, status in ((token, 200), (token[:-8] + "AAAAAAAA", 401), ("x", 401), (given["refresh_token"], 401)):
            answer = await fresh.world.ask("/", host=host, headers={"authorization": f"Bearer {bearer}"})
            assert answer.status == status, (host, bearer[:9])
        assert (await fresh.world.ask("/", host=host)).status == 401


@pytest_asyncio.fixture(loop_scope="module")
async def served(fresh: Stage) -> AsyncIterator[World]:
    """Another Envoy, for a page of the docs."""
    world = World()
    yield world
    await world.stop()


@pytest.mark.parametrize("name", ["oidc", "oauth2"])
async def test_pages_for_browsers(fresh: Stage, served: World, name: str) -> None:
    """As they stand, but for ports: `daemun up` serves the AuthConfig, its server does the rest."""
    here = f"localhost:{served.port}"
    await serve(served, page(name, served.port, _8180=fresh.provider.port).replace("localhost:8080", here))
    await served.answers(302, "/there", headers={"accept": "text/html"})
    await fresh.sign_in(f"http://{here}/there", fresh.provider.password)
    await fresh.browser.until(f"location.href == 'http://{here}/there'")
    assert await fresh.browser.js("document.body.innerText") == "hello\n"
    await fresh.browser.go(f"http://{here}/logout")
    ended = "document.querySelector('#username') != null"
    await fresh.browser.until(ended if name == "oidc" else f"location.href == 'http://{here}/'")


async def test_the_page_of_access_tokens(fresh: Stage, served: World) -> None:
    await serve(served, page("access-tokens", served.port, _8180=fresh.provider.port))
    form = {"grant_type": "password", "username": "ada", "password": "engine", "scope": "openid email"}
    token = (await fresh.provider.tokens(**form))["access_token"]
    for path in ("/asked", "/signed"):
        await served.answers(200, path, headers={"authorization": f"Bearer {token}"})
        assert (await served.ask(path, headers={"authorization": "Bearer x"})).status == 401
        assert (await served.ask(path)).status == 401
