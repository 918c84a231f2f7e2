"""jwt and jwtStaged: who comes without a good token does not pass, on any host of the listener."""

import base64
import json
import time
from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from test_gloo_options import having, option, target

from support.clients.client import Answer
from support.objects.documents import gateway, listener, prefix, route, rule
from support.scenes.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")
KEY = rsa.generate_private_key(65537, 2048)
OTHER = rsa.generate_private_key(65537, 2048)
POLICIES = {
    "readers": {
        "principals": [{"jwtPrincipal": {"claims": {"sub": "ann"}, "provider": "p"}}],
        "permissions": {"pathPrefix": "/claims/read", "methods": ["GET"]},
    },
    "admins": {
        "principals": [
            {"jwtPrincipal": {"claims": {"org.roles": "admin"}, "matcher": "LIST_CONTAINS"}},
            {"jwtPrincipal": {"claims": {"org.root": "true"}, "matcher": "BOOLEAN"}},
        ],
        "nestedClaimDelimiter": ".",
    },
    "others": {"principals": [{"jwtPrincipal": {"claims": {"sub": "eve"}, "provider": "q"}}]},
    "typed": {
        "principals": [
            {"jwtPrincipal": {"claims": {"trusted": True, "level": 3}}},
            {"jwtPrincipal": {"claims": {"teams": ["red", 7]}}},
            {"jwtPrincipal": {"claims": {"levels": 4}, "matcher": "LIST_CONTAINS"}},
            {"jwtPrincipal": {"claims": {"rate": 1.5}}},
        ]
    },
}
hosts = pytest.mark.parametrize("host", ["hit.test", "x.wild.test"])


def token(key: rsa.RSAPrivateKey = KEY, **claims: Any) -> str:
    """A signed token."""
    said = {"iss": "issuer.test", "sub": "ann", "exp": int(time.time()) + 600, **claims}
    body = b".".join(_part(json.dumps(one).encode()) for one in ({"alg": "RS256"}, said))
    return (body + b"." + _part(key.sign(body, padding.PKCS1v15(), hashes.SHA256()))).decode()


def _part(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a")
    pem = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    provider = {
        "issuer": "issuer.test",
        "jwks": {"local": {"key": pem.decode()}},
        "claimsToHeaders": [{"claim": "sub", "header": "x-user"}],
    }
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    rules = [rule(prefix(f"/{name}"), to="a", filters=[having(name)]) for name in ("free", "claims")]
    rules.append(rule(prefix("/"), to="a"))
    shared.write("route.yaml", route("r", *rules, hosts=["hit.test", "*.wild.test"]))
    shared.write(
        "options.yaml",
        option(
            "VirtualHostOption",
            "o",
            target("Gateway", "gw"),
            jwtStaged={"afterExtAuth": {"providers": {"p": provider}}},
        ),
        option("RouteOption", "claims", rbac={"policies": POLICIES}),
        option("RouteOption", "free", jwtStaged={"afterExtAuth": {"disable": True}}),
    )
    await shared.start()


async def ask(world: World, host: str, path: str, said: str = "") -> Answer:
    headers = {"authorization": f"Bearer {said}"} if said else {}
    return await world.ask(path, host=host, headers={"x-user": "forged", **headers})


@hosts
async def test_a_good_token_passes_and_its_claims_go_on(shared: World, host: str) -> None:
    got = await ask(shared, host, "/", token())
    assert got.backend == "a"
    assert (got.sent("x-user"), got.sent("authorization")) == (["ann"], [])


@hosts
async def test_any_other_does_not(shared: World, host: str) -> None:
    for said in ("", "nonsense", token(OTHER), token(iss="other.test"), token(exp=1)):
        got = await ask(shared, host, "/", said)
        assert (got.status, got.backend) == (401, ""), said


@hosts
async def test_a_route_may_do_without(shared: World, host: str) -> None:
    assert (await ask(shared, host, "/free")).backend == "a"


@hosts
async def test_claims_allow_what_policies_say(shared: World, host: str) -> None:
    ann, eve = token(), token(sub="eve")
    assert (await ask(shared, host, "/claims/read", ann)).backend == "a"
    for path, said in (("/claims/write", ann), ("/claims/read", eve)):
        got = await ask(shared, host, path, said)
        assert (got.status, got.backend) == (403, "")
    assert (await ask(shared, host, "/claims", token(org={"roles": ["dev", "admin"]}))).backend == "a"
    assert (await ask(shared, host, "/claims", token(org={"root": True}))).backend == "a"
    assert (await ask(shared, host, "/claims", token(org={"roles": ["dev"], "root": False}))).status == 403
    assert (await ask(shared, host, "/claims/read")).status == 401


@pytest.mark.parametrize(
    "passing, claims",
    [
        (True, {"trusted": True, "level": 3}),
        (True, {"trusted": True, "level": 3.0}),
        (False, {"trusted": True}),
        (False, {"trusted": "true", "level": 3}),
        (False, {"trusted": 1, "level": 3}),
        (False, {"trusted": True, "level": "3"}),
        (True, {"teams": ["blue", 7, "red"]}),
        (False, {"teams": ["red"]}),
        (False, {"teams": ["red", "7"]}),
        (False, {"teams": "red"}),
        (True, {"levels": [1, 4]}),
        (False, {"levels": 4}),
        (True, {"rate": 1.5}),
        (False, {"rate": True}),
    ],
)
async def test_claims_that_are_no_text_are_of_their_type(shared: World, passing: bool, claims: dict[str, Any]) -> None:
    for host in ("hit.test", "x.wild.test"):
        got = await ask(shared, host, "/claims/typed", token(**claims))
        assert got.status == (200 if passing else 403)


async def test_settings_may_require_that_somebody_is_named_who_comes_in(shared: World) -> None:
    spec = {"rbac": {"requireRbac": True}}
    meta = {"name": "default", "namespace": "gloo-system"}
    wanted = {"apiVersion": "gloo.solo.io/v1", "kind": "Settings", "metadata": meta, "spec": spec}
    file = shared.write("settings.yaml", wanted)
    said = {"authorization": f"Bearer {token()}"}
    for host in ("hit.test", "x.wild.test"):
        await shared.answers(403, "/", host=host, headers=said)
        assert (await ask(shared, host, "/claims/read", token())).backend == "a"
    file.unlink()
    await shared.answered_by("a", "/", host="hit.test", headers=said)
