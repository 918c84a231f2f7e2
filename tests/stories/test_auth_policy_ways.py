"""Ways of AuthPolicies through real proxies: keys in queries, keys that a server has, a server of gRPC, browsers."""

import time
from collections.abc import AsyncIterator
from hashlib import sha256
from urllib.parse import urlsplit

import pytest

from daemun.extauth.checker import Tools
from daemun.ir.auth.checks import ApiKey, ApiKeyAuth
from support.envoys.extauths import Door
from support.objects.auth import api_key, auth_policy, secret
from support.objects.documents import Doc, gateway, listener, reference, route, rule, service
from support.scenes.world import World
from support.servers.sites import serve
from support.standins.provider import CLIENT, SECRET, Provider

HOST = "hit.test"
ROUTE = {"kind": "HTTPRoute", "name": "r"}


@pytest.fixture
async def scene(world: World) -> World:
    await world.echo("a")
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    world.write("route.yaml", route("r", rule(to="a"), hosts=[HOST]))
    return world


@pytest.fixture
async def issuer() -> AsyncIterator[Provider]:
    one = Provider(time.time)
    async with serve(one.answer) as site:
        one.issuer = f"http://127.0.0.1:{site.port}"
        yield one


async def test_a_key_in_a_query(scene: World) -> None:
    def policy(**places: str) -> Doc:
        return auth_policy("keys", ROUTE, apiKey={"secretRefs": [{"name": "key"}], **places})

    scene.write("key.yaml", api_key("key", "N2YwMDIx"))
    scene.write("policy.yaml", policy(queryParam="api_key"))
    await scene.start()
    assert (await scene.ask("/?a=b&api_key=N2YwMDIx", host=HOST)).backend == "a"
    for path, headers in (("/", {}), ("/?api_key=other", {}), ("/", {"api-key": "N2YwMDIx"})):
        assert (await scene.ask(path, host=HOST, headers=headers)).status == 401, path
    scene.write("policy.yaml", policy(queryParam="api_key", header="x-key"))
    await scene.answers(200, host=HOST, headers={"x-key": "N2YwMDIx"})
    assert (await scene.ask("/?api_key=N2YwMDIx", host=HOST)).status == 200
    assert (await scene.ask("/", host=HOST)).status == 401


async def test_keys_of_tokens_that_a_service_has(scene: World, issuer: Provider) -> None:
    port = urlsplit(issuer.issuer).port or 0
    scene.write("keys.yaml", service("keys", port))
    remote = {"url": "http://keys.test/keys", "backendRef": reference("keys", port=80)}
    provider = {"name": "p", "issuer": issuer.issuer, "jwks": {"remote": remote}}
    scene.write("policy.yaml", auth_policy("tokens", ROUTE, jwt={"providers": [provider]}))
    await scene.start()
    good = {"authorization": f"Bearer {issuer.access_token()}"}
    await scene.answers(200, host=HOST, headers=good)
    stranger = Provider(time.time)
    stranger.issuer = issuer.issuer
    for said in ({}, {"authorization": f"Bearer {stranger.access_token()}"}):
        assert (await scene.ask(host=HOST, headers=said)).status == 401


async def test_a_server_of_grpc(scene: World) -> None:
    door = Door(Tools())
    door.guard(HOST, ApiKeyAuth((ApiKey(sha256(b"gold").hexdigest(), "ann"),)))
    scene.write("server.yaml", service("server", await door.start(), app_protocol="kubernetes.io/h2c"))
    asked = {"protocol": "GRPC", "backendRef": reference("server", port=80)}
    scene.write("policy.yaml", auth_policy("ext", ROUTE, ext=asked))
    await scene.start()
    await scene.answers(200, host=HOST, headers={"api-key": "gold"})
    assert (await scene.ask(host=HOST, headers={"api-key": "tin"})).status == 401
    await door.stop()
    assert (await scene.ask(host=HOST, headers={"api-key": "gold"})).status == 403


async def test_a_browser_logs_in_with_the_cookies_that_are_asked_for(scene: World, issuer: Provider) -> None:
    login = {
        "issuerUrl": issuer.issuer,
        "clientId": CLIENT,
        "clientSecretRef": {"name": "client"},
        "appUrl": f"http://{HOST}",
        "callbackPath": "/callback",
        "session": {"insecure": True, "sameSite": "Strict", "maxAge": "1h", "refresh": True},
    }
    scene.write("secret.yaml", secret("client", "oauth", None, **{"client-secret": SECRET}))
    scene.write("policy.yaml", auth_policy("login", ROUTE, oidc=login))
    await scene.start(allowed=("127.0.0.0/8",))
    page = {"accept": "text/html", "sec-fetch-mode": "navigate"}
    sent = await scene.answers(302, "/page", host=HOST, headers=page)
    back = urlsplit(issuer.log_in(sent.headers["location"]))
    visit = "; ".join(_cookies(sent.lines))
    landed = await scene.ask(f"{back.path}?{back.query}", host=HOST, headers={**page, "cookie": visit})
    # A cookie that is strict is not sent on the way back from another site: so a page leads on.
    assert (landed.status, f"url=http://{HOST}/page".encode() in landed.body) == (200, True)
    kept = [value for name, value in landed.lines if name == "set-cookie" and "max-age=3600" in value.lower()]
    assert kept
    assert all("samesite=strict" in one.lower() and "secure" not in one.lower() for one in kept)
    cookie = "; ".join(_cookies(landed.lines))
    assert (await scene.ask("/page", host=HOST, headers={**page, "cookie": cookie})).backend == "a"
    assert (await scene.ask("/page", host=HOST, headers={"accept": "application/json"})).status == 401


def _cookies(lines: list[tuple[str, str]]) -> list[str]:
    """What a browser keeps of an answer."""
    said = [value.partition(";")[0] for name, value in lines if name == "set-cookie"]
    return [one for one in said if not one.endswith("=")]
