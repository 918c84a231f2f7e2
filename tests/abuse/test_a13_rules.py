"""A13: what a rule says of paths and methods is said of the path that the backend sees, however a client writes it."""

import time

import jwt
import pytest
import pytest_asyncio

from support.clients.client import Answer, answer, connection
from support.objects.auth import auth_policy
from support.objects.documents import gateway, listener, prefix, route, rule
from support.scenes.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")
SIGNED_WITH = "secret-secret-secret-secret-secret"
JWKS = '{"keys": [{"kty": "oct", "alg": "HS256", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}]}'
GET_PUB = ("/pub", "/pub/", "/pub/x", "/pub?x=/admin", "//pub", "/./pub/x", "/admin/../pub", "/admin/%2e%2e/pub/x")
SHUT = (
    *("/publisher", "/pub-admin", "/pub;x", "/pub%00/x", "/pub.", "/PUB", "/p%75blisher", "/admin", "/admin?/pub"),
    *(
        "/pub/../admin",
        "/pub/%2e%2e/admin",
        "/pub/..%2fadmin",
        "/pub%2f..%2fadmin",
        "/pub/..;/admin",
        "/pub\\..\\admin",
    ),
    *("/pub/./../admin", "/pub//../../admin", "/pub%5c..%5cadmin", "/admin#/pub", "/admin;/pub", "/..//admin"),
)
METHODS = ("POST", "HEAD", "OPTIONS", "get", "GETT", "TRACE", "PROPFIND", "CONNECT")
MORE = ("x-http-method-override: GET", "x-original-url: /pub", "x-rewrite-url: /pub", "x-envoy-original-path: /pub")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    """Everybody may read what is public; who is an admin may do anything."""
    await shared.echo("a")
    rules = [{"claims": {"role": "anybody"}, "pathPrefix": "/pub", "methods": ["GET"]}, {"claims": {"role": "admin"}}]
    spec = {
        "jwt": {"providers": [{"name": "p", "issuer": "i", "jwks": {"inline": JWKS}}]},
        "authorization": {"rules": rules},
    }
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    for name, hosts in (("hit", ["hit.test"]), ("wild", ["*.wild.test"]), ("all", [])):
        policy = auth_policy(name, {"kind": "HTTPRoute", "name": name}, **spec)
        shared.write(f"{name}.yaml", route(name, rule(prefix("/"), to="a"), hosts=hosts), policy)
    await shared.start()


async def _ask(shared: World, first: str, host: str, role: str, *lines: str) -> Answer:
    token = jwt.encode({"iss": "i", "exp": time.time() + 600, "role": role}, SIGNED_WITH)
    head = (f"{first} HTTP/1.1", f"Host: {host}", f"Authorization: Bearer {token}", *lines, "", "")
    async with connection(shared.port) as (reader, writer):
        writer.write("\r\n".join(head).encode())
        return await answer(reader, first.partition(" ")[0])


@pytest.mark.parametrize("host", ["hit.test", "x.wild.test", "other.example"])
async def test_a13_rules_are_of_the_path_that_is_seen(shared: World, host: str) -> None:
    for path in GET_PUB:
        got = await _ask(shared, f"GET {path}", host, "anybody")
        if got.status == 307:  # escaped slashes are told their plain form
            continue
        assert (got.status, got.backend) == (200, "a"), path
        assert got.seen["path"].partition("?")[0] in ("/pub", "/pub/", "/pub/x")
    for path in SHUT:
        got = await _ask(shared, f"GET {path}", host, "anybody")
        assert (got.status in (307, 400, 403), got.backend) == (True, ""), (path, got)


@pytest.mark.parametrize("host", ["hit.test", "x.wild.test", "other.example"])
async def test_a13_and_of_the_method(shared: World, host: str) -> None:
    for method in METHODS:
        got = await _ask(shared, f"{method} /pub", host, "anybody")
        assert (got.status in (400, 403, 404, 405), got.backend) == (True, ""), (method, got)
    for line in MORE:
        for first in ("POST /pub", "GET /admin"):
            got = await _ask(shared, first, host, "anybody", line)
            assert (got.status, got.backend) == (403, ""), (first, line)


async def test_a13_who_may_do_anything_does(shared: World) -> None:
    for path in ("/admin", "/publisher"):
        assert (await _ask(shared, f"GET {path}", "hit.test", "admin")).backend == "a"
