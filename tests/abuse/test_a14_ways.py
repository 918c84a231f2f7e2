"""A14: whatever a request is in form (an upgrade, a preflight, gRPC for the web) it passes the guards of its route."""

import asyncio
import json

import grpc
import grpc.aio
import pytest
import pytest_asyncio

from support.clients.client import Answer, answer, connection, websocket
from support.clients.http2 import http2
from support.objects.auth import api_key, auth_config, auth_policy, basic, simple_users, users
from support.objects.documents import Doc, gateway, listener, prefix, route, rule, use
from support.scenes.world import World
from support.servers.backend import call

pytestmark = pytest.mark.asyncio(loop_scope="module")
KNOWN = basic("ann", "secret")["authorization"]
KEY = "N2YwMDIx"
JWKS = json.dumps({"keys": [{"kty": "oct", "alg": "HS256", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"}]})
LABELLED = {"k8sSecretApikeyStorage": {"labelSelector": {"team": "a"}}}
MAIL = {"headersFromMetadataEntry": {"x-mail": {"name": "mail"}}}
CONFIGS: dict[str, Doc] = {
    "envoy": simple_users(ann="secret"),
    "server": users("ann"),
    "keys": {"apiKeyAuth": {"apiKeySecretRefs": [{"name": "key"}]}},
    "known": {"apiKeyAuth": {**LABELLED, **MAIL}},
}
POLICIES: dict[str, Doc] = {
    "tokens": {"jwt": {"providers": [{"name": "p", "issuer": "i", "jwks": {"inline": JWKS}}]}},
    "passwords": {"basicAuth": {"secretRef": {"name": "users"}}},
}
WAYS = (*CONFIGS, *POLICIES)


def form(first: str, *headers: str, body: str = "") -> str:
    """A request; `HOST` is where it goes."""
    return "\r\n".join((f"{first} HTTP/1.1", "Host: HOST", *headers, "", "")) + body


def web(kind: str) -> str:
    """A call of gRPC."""
    return form("POST /", f"content-type: application/{kind}", "te: trailers", "content-length: 0")


UPGRADE = "connection: Upgrade"
SOCKET = (UPGRADE, "upgrade: websocket", "sec-websocket-version: 13", "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==")
TRAILERS = f"1\r\nx\r\n0\r\nauthorization: {KNOWN}\r\napi-key: {KEY}\r\n\r\n"
QUERY = f"api-key={KEY}&apikey={KEY}&authorization={KNOWN.replace(' ', '+')}"
REQUESTS: dict[str, str] = {
    "websocket": form("GET /ws", *SOCKET),
    "h2c": form("GET /", f"{UPGRADE}, HTTP2-Settings", "upgrade: h2c", "http2-settings: AAMAAABkAAQAoAAAAAIAAAAA"),
    "another protocol": form("GET /", UPGRADE, "upgrade: tcp"),
    "CONNECT": form("CONNECT HOST:80"),
    "CONNECT in another form": form("CONNECT /"),
    "preflight": form("OPTIONS /", "origin: http://x.test", "access-control-request-method: GET"),
    "trailers": form("POST /", "transfer-encoding: chunked", "trailer: authorization, api-key", body=TRAILERS),
    "an old one": form("GET /").replace("HTTP/1.1", "HTTP/1.0"),
    "a method of its own": form("GETT /"),
    "gRPC": web("grpc"),
    "gRPC-web": web("grpc-web+proto"),
    "gRPC-web as text": web("grpc-web-text"),
    "in cookies": form("GET /", f"cookie: authorization={KNOWN}; api-key={KEY}"),
    "in the query": form(f"GET /?{QUERY}"),
    "in the address": form("GET http://ann:secret@HOST/"),
    "an underscore": form("GET /", f"api_key: {KEY}"),
    "nearly": form("GET /", f"api-key: {KEY}x", f"authorization: {KNOWN}x"),
    "two in one": form("GET /", f"api-key: x,{KEY}", f"authorization: Basic eDp4, {KNOWN}"),
    "one after the other": form(
        "GET /", "api-key: x", f"api-key: {KEY}", "authorization: x", f"authorization: {KNOWN}"
    ),
    "empty": form("GET /", "api-key:", "authorization:"),
    "of ours": form("GET /", "x-daemun-user: ann", "x-user-id: ann", "x-mail: a"),
}
"""Requests of somebody who is not known."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    """A host for each way, that has a mirror, and others that redirect, answer by themselves, and speak gRPC."""
    await shared.echo("a", "shadow")
    await shared.grpc("say", app_protocol="kubernetes.io/h2c")
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    secret: Doc = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "users"}}
    line = {".htpasswd": "ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="}
    shared.write("secrets.yaml", api_key("key", KEY, {"team": "a"}, mail="m"), secret | {"stringData": line})
    shared.write("auth.yaml", *(auth_config(name, step) for name, step in CONFIGS.items()))
    mirror = use("RequestMirror", backendRef={"name": "shadow", "port": 80})
    for name in WAYS:
        rules = (
            rule(prefix("/away"), filters=[use("RequestRedirect", hostname="elsewhere.test")]),
            rule(prefix("/"), to="a", filters=[mirror]),
        )
        shared.write(f"{name}.yaml", route(name, *rules, hosts=[f"{name}.test"]), _guard(name, "HTTPRoute"))
        grpc_route = route(f"grpc-{name}", {"backendRefs": [{"name": "say", "port": 80}]}, hosts=[f"grpc-{name}.test"])
        shared.write(f"grpc-{name}.yaml", grpc_route | {"kind": "GRPCRoute"}, _guard(name, "GRPCRoute"))
    await shared.start()
    await shared.answers(401, host="server.test")


def _guard(name: str, kind: str) -> Doc:
    """What guards the route of this kind."""
    of = f"grpc-{name}" if kind == "GRPCRoute" else name
    if name in POLICIES:
        return auth_policy(of, {"kind": kind, "name": of}, **POLICIES[name])
    target = {"group": "gateway.networking.k8s.io", "kind": kind, "name": of}
    spec = {"targetRefs": [target], "options": {"extauth": {"configRef": {"name": name}}}}
    return {"apiVersion": "gateway.solo.io/v1", "kind": "RouteOption", "metadata": {"name": of}, "spec": spec}


async def _sent(shared: World, text: str) -> Answer:
    async with asyncio.timeout(15), connection(shared.port) as (reader, writer):
        writer.write(text.encode())
        return await answer(reader)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", REQUESTS)
async def test_no_form_of_a_request_gets_around_its_guards(shared: World, name: str, way: str) -> None:
    for host in (f"{way}.test", f"grpc-{way}.test"):
        got = await _sent(shared, REQUESTS[name].replace("HOST", host))
        status = int(got.headers.get("grpc-status", 0)) or got.status
        assert (status in {400, 401, 403, 404, 405, 426, 7, 16}, got.backend) == (True, ""), (host, got)


@pytest.mark.parametrize("way", WAYS)
async def test_nor_do_two_names_of_a_host(shared: World, way: str) -> None:
    async with http2(shared.port) as client:
        for more in ({"host": "a.test"}, {"host": f"{way}.test"}, {"api_key": "x"}, {"authorization": "Basic"}):
            assert await client.get(f"{way}.test", scheme="http", **more) in {400, 401, 403}


@pytest.mark.parametrize("way", WAYS)
async def test_what_answers_without_a_backend_is_guarded_too(shared: World, way: str) -> None:
    got = await shared.ask("/away", host=f"{way}.test")
    assert (got.status, got.headers.get("location")) == (401, None)


@pytest.mark.parametrize("way", WAYS)
async def test_a_call_is_not_known_either(shared: World, way: str) -> None:
    for metadata in ((), (("authorization", "Bearer x"), ("api-key", "x"))):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(shared.port, "/notes.Notes/Get", f"grpc-{way}.test", metadata)
        assert refused.value.code() in {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}


async def test_nothing_of_it_was_mirrored_and_who_is_known_comes_in(shared: World) -> None:
    """The last one: of all requests before it the mirror has seen none."""
    assert shared.backends["shadow"].requests == []
    assert shared.backends["a"].requests == []
    for way, headers in (
        *((one, {"authorization": KNOWN}) for one in ("envoy", "server", "passwords")),
        *((one, {"api-key": KEY}) for one in ("keys", "known")),
    ):
        got = await shared.ask(host=f"{way}.test", headers={**headers, "x-mail": "eve"})
        assert (got.backend, got.sent("x-mail")) == ("a", ["m"] if way == "known" else ["eve"])
    assert (await websocket(shared.port, "/ws", "hello", "envoy.test"))[0].status == 401
