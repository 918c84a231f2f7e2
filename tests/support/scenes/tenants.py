"""Two tenants of one Gateway: one whose configuration is spoiled, and one who must not notice."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Callable
from statistics import median
from typing import Any

from daemun.report.journal import ProblemLine
from daemun.xds.quarantine import FIRST_RETRY
from support.objects.certificates import authority, shown_to
from support.objects.documents import authorities, exact, gateway, listener, route, rule, secret, service, tls_policy
from support.scenes.rejected import Bad
from support.scenes.spoiler import Spoiler
from support.scenes.world import PATIENCE, World, until
from support.servers.ports import free_port

PROMISED = 1.0
"""Seconds until what others change, and what is mended, is served. Later than a retry it would not be for the mend."""
CULPRIT, OTHER = "culprit.example", "other.example"


class Tenants:
    """The culprit has a route, a Service with TLS, an HTTPS listener and a Secret; so has the other."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ports = {CULPRIT: free_port(), OTHER: free_port()}
        self.seconds: dict[str, list[float]] = {"others": [], "mended": []}
        """How long the other's changes and the culprit's mends took to be served."""
        self._turn = 0

    async def start(self, **settings: Any) -> None:
        """Serve all of it."""
        world = self.world
        await world.echo("a", "b")
        tls = authority().server("backend.example")
        await world.echo("secure-a", "secure-b", tls=tls)
        world.write("trust.yaml", authorities("ca", authority().pem))
        world.write("policy.yaml", tls_policy("culprit", "culprit", "backend.example"))
        for name in ("culprit", "other"):
            self.certify(name)
            self.point(name, "secure-a" if name == "culprit" else "a")
            self.route(name, name)
        self.listen()
        await world.start(**settings)
        assert world.app is not None
        self.spoiler = Spoiler(world.app.plane)

    # What there is

    def listen(self, **more: int) -> None:
        """The Gateway, with further listeners."""
        every = [listener(self.world.port)]
        for name, port in self.ports.items():
            every.append(listener(port, name.partition(".")[0], hostname=name, certs=[name.partition(".")[0]]))
        every += [listener(port, name) for name, port in more.items()]
        self.world.write("gateway.yaml", gateway("gw", *every))

    def certify(self, name: str) -> bytes:
        """A new certificate; returns it."""
        certificate, key = authority().issue(f"{name}.example")
        self.world.write(f"{name}-cert.yaml", secret(name, certificate, key))
        return certificate

    def point(self, name: str, backend: str) -> None:
        """The endpoints of a Service."""
        self.world.write(f"{name}-service.yaml", service(name, self.world.backends[backend].port))

    def route(self, name: str, to: str) -> None:
        """The route of a tenant: the path of its name, and one that is never spoiled."""
        self.world.write(
            f"{name}.yaml", route(name, rule(exact(f"/{name}"), to=to), rule(exact(f"/{name}/too"), to=to))
        )

    # What happens

    async def others_go_on(self) -> None:
        """The other's route, backend (a cluster of its own each time), certificate and listeners change."""
        began = time.monotonic()
        self._turn += 1
        name, backend = f"other-{self._turn}", "ab"[self._turn % 2]
        self.world.write("other-new.yaml", service(name, self.world.backends[backend].port))
        self.route("other", name)
        await self.world.answered_by(backend, "/other")
        certificate = self.certify("other")
        await until(lambda: self.shows(OTHER, certificate))
        self.seconds["others"].append((time.monotonic() - began) / 2)

    async def a_listener_comes_and_goes(self) -> None:
        """The Gateway gets one more listener."""
        port = free_port()
        self.listen(more=port)
        await self.world.answers(200, "/other", port=port)
        self.listen()

    async def answers(self, path: str) -> tuple[int, str]:
        """Status and backend of one request at the plain listener."""
        got = await self.world.ask(path)
        return got.status, got.backend

    def spoil(self, bad: Bad) -> None:
        """Something of the culprit becomes bad."""
        kind, where = PLACES[bad.message]
        self.spoiler.spoil(bad.message, kind, where, bad.spoil)

    async def told(self, bad: Bad, seconds: float = PATIENCE) -> ProblemLine:
        """Wait until the culprit hears it, in Envoy's words."""
        return await self.world.problem("rejected it", bad.words, VICTIMS[bad.message], seconds=seconds)

    async def mended(self, problem: ProblemLine, serves: Callable[[], object]) -> None:
        """Mend it and wait until what was meant is served, and the problem is no more."""
        began = time.monotonic()
        self.spoiler.mend()
        await until(serves)
        self.seconds["mended"].append(time.monotonic() - began)
        await self.world.solved(problem)

    async def answers_with(self, status: int, path: str) -> bool:
        """Whether the answer has this status."""
        return (await self.answers(path))[0] == status

    async def by(self, backend: str, path: str) -> bool:
        """Whether this backend answers."""
        return (await self.answers(path)) == (200, backend)

    async def shows(self, host: str, certificate: bytes) -> bool:
        """Whether this certificate is shown there."""
        return await self.shown(host) == ssl.PEM_cert_to_DER_cert(certificate.decode())

    async def shown(self, host: str) -> bytes:
        """The certificate that is shown to those who ask for this host."""
        _, writer = await asyncio.open_connection(
            "127.0.0.1", self.ports[host], ssl=authority().client(), server_hostname=host
        )
        try:
            return shown_to(writer)
        finally:
            writer.close()


@contextlib.asynccontextmanager
async def tenants_at_peace(**settings: Any) -> AsyncIterator[Tenants]:
    """Both are served. At the end it is looked at how long the promises took, of which each has few and some luck."""
    world = World()
    try:
        made = Tenants(world)
        await made.start(**settings)
        yield made
        for what, seconds in made.seconds.items():
            assert median(seconds) < PROMISED, (what, seconds)
            assert max(seconds) < FIRST_RETRY, (what, seconds)
    finally:
        await world.stop()


PLACES = {
    "Route": ("HTTPRoute/culprit", "spec.rules[0]"),
    "Cluster": ("BackendTLSPolicy/culprit", ""),
    "ClusterLoadAssignment": ("Service/culprit", ""),
    "Listener": ("Gateway/gw", "spec.listeners[1]"),
    "Secret": ("Secret/culprit", ""),
}
"""Where the messages of the culprit come from."""
VICTIMS = {
    "Route": "HTTPRoute default/culprit",
    "Cluster": "BackendTLSPolicy default/culprit",
    "ClusterLoadAssignment": "HTTPRoute default/culprit",
    "Listener": "Gateway default/gw",
    "Secret": "Gateway default/gw",
}
"""Who hears of it: of what has no status of its own, the objects that use it."""
