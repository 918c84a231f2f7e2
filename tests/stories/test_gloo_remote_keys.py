"""Keys of tokens that an Upstream serves; without it the host is closed."""

import asyncio

from cryptography.hazmat.primitives import serialization
from test_gloo_options import option, target, upstream
from test_gloo_tokens import KEY, OTHER, token

from daemun.features.jwks import jwks
from support.objects.documents import gateway, listener, route, rule
from support.scenes.world import World


async def test_keys_may_come_from_an_upstream(world: World) -> None:
    pem = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    keys = (jwks(pem.decode()) or "").encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(keys), keys))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1")
    async with server:
        await world.echo("a")
        remote = {"url": "http://keys.test/jwks.json", "upstreamRef": {"name": "keys", "namespace": "default"}}
        provider = {"issuer": "issuer.test", "jwks": {"remote": remote}}
        world.write("gateway.yaml", gateway("gw", listener(world.port)))
        world.write("route.yaml", route("r", rule(to="a"), hosts=["hit.test"]))
        world.write("keys.yaml", upstream("keys", server.sockets[0].getsockname()[1]))
        world.write(
            "o.yaml", option("VirtualHostOption", "o", target("Gateway", "gw"), jwt={"providers": {"p": provider}})
        )
        await world.start()
        assert (await world.ask(host="hit.test", headers={"authorization": f"Bearer {token()}"})).backend == "a"
        assert (await world.ask(host="hit.test", headers={"authorization": f"Bearer {token(OTHER)}"})).status == 401
        (world.folder / "keys.yaml").unlink()
        await world.answers(500, host="hit.test")
