"""A24: consent that is withdrawn while it is used closes what rests on it, and nobody comes in meanwhile; given again,
all is as before.
"""

import contextlib
import functools
import json
import time
from typing import Any

import jwt
import pytest
import pytest_asyncio
from envoy.service.auth.v3 import external_auth_pb2

from support.clients.client import Answer
from support.objects.auth import auth_config, auth_policy, basic, simple_users
from support.objects.documents import Doc, gateway, listener, prefix, reference, route, rule, service, use
from support.scenes.world import World, load
from support.standins.passing import GrpcPass, RawHttp, http_answer

pytestmark = pytest.mark.asyncio(loop_scope="module")
THERE = "other"
GATEWAY, SOLO = "gateway.networking.k8s.io", "gateway.solo.io"
SHARED_KEY = "secret-secret-secret-secret-secret"
JWKS = json.dumps({"keys": [{"kty": "oct", "alg": "HS256", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}]})
KEY, ANN = {"api-key": "N2YwMDIx"}, basic("ann", "secret")
CONSENTS: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "config": ((SOLO, "RouteOption"), ("enterprise.gloo.solo.io", "AuthConfig")),
    "secret": (("enterprise.gloo.solo.io", "AuthConfig"), ("", "Secret")),
    "users": (("daemun.dev", "AuthPolicy"), ("", "Secret")),
    "keys": (("daemun.dev", "AuthPolicy"), ("", "Service")),
    "upstream": ((SOLO, "VirtualHostOption"), ("gloo.solo.io", "Upstream")),
    "external": ((GATEWAY, "HTTPRoute"), ("", "Service")),
}
"""Whose references, and to what: each guards the host of its name."""


def consent(name: str) -> Doc:
    (group, kind), (to_group, to_kind) = CONSENTS[name]
    spec = {
        "from": [{"group": group, "kind": kind, "namespace": "default"}],
        "to": [{"group": to_group, "kind": to_kind}],
    }
    meta = {"name": name, "namespace": THERE}
    return {"apiVersion": f"{GATEWAY}/v1beta1", "kind": "ReferenceGrant", "metadata": meta, "spec": spec}


def known(name: str) -> dict[str, str]:
    """What lets somebody in."""
    if name in ("keys", "upstream"):
        return {"authorization": f"Bearer {jwt.encode({'iss': 'i', 'exp': time.time() + 600}, SHARED_KEY)}"}
    return {"config": ANN, "secret": KEY, "users": ANN, "external": {"x-user": "friend"}}[name]


async def check(request: external_auth_pb2.CheckRequest) -> external_auth_pb2.CheckResponse:
    friend = request.attributes.request.http.headers.get("x-user") == "friend"
    answer = external_auth_pb2.CheckResponse()
    answer.status.code = 0 if friend else 7
    return answer


def _there(document: Doc) -> Doc:
    document["metadata"]["namespace"] = THERE
    return document


def _option(kind: str, target: Doc, **options: Any) -> Doc:
    spec = {"targetRefs": [{"group": GATEWAY, **target}], "options": options}
    name = target.get("sectionName", target["name"])
    return {"apiVersion": f"{SOLO}/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a")
    keys, server = RawHttp(), GrpcPass(check)
    keys.says = http_answer("200 OK", "content-type: application/json", body=JWKS.encode())
    for one in (keys, server):
        await one.start()
        shared.closing(one.stop)
    shared.write("there.yaml", service(f"{THERE}/jwks", keys.port), service(f"{THERE}/auth", server.port))
    upstream = {"static": {"hosts": [{"addr": "127.0.0.1", "port": keys.port}]}}
    lines = {"api-key": "N2YwMDIx"}, {".htpasswd": "ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="}
    shared.write(
        "secrets.yaml",
        *(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": THERE}, "stringData": said}
            | ({"type": "extauth.solo.io/apikey"} if name == "key" else {})
            for name, said in zip(("key", "users"), lines, strict=True)
        ),
        {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "spec": upstream, "metadata": {"name": "jwks"}},
    )
    shared.write(
        "upstream.yaml",
        _there({"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "spec": upstream, "metadata": {"name": "jwks"}}),
    )
    shared.write(
        "gateway.yaml", gateway("gw", *(listener(shared.port, one, hostname=f"{one}.test") for one in CONSENTS))
    )
    external = use("ExternalAuth", protocol="GRPC", backendRef=reference(f"{THERE}/auth", port=80), grpc={})
    for name in CONSENTS:
        filters = [external] if name == "external" else []
        parent = reference("gw", sectionName=name)
        shared.write(f"route-{name}.yaml", route(name, rule(prefix("/"), to="a", filters=filters), parents=[parent]))
        shared.write(f"grant-{name}.yaml", consent(name))
    remote = {"url": "http://jwks/", "upstreamRef": {"name": "jwks", "namespace": THERE}}
    served = {"url": "http://jwks/", "backendRef": {"name": "jwks", "namespace": THERE, "port": 80}}
    provider = {"issuer": "i", "jwks": {"remote": remote}}
    refs = [{"name": "key", "namespace": THERE}]
    shared.write(
        "policies.yaml",
        _there(auth_config("who", simple_users(ann="secret"))),
        auth_config("own", {"apiKeyAuth": {"apiKeySecretRefs": refs}}),
        _option(
            "RouteOption",
            {"kind": "HTTPRoute", "name": "config"},
            extauth={"configRef": {"name": "who", "namespace": THERE}},
        ),
        _option("RouteOption", {"kind": "HTTPRoute", "name": "secret"}, extauth={"configRef": {"name": "own"}}),
        _option(
            "VirtualHostOption",
            {"kind": "Gateway", "name": "gw", "sectionName": "upstream"},
            jwt={"providers": {"p": provider}},
        ),
        auth_policy(
            "users",
            {"kind": "HTTPRoute", "name": "users"},
            basicAuth={"secretRef": {"name": "users", "namespace": THERE}},
        ),
        auth_policy(
            "keys",
            {"kind": "HTTPRoute", "name": "keys"},
            jwt={"providers": [{"name": "p", "issuer": "i", "jwks": {"remote": served}}]},
        ),
    )
    await shared.start()


@pytest.mark.parametrize("name", CONSENTS)
async def test_a24_consent_that_is_withdrawn_closes(shared: World, name: str) -> None:
    host = f"{name}.test"
    async with contextlib.AsyncExitStack() as stack:
        strangers = await stack.enter_async_context(load(functools.partial(shared.ask, host=host)))
        friends = await stack.enter_async_context(load(functools.partial(shared.ask, host=host, headers=known(name))))
        for _ in range(3):
            await shared.answers(200, host=host, headers=known(name))
            (shared.folder / f"grant-{name}.yaml").unlink()
            await shared.answers(500, host=host, headers=known(name))
            await shared.answers(500, host=host)
            shared.write(f"grant-{name}.yaml", consent(name))
        await shared.answers(200, host=host, headers=known(name))
    assert not [one for one in strangers.answers if isinstance(one, Answer) and one.status < 400]
    assert {getattr(one, "status", 0) for one in friends.answers} <= {200, 401, 403, 500, 503}
