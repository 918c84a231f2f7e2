"""F7: a control plane that restarts is not noticed, and what the proxies ask it afterwards is answered."""

import asyncio
import contextlib
import ssl

import pytest

from daemun.xds.messages import Response
from support.clients.client import Answer, ask
from support.clients.heard import recorded
from support.objects.certificates import authority, shown_to
from support.objects.documents import Doc, exact, gateway, listener, route, rule, secret
from support.scenes.gate import STEADY, Gate
from support.scenes.world import World, load, until
from support.servers.ports import free_port

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


def said(responses: list[Response]) -> list[Response]:
    """Those that say anything."""
    return [one for one in responses if one.resources or one.removed]


async def test_f07_a_restart_says_nothing_and_then_a_listener_changes(world: World) -> None:
    served = Served(world)
    await served.start()
    async with load(served.handshake) as steady:
        with recorded() as responses:
            await world.restart()
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


UNKNOWN = "%NO_SUCH_VARIABLE(x)%"
"""Which variables there are Envoy knows alone."""


def option(value: str) -> Doc:
    """A RouteOption of the route `bad`: it adds a header."""
    meta = {"name": "option", "namespace": "default"}
    target = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "bad"}
    header = {"header": {"key": "x-added", "value": value}}
    spec = {"targetRefs": [target], "options": {"headerManipulation": {"responseHeadersToAdd": [header]}}}
    return {"apiVersion": "gateway.solo.io/v1", "kind": "RouteOption", "metadata": meta, "spec": spec}


@pytest.mark.parametrize("hosts", [["host.example"], []], ids=["exact", "any"])
async def test_f07_what_is_rejected_is_so_after_a_restart_and_nothing_beside_it_notices(
    world: World, hosts: list[str]
) -> None:
    """Others have routes of the same host; the one that Envoy refuses is as it last was, before the restart and after.

    The new control plane knows nothing of that but what the proxy says.
    """
    await world.echo("a", "b")
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    good = [f"/good-{number}" for number in range(8)]
    world.write("good.yaml", *(route(path[1:], rule(exact(path), to="a"), hosts=hosts) for path in good))
    world.write("bad.yaml", route("bad", rule(exact("/bad"), to="a"), hosts=hosts), option("5"))
    await world.start()
    world.write("bad.yaml", route("bad", rule(exact("/bad"), to="b"), hosts=hosts), option(UNKNOWN))
    words = ("rejected it", "RouteOption default/option spec", "NO_SUCH_VARIABLE")
    await world.problem(*words)
    await until(lambda: world.app is not None and world.app.plane.xds.synced("default/gw"))
    async with contextlib.AsyncExitStack() as stack:
        asked = {
            path: await stack.enter_async_context(load(lambda path=path: world.ask(path, host="host.example"), 0.0))
            for path in (*good, "/bad")
        }
        with recorded() as responses:
            await world.restart()
            await world.problem(*words)
            names = {one.name for response in said(responses) for one in response.resources}
            assert len(names) == 1, "what is refused is tried again"
        await asked["/bad"].more(20)
        last = {one.backend for one in asked["/bad"].answers if isinstance(one, Answer)}
        assert (last, asked["/bad"].failed()) == ({"a"}, [])
        world.write("good.yaml", *(route(path[1:], rule(exact(path), to="b"), hosts=hosts) for path in good))
        for path in good:
            await world.answered_by("b", path, host="host.example")
    assert [one for path in good for one in asked[path].failed()] == []
    world.write("bad.yaml", route("bad", rule(exact("/bad"), to="b"), hosts=hosts), option("5"))
    await world.answered_by("b", "/bad", host="host.example")


async def test_f07_a_restart_writes_no_status(gate: Gate) -> None:
    """Nor does it where Gateways are not programmed, for lack of an address, but their listeners are."""
    await gate.serve()
    [one] = gate.replicas
    own = f"/apis/gateway.networking.k8s.io/v1/namespaces/{gate.namespace}"

    def told() -> list[object]:
        return [gate.api.client.get(f"{own}/{path}") for path in ("gateways/gate", f"httproutes/{STEADY}")]

    def programmed() -> list[str]:
        status = gate.api.client.get(f"{own}/gateways/gate").get("status", {})
        every = [one for holder in (status, *status.get("listeners", ())) for one in holder["conditions"]]
        return [one["status"] for one in every if one["type"] == "Programmed"]

    await until(lambda: programmed() == ["False", "True"], 60)
    await until(lambda: one.idle(2), 60)
    before = told()
    await one.kill()
    await one.start()
    await until(one.leads, 60)
    await until(lambda: one.idle(2), 60)
    assert await one.total("daemun_status_writes_total") == 0
    assert told() == before


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
