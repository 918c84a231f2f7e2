"""Tokens that Envoy verifies and chains that ask for them: the filter before, the server after it."""

from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from test_gloo_tokens import KEY, OTHER, token

from support.clients.client import Answer
from support.objects.auth import api_key, auth_config
from support.objects.documents import gateway, listener, prefix, route, rule
from support.scenes.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a")
    pem = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    provider = {"issuer": "issuer.test", "jwks": {"local": {"key": pem.decode()}}}
    staged = {"providers": {"p": provider}, "allowMissingOrFailedJwt": True}
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    shared.write("route.yaml", route("r", rule(prefix("/"), to="a")))
    keys: dict[str, Any] = {
        "apiKeyAuth": {
            "k8sSecretApikeyStorage": {"labelSelector": {"team": "infra"}},
            "headersFromMetadataEntry": {"x-mail": {"name": "mail"}},
        }
    }
    shared.write(
        "auth.yaml",
        auth_config("who", {"name": "token", "jwt": {}}, {"name": "key", **keys}, booleanExpr="token || key"),
        api_key("key", "N2YwMDIx", {"team": "infra"}, mail="ann@test"),
    )
    for kind, name, to, options in (
        ("VirtualHostOption", "tokens", ("Gateway", "gw"), {"jwtStaged": {"beforeExtAuth": staged}}),
        ("RouteOption", "who", ("HTTPRoute", "r"), {"extauth": {"configRef": {"name": "who"}}}),
    ):
        target = {"group": "gateway.networking.k8s.io", "kind": to[0], "name": to[1]}
        document = {
            "apiVersion": "gateway.solo.io/v1",
            "kind": kind,
            "metadata": {"name": name, "namespace": "default"},
        }
        shared.write(f"{name}.yaml", {**document, "spec": {"targetRefs": [target], "options": options}})
    await shared.start()
    await shared.answers(401)  # the server answers


async def ask(world: World, said: str = "", **headers: str) -> Answer:
    return await world.ask(headers={"authorization": f"Bearer {said}", **headers} if said else headers)


async def test_a_token_that_envoy_has_verified_is_enough(shared: World) -> None:
    assert (await ask(shared, token())).backend == "a"


async def test_any_other_token_is_none(shared: World) -> None:
    for said in ("", "nonsense", token(OTHER), token(iss="other.test"), token(exp=1)):
        assert (await ask(shared, said)).status == 401, said


async def test_a_key_does_where_there_is_no_token(shared: World) -> None:
    got = await ask(shared, token(OTHER), **{"api-key": "N2YwMDIx", "x-mail": "forged"})
    assert (got.backend, got.sent("x-mail")) == ("a", ["ann@test"])
