"""F7: a control plane that restarts is not noticed, and what the proxies ask it afterwards is answered."""

import asyncio
import ssl

from daemun.xds.messages import Response
from support.certificates import authority, shown_to
from support.client import Answer, ask
from support.documents import exact, gateway, listener, route, rule, secret
from support.heard import recorded
from support.ports import free_port
from support.world import World, load, until

HOST = "secure.example"


class Served:
    """A world with an HTTPS listener, and clients that shake hands all the time."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.port = free_port()
        self._client = authority().client()

    async def start(self) -> None:
        await self.world.echo("a", "b")
        self.certify()
        self.listen()
        self.world.write("route.yaml", route("r", rule(to="a")))
        await self.world.start()

    def certify(self) -> bytes:
        certificate, key = authority().issue(HOST)
        self.world.write("secret.yaml", secret("cert", certificate, key))
        return ssl.PEM_cert_to_DER_cert(certificate.decode())

    def listen(self, *more: int) -> None:
        every = [listener(self.world.port), listener(self.port, "https", hostname=HOST, certs=["cert"])]
        every += [listener(port, f"more-{port}", hostname=HOST, certs=["cert"]) for port in more]
        self.world.write("gateway.yaml", gateway("gw", *every))

    async def handshake(self, port: int = 0) -> Answer:
        return await ask(port or self.port, tls=self._client, sni=HOST, host=HOST)

    async def shown(self) -> bytes:
        _, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self._client, server_hostname=HOST)
        writer.close()
        return shown_to(writer)

    async def restart(self) -> None:
        """Another Daemun takes over from this one, which leaves its proxies serving."""
        app, task = self.world.app, self.world._task
        assert app is not None
        assert task is not None
        app.leave()
        await task
        self.world.app = None
        await self.world.start(clean=False)


def said(responses: list[Response]) -> list[Response]:
    """Those that say anything."""
    return [one for one in responses if one.resources or one.removed]


async def test_f07_a_restart_says_nothing_and_then_a_listener_changes(world: World) -> None:
    served = Served(world)
    await served.start()
    async with load(served.handshake) as steady:
        with recorded() as responses:
            await served.restart()
            assert said(responses) == []
        # New filter chains with a certificate that the proxy has: Envoy asks for it again, or goes on with it.
        for _ in range(3):
            port = free_port()
            served.listen(port)
            await until(lambda port=port: served.handshake(port))
            await steady.more(10)
        certificate = served.certify()

        async def rotated() -> bool:
            return await served.shown() == certificate

        await until(rotated)
        world.write("route.yaml", route("r", rule(to="b"), rule(exact("/new"), to="a")))
        await world.answered_by("b")
        await steady.more(10)
    assert steady.failed() == []


async def test_f07_a_stream_that_breaks_is_not_noticed(world: World) -> None:
    """The proxy reconnects to the same process, which knows what it had; in the meantime something changed."""
    served = Served(world)
    await served.start()
    assert world.app is not None
    xds = world.app.plane.xds
    address = f"unix:{world.app._xds_socket}"
    async with load(served.handshake) as steady:
        for turn in range(3):
            with recorded() as responses:
                await xds.stop()
                await xds.start(address)
                await until(lambda: xds.synced("default/gw"))
                assert said(responses) == []
            await xds.stop()
            certificate = served.certify()
            world.write("route.yaml", route("r", rule(to="ba"[turn % 2])))
            await steady.more(10)
            await xds.start(address)
            await world.answered_by("ba"[turn % 2])

            async def rotated(certificate: bytes = certificate) -> bool:
                return await served.shown() == certificate

            await until(rotated)
    assert steady.failed() == []
