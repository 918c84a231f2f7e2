"""Pods behind sidecars that take nothing but their mesh's TLS, reached by a certificate that Istio's authority issues.

The authority is a stand-in, and the sidecars are real Envoys with the configuration of Istio's
(support/envoys/sidecars.py).
"""

from collections.abc import AsyncIterator

import pytest_asyncio

from daemun.sources.identities import istio
from support.envoys.sidecars import OF_ISTIO, sidecar
from support.objects.certificates import Authority
from support.objects.documents import gateway, listener, reference, route, rule
from support.objects.istio_pods import pod, service, settings, slice_
from support.scenes.world import World, fresh, load, until
from support.servers.ports import free_port
from support.standins.istiod import DOMAIN, GATE, Istiod

OURS, ANOTHER = "of-our-service-account", "of-another"
MESH = Authority()


class Mesh:
    """A Service `app`, one of whose pods is behind a strict sidecar, and one may be without."""

    def __init__(self, world: World, istiod: Istiod) -> None:
        self.world, self.istiod = world, istiod
        self.asked = istio.Istiod(istiod.address, world.base / "token", world.base / "root.pem")
        self.prove(OURS)
        self.asked.authority.write_text(MESH.pem)

    def prove(self, token: str) -> None:
        """The file has this token now."""
        self.asked.token.write_text(f"{token}\n")

    async def within(self, authority: Authority = MESH, namespace: str = "default", clients: str = ".*") -> None:
        """The pod with the sidecar."""
        if "within" not in self.world.backends:
            await self.world.echo("within")
        port = free_port()
        us = f"spiffe://{DOMAIN}/ns/{namespace}/sa/backend"
        to = self.world.backends["within"].port
        envoy = sidecar(authority, us, to, port, f"spiffe://{DOMAIN}/{clients}", OF_ISTIO)

        async def close() -> None:
            envoy.close()

        self.world.closing(close)
        self.world.write("within.yaml", pod("within", "istio"), slice_("app", port, "within"))

    async def without(self) -> None:
        """The pod without."""
        await self.world.echo("without")
        port = self.world.backends["without"].port
        self.world.write("without.yaml", pod("without"), slice_("app", port, "without"))

    async def start(self) -> None:
        await self.world.start(istiod=self.asked, clean=False)


@pytest_asyncio.fixture
async def mesh() -> AsyncIterator[Mesh]:
    async with fresh() as world:
        istiod = await Istiod(OURS, MESH).start()
        world.closing(istiod.stop)
        world.write("gateway.yaml", gateway("gw", listener(world.port)))
        world.write("route.yaml", route("r", rule(to="app"), parents=[reference("gw")]), service("app"))
        world.write("settings.yaml", settings(enableIntegration=True, enableAutoMtls=True))
        yield Mesh(world, istiod)


async def test_a_strict_pod_is_reached_and_knows_who_asks(mesh: Mesh) -> None:
    await mesh.within()
    await mesh.start()
    answer = await mesh.world.answered_by("within")
    headers = dict(answer.seen["headers"])
    assert headers["x-forwarded-client-cert"].endswith(f"URI={GATE}"), headers
    assert headers["x-sni"] == "outbound_.80_._.app.default.svc.cluster.local"
    assert not mesh.world.problems()


async def test_pods_with_and_without_a_sidecar_serve_side_by_side(mesh: Mesh) -> None:
    await mesh.within()
    await mesh.without()
    await mesh.start()
    await mesh.world.answered_by("within")
    await mesh.world.answered_by("without")
    found = {(await mesh.world.ask("/")).status for _ in range(20)}
    assert found == {200}


async def test_without_auto_mtls_a_strict_pod_takes_nothing(mesh: Mesh) -> None:
    mesh.world.write("settings.yaml", settings(enableIntegration=True, enableAutoMtls=False))
    await mesh.within()
    await mesh.start()
    await mesh.world.answers(503)
    assert not mesh.istiod.issued, "nobody needs a certificate"
    mesh.world.write("settings.yaml", settings(enableIntegration=True, enableAutoMtls=True))
    await mesh.world.answered_by("within")


async def test_who_answers_must_be_of_the_mesh_and_of_the_namespace(mesh: Mesh) -> None:
    await mesh.within(namespace="elsewhere")
    await mesh.start()
    await mesh.world.answers(503)
    await mesh.within(authority=Authority())
    await mesh.world.synced()
    assert (await mesh.world.ask("/")).status == 503
    assert not mesh.world.backends["within"].requests
    await mesh.within()
    await mesh.world.answered_by("within")


async def test_a_sidecar_that_admits_others_only_keeps_us_out(mesh: Mesh) -> None:
    await mesh.within(clients="ns/shop/.*")
    await mesh.start()
    await mesh.world.answers(503)
    await mesh.within(clients="ns/daemun-system/sa/daemun")
    await mesh.world.answered_by("within")


async def test_certificates_are_renewed_and_no_request_fails(mesh: Mesh) -> None:
    mesh.istiod.seconds = 6
    await mesh.within()
    await mesh.start()
    await mesh.world.answered_by("within")
    async with load(lambda: mesh.world.ask("/")) as steady:
        await until(lambda: len(mesh.istiod.issued) >= 4)
        await steady.more(20)
    assert not steady.failed()
    assert len(set(mesh.istiod.issued)) == len(mesh.istiod.issued)


async def test_an_authority_that_is_away_takes_nothing_with_it(mesh: Mesh) -> None:
    mesh.istiod.seconds = 20
    await mesh.within()
    await mesh.start()
    await mesh.world.answered_by("within")
    mesh.istiod.token = ANOTHER
    told = await mesh.world.problem("Settings", "does not take the token", "the last certificate stays", seconds=60)
    await mesh.world.answered_by("within")
    mesh.prove(ANOTHER)
    await mesh.world.solved(told)


async def test_nobody_who_issues_is_told_and_the_others_serve_on(mesh: Mesh) -> None:
    mesh.istiod.token = ANOTHER
    await mesh.within()
    await mesh.without()
    plain = route("other", rule(to="plain"), hosts=["plain.test"], parents=[reference("gw")])
    mesh.world.write("other.yaml", plain)
    await mesh.world.echo("plain")
    await mesh.start()
    told = await mesh.world.problem("Settings", "does not take the token", "requests into the mesh are not sent")
    await mesh.world.answered_by("plain", host="plain.test")
    assert not mesh.world.backends["within"].requests
    mesh.prove(ANOTHER)
    await mesh.world.solved(told)
    await mesh.world.answered_by("within")
