"""Services of Google Cloud behind routes, through real Envoys. The service and the metadata server are stand-ins on
loopback, for nobody here has the real ones."""

import base64
import json
import time
from collections.abc import AsyncIterator

import pytest_asyncio
from aiohttp import web

from support.objects.certificates import authority
from support.objects.documents import Doc, gateway, listener, prefix, route, rule, to_upstream, upstream
from support.scenes.world import World
from support.servers.sites import WebServer

HOST = "localhost"


def token(audience: str, seconds: float) -> str:
    """A token that nobody has signed; a proxy reads of it only when it ends."""
    claims = {"aud": audience, "exp": int(time.time() + seconds), "iss": "https://accounts.example"}
    parts = ({"alg": "RS256", "typ": "JWT"}, claims)
    text = [base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts]
    return ".".join([*text, "c2lnbmVk"])


class Metadata(WebServer):
    """What Google's metadata server says of a machine's identity."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.given: dict[str, str] = {}

    def application(self) -> web.Application:
        """What answers."""
        app = web.Application()
        app.router.add_get("/computeMetadata/v1/instance/service-accounts/default/identity", self._identity)
        return app

    async def _identity(self, request: web.Request) -> web.Response:
        if request.headers.get("metadata-flavor") != "Google":
            return web.Response(status=403)
        audience = request.query["audience"]
        self.asked.append(audience)
        self.given[audience] = token(audience, 3600)
        return web.Response(text=self.given[audience], headers={"metadata-flavor": "Google"})


class Cloud(World):
    """A world with a service of Google Cloud's in it, at `run.port`."""

    metadata: Metadata

    def service(self, name: str, **spec: str) -> Doc:
        """An Upstream of the service."""
        tls = {"secretRef": {"name": "ca"}, "sni": HOST, "verifySubjectAltName": [HOST]}
        return upstream(name, gcp={"host": f"{HOST}:{self.backends['run'].port}", **spec}, sslConfig=tls)


@pytest_asyncio.fixture
async def world() -> AsyncIterator[Cloud]:
    one = Cloud()
    try:
        one.metadata = Metadata()
        await one.metadata.start()
        one.closing(one.metadata.stop)
        await one.echo("run", tls=authority().server(HOST))
        await one.echo("plain")
        ca = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ca", "namespace": "default"}}
        one.write("ca.yaml", ca | {"stringData": {"ca.crt": authority().pem}})
        one.write("gateway.yaml", gateway("gw", listener(one.port)))
        yield one
    finally:
        await one.stop()


async def serve(world: Cloud) -> None:
    await world.start(gcp_metadata=f"127.0.0.1:{world.metadata.port}", allowed=("127.0.0.0/8", "::1/128"))


async def test_a_service_is_shown_a_token_for_itself_and_nobody_else_is(world: Cloud) -> None:
    world.write("upstream.yaml", world.service("run"))
    routes = [rule(prefix("/run"), to=[to_upstream("run")]), rule(prefix("/"), to=["plain"])]
    world.write("routes.yaml", route("r", *routes))
    await serve(world)
    got = await world.ask("/run", headers={"authorization": "Bearer mine"})
    assert got.status == 200
    (audience,) = world.metadata.given
    assert audience == f"https://{HOST}:{world.backends['run'].port}"
    assert got.sent("authorization") == [f"Bearer {world.metadata.given[audience]}"]
    assert got.sent("host") == [HOST]
    got = await world.ask("/", host="a.test", headers={"authorization": "Bearer mine"})
    assert got.sent("host") == ["a.test"]
    assert got.sent("authorization") == ["Bearer mine"]


async def test_each_service_has_the_audience_that_is_written_and_tokens_are_kept(world: Cloud) -> None:
    world.write("upstream.yaml", world.service("one", audience="https://one.example"), world.service("two"))
    routes = [rule(prefix(f"/{name}"), to=[to_upstream(name)]) for name in ("one", "two")]
    world.write("routes.yaml", route("r", *routes, hosts=["*.cloud.test"]))
    await serve(world)
    for _ in range(3):
        got = await world.ask("/one", host="a.cloud.test")
        assert got.sent("authorization") == [f"Bearer {world.metadata.given['https://one.example']}"]
    # Each worker of the proxy asks once.
    asked = world.metadata.asked.count("https://one.example")
    assert 1 <= asked <= 3
    await world.ask("/two", host="a.cloud.test")
    assert len(set(world.metadata.asked)) == 2


async def test_without_the_metadata_server_the_service_decides(world: Cloud) -> None:
    world.write("upstream.yaml", world.service("run"))
    world.write("routes.yaml", route("r", rule(prefix("/"), to=[to_upstream("run")])))
    await serve(world)
    await world.metadata.stop()
    got = await world.ask("/")
    assert (got.status, got.sent("authorization")) == (200, [])
