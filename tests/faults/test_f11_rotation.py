"""F11: many certificates change again and again while clients come as fast as they can: nobody is turned away."""

import asyncio
import contextlib
import ssl
import time

from support.clients.client import Answer, ask, connection, exchange
from support.objects.certificates import Pair, authority, shown_to
from support.objects.documents import gateway, listener, listener_set, route, rule, secret
from support.scenes.world import World, load, until
from support.servers.ports import free_port

CA = authority()
HOSTS = tuple(f"h{number}.rotated.test" for number in range(200))
_ROUNDS = 5
_HELD = 20
_CLIENTS = 4
_IN_A_SET = 50
"""Listeners in a ListenerSet, of which 64 are allowed."""


class Rotated:
    """200 listeners, each with a certificate of its own."""

    def __init__(self, world: World) -> None:
        self.world, self.port = world, free_port()
        self.client = CA.client()
        self._next = 0

    async def start(self) -> None:
        world = self.world
        await world.echo("a")
        self.rotate()
        world.write("gateway.yaml", gateway("gw", listener(world.port), sets="Same"))
        refs = [{"name": "gw"}]
        for first in range(0, len(HOSTS), _IN_A_SET):
            each = enumerate(HOSTS[first : first + _IN_A_SET], first)
            listeners = [listener(self.port, f"h{at}", hostname=host, certs=[f"c{at}"]) for at, host in each]
            world.write(f"set-{first}.yaml", listener_set(f"set-{first}", "gw", *listeners))
            refs.append({"name": f"set-{first}", "kind": "ListenerSet", "group": "gateway.networking.k8s.io"})
        world.write("route.yaml", route("all", rule(to="a"), parents=refs))
        await world.start()

    def rotate(self) -> dict[str, bytes]:
        """New certificates for all, in a file each; what each is, as a handshake shows it."""
        made: dict[str, Pair] = {host: CA.issue(host) for host in HOSTS}
        for at, (_, pair) in enumerate(made.items()):
            self.world.write(f"c{at}.yaml", secret(f"c{at}", *pair))
        return {host: ssl.PEM_cert_to_DER_cert(pair[0].decode()) for host, pair in made.items()}

    async def request(self) -> Answer:
        self._next += 1
        host = HOSTS[self._next * 7 % len(HOSTS)]
        return await ask(self.port, tls=self.client, sni=host, host=host)

    async def shows(self, host: str, certificate: bytes) -> bool:
        async with connection(self.port, tls=self.client, sni=host) as (_, writer):
            return shown_to(writer) == certificate


async def test_f11_many_certificates_change_under_load(world: World) -> None:
    rotated = Rotated(world)
    await rotated.start()
    async with contextlib.AsyncExitStack() as stack:
        held = [
            await stack.enter_async_context(connection(rotated.port, tls=rotated.client, sni=host))
            for host in HOSTS[:_HELD]
        ]
        every = [await stack.enter_async_context(load(rotated.request, pause=0)) for _ in range(_CLIENTS)]
        slowest = 0.0
        for _ in range(_ROUNDS):
            shown = rotated.rotate()
            written = time.monotonic()
            for host, certificate in reversed(shown.items()):
                await until(lambda host=host, one=certificate: rotated.shows(host, one))
            slowest = max(slowest, time.monotonic() - written)
            for host, (reader, writer) in zip(HOSTS, held, strict=False):
                # The connection of before is the same: it was neither closed nor told to go.
                answer = await exchange(reader, writer, host=host)
                assert answer.status == 200
                assert "connection" not in answer.headers
        await asyncio.gather(*(one.more(20) for one in every))
    assert [one.failed() for one in every] == [[]] * _CLIENTS
    count = sum(len(one.answers) for one in every)
    print(f"{_ROUNDS * len(HOSTS)} rotations, {count} handshakes; all of a round seen within {slowest:.2f} s")


async def test_f11_authorities_change_under_load_too(world: World) -> None:
    """The Secret of a port's clients is not that of its certificate, and both may change at once."""
    from support.objects.certificates import Authority
    from support.objects.documents import authorities, validation

    port = free_port()
    staff = [Authority(), Authority()]
    await world.echo("a")
    world.write("cert.yaml", secret("cert", *CA.issue("a.test")))
    world.write("staff.yaml", authorities("staff", *(one.pem for one in staff)))
    tls = {"frontend": {"default": validation("staff")}}
    world.write("gateway.yaml", gateway("gw", listener(port, certs=["cert"]), tls=tls), route("all", rule(to="a")))
    await world.start()
    client = CA.client(pair=staff[0].issue("alice.test"))
    async with load(lambda: ask(port, tls=client, sni="a.test", host="a.test"), pause=0) as steady:
        for turn in range(10):
            pems = [one.pem for one in staff] if turn % 2 else [staff[0].pem]
            world.write("staff.yaml", authorities("staff", *pems, crl=staff[0].revoked() if turn % 2 == 0 else ""))
            world.write("cert.yaml", secret("cert", *CA.issue("a.test")))
            await steady.more(20)
    assert steady.failed() == []
