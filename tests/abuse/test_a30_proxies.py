"""A30: whom a policy has a proxy ask does not fill its memory, which all of a Gateway share: of keys, and of what
servers of authorization answer, it holds no more than a MiB.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import jwt

from support.objects.auth import auth_policy
from support.objects.documents import Doc, gateway, listener, prefix, reference, route, rule, service, use
from support.scenes.world import World

KEY = "secret-secret-secret-secret-secret"
JWKS = b'{"keys": [{"kty": "oct", "alg": "HS256", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}]}'
MUCH, LITTLE = 2 << 20, 1 << 19


class Server:
    """Answers everything with so many bytes."""

    def __init__(self) -> None:
        self.size = 0
        self.port = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            head = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % self.size
            writer.write(head + JWKS.ljust(self.size))
            await writer.drain()
        writer.close()


def _at(server: Server) -> list[Doc]:
    return service("server", server.port)


async def test_a30_a_set_of_keys_without_an_end_is_none(world: World) -> None:
    server = Server()
    server.size = MUCH
    token = {"authorization": "Bearer " + jwt.encode({"iss": "i", "exp": time.time() + 600}, KEY)}
    async with server.running():
        remote = {"url": "http://keys.test/keys", "backendRef": reference("server", port=80)}
        provider = {"name": "p", "issuer": "i", "jwks": {"remote": remote}}
        await world.echo("a")
        world.write("gateway.yaml", gateway("gw", listener(world.port)), _at(server))
        world.write("route.yaml", route("r", rule(to="a")))
        world.write("policy.yaml", auth_policy("p", {"kind": "HTTPRoute", "name": "r"}, jwt={"providers": [provider]}))
        await world.start()
        got = await world.ask(headers=token)
        assert (got.status, got.backend) == (401, "")
        server.size = LITTLE
        assert (await world.answers(200, headers=token)).backend == "a"


async def test_a30_an_answer_of_a_server_of_authorization(world: World) -> None:
    """It asks for nothing but whether, and what is more than that is not held."""
    server = Server()
    async with server.running():
        ask = use("ExternalAuth", protocol="HTTP", backendRef=reference("server", port=80), http={})
        await world.echo("a")
        world.write("gateway.yaml", gateway("gw", listener(world.port)), _at(server))
        world.write("route.yaml", route("r", rule(prefix("/"), to="a", filters=[ask])))
        await world.start()
        for size, status in ((LITTLE, 200), (MUCH, 403), (LITTLE, 200)):
            server.size = size
            assert (await world.ask()).status == status
