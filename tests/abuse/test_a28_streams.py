"""A28: who may come in is found out when a request begins. What has begun goes on, as long as it may: what ends that
is a bound, and not that a key is taken back or a token ends. That is written down (docs/auth/README.md), and so it is.
"""

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from typing import Self

import grpc
import grpc.aio
import jwt
import pytest
import pytest_asyncio

from support.clients.client import Answer, connection, exchange
from support.objects.auth import api_key, auth_config, auth_policy
from support.objects.documents import Doc, gateway, listener, prefix, route, rule
from support.scenes.world import World, until

pytestmark = pytest.mark.asyncio(loop_scope="module")
KEY = {"api-key": "N2YwMDIx"}
SHARED_KEY = "secret-secret-secret-secret-secret"
JWKS = (
    f'{{"keys": [{{"kty": "oct", "alg": "HS256", "k": "{base64.urlsafe_b64encode(SHARED_KEY.encode()).decode()}"}}]}}'
)
UPGRADE = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": base64.b64encode(b"k" * 16).decode(),
}


def _option(name: str, kind: str = "HTTPRoute", **options: object) -> Doc:
    target = {"group": "gateway.networking.k8s.io", "kind": kind, "name": name}
    spec = {"targetRefs": [target], "options": {"extauth": {"configRef": {"name": "keys"}}, **options}}
    return {"apiVersion": "gateway.solo.io/v1", "kind": "RouteOption", "metadata": {"name": name}, "spec": spec}


@pytest_asyncio.fixture(loop_scope="module")
async def keys(shared: World) -> AsyncIterator[None]:
    """A key that is good, until somebody takes it back."""
    shared.write("key.yaml", api_key("key", KEY["api-key"]), api_key("other", "b3RoZXI"))
    await shared.answers(200, host="endless.test", headers=KEY)
    yield


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    await shared.echo("a")
    await shared.grpc("g")
    names = ("endless", "bounded", "token")
    calls = ("grpc-endless", "grpc-bounded", "grpc-token")
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    shared.write("routes.yaml", *(route(name, rule(prefix("/"), to="a"), hosts=[f"{name}.test"]) for name in names))
    shared.write("calls.yaml", *(route(one, rule(to="g"), hosts=[f"{one}.test"], kind="GRPCRoute") for one in calls))
    shared.write("key.yaml", api_key("key", KEY["api-key"]), api_key("other", "b3RoZXI"))
    refs = [{"name": "key"}, {"name": "other"}]
    providers = [{"name": "p", "issuer": "i", "jwks": {"inline": JWKS}}]
    shared.write(
        "policies.yaml",
        auth_config("keys", {"apiKeyAuth": {"apiKeySecretRefs": refs}}),
        _option("endless"),
        _option("bounded", maxStreamDuration={"maxStreamDuration": "3s"}),
        _option("grpc-endless", "GRPCRoute"),
        _option("grpc-bounded", "GRPCRoute", maxStreamDuration={"maxStreamDuration": "3s"}),
        auth_policy("token", {"kind": "HTTPRoute", "name": "token"}, jwt={"providers": providers}),
        auth_policy("grpc-token", {"kind": "GRPCRoute", "name": "grpc-token"}, jwt={"providers": providers}),
    )
    await shared.start()
    await shared.answers(200, host="endless.test", headers=KEY)


async def _begun(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str, headers: dict[str, str]
) -> Answer:
    return await exchange(reader, writer, "/ws", host=f"{name}.test", headers={**UPGRADE, **headers})


async def _said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """What comes back of a text."""
    writer.write(b"\x81\x85" + b"\0" * 4 + b"hello")
    async with asyncio.timeout(30):
        return await reader.read(7)


async def test_a28_what_has_begun_goes_on_when_a_key_is_taken_back(shared: World, keys: None) -> None:
    async with connection(shared.port) as (reader, writer):
        assert (await _begun(reader, writer, "endless", KEY)).status == 101
        shared.write("key.yaml", api_key("key", "YW5vdGhlcg"), api_key("other", "b3RoZXI"))
        await shared.answers(401, host="endless.test", headers=KEY)
        assert await _said(reader, writer) == b"\x81\x05hello"
    async with connection(shared.port) as (reader, writer):
        assert (await _begun(reader, writer, "endless", KEY)).status == 401


async def test_a28_and_ends_where_there_is_a_bound(shared: World, keys: None) -> None:
    """Whatever is said on it meanwhile."""
    async with connection(shared.port) as (reader, writer):
        assert (await _begun(reader, writer, "bounded", KEY)).status == 101
        async with asyncio.timeout(30):
            assert await reader.read() == b""


async def test_a28_nor_does_the_end_of_a_token_end_it(shared: World) -> None:
    """Envoy has a minute's patience with clocks: one that ended 50 s ago is good for ten more."""
    token = jwt.encode({"iss": "i", "exp": time.time() - 50}, SHARED_KEY)
    headers = {"authorization": f"Bearer {token}"}
    async with connection(shared.port) as (reader, writer):
        assert (await _begun(reader, writer, "token", headers)).status == 101
        await shared.answers(401, host="token.test", headers=headers)
        assert await _said(reader, writer) == b"\x81\x05hello"


class Call:
    """A stream of gRPC for the time of a block."""

    def __init__(self, port: int, host: str, **metadata: str) -> None:
        self._channel = grpc.aio.insecure_channel(
            f"127.0.0.1:{port}", [("grpc.default_authority", host), ("grpc.use_local_subchannel_pool", 1)]
        )
        self.stream = self._channel.stream_stream("/test.Talks/Talk")(metadata=tuple(metadata.items()))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stream.cancel()
        await self._channel.close()

    async def said(self, text: bytes) -> bytes:
        """What comes back of a message."""
        async with asyncio.timeout(30):
            await self.stream.write(text)
            found: bytes = await self.stream.read()
            return found


async def _refused(shared: World, host: str, **metadata: str) -> bool:
    async with asyncio.timeout(30), Call(shared.port, host, **metadata) as call:
        await call.stream.done_writing()
        return bool(await call.stream.code() == grpc.StatusCode.UNAUTHENTICATED)


async def test_a28_nor_a_call_of_grpc(shared: World, keys: None) -> None:
    key = {"api-key": KEY["api-key"]}
    assert await _refused(shared, "grpc-endless.test", **{"api-key": "b"})
    async with Call(shared.port, "grpc-endless.test", **key) as call:
        assert await call.said(b"before") == b"before"
        shared.write("key.yaml", api_key("key", "YW5vdGhlcg"), api_key("other", "b3RoZXI"))
        await until(lambda: _refused(shared, "grpc-endless.test", **key))
        assert await call.said(b"after") == b"after"


async def test_a28_but_for_its_bound(shared: World, keys: None) -> None:
    async with Call(shared.port, "grpc-bounded.test", **{"api-key": KEY["api-key"]}) as call:
        assert await call.said(b"before") == b"before"
        async with asyncio.timeout(30):
            assert await call.stream.code() not in (None, grpc.StatusCode.OK)


async def test_a28_nor_is_it_ended_by_the_end_of_a_token(shared: World) -> None:
    token = f"Bearer {jwt.encode({'iss': 'i', 'exp': time.time() - 50}, SHARED_KEY)}"
    async with Call(shared.port, "grpc-token.test", authorization=token) as call:
        assert await call.said(b"before") == b"before"
        await until(lambda: _refused(shared, "grpc-token.test", authorization=token))
        assert await call.said(b"after") == b"after"
