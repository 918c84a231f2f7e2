"""Services of Consul's mesh: found, reached by its TLS, kept out by its intentions, through authorities that change.

The agent is a stand-in (support/standins/consul.py says why), its sidecars are real Envoys that want a certificate of
the mesh.
"""

from collections.abc import AsyncIterator

import pytest_asyncio

from support.envoys.sidecars import sidecar
from support.objects.certificates import Authority
from support.objects.documents import Doc, gateway, listener, reference, route, rule, to_upstream, upstream
from support.scenes.world import World, fresh, load, until
from support.servers.ports import free_port
from support.standins.connect_ca import DOMAIN, Mesh, identity


def settings(address: str, token: str = "", connect_as: str = "") -> Doc:
    annotations = {"daemun.dev/connect-as": connect_as} if connect_as else {}
    return {
        "apiVersion": "gloo.solo.io/v1",
        "kind": "Settings",
        "metadata": {"name": "default", "namespace": "gloo-system", "annotations": annotations},
        "spec": {"consul": {"httpAddress": address, "token": token}},
    }


class Pets:
    """A world whose only route leads to the service `pets`, behind a sidecar."""

    def __init__(self, world: World, consul: Mesh, authority: Authority) -> None:
        self.world, self.consul, self.authority = world, consul, authority

    async def behind(self, service: str = "pets", clients: str = "[^/]+", authority: Authority | None = None) -> None:
        """The one instance is behind a sidecar of this service, which admits these."""
        port = free_port()
        pattern = f"spiffe://{DOMAIN}/ns/default/dc/dc1/svc/{clients}"
        backend = self.world.backends["pets"].port
        envoy = sidecar(authority or self.authority, identity(service), backend, port, pattern)

        async def close() -> None:
            envoy.close()

        self.world.closing(close)
        await self.consul.put("connect:pets", port)


@pytest_asyncio.fixture
async def pets() -> AsyncIterator[Pets]:
    authority = Authority()
    async with fresh() as world:
        consul = await Mesh(authority).start()
        world.closing(consul.stop)
        await world.echo("pets")
        await consul.put("pets", world.backends["pets"].port)  # in the clear: nobody may be sent there
        to = rule(to=[to_upstream("pets")])
        world.write("gateway.yaml", gateway("gw", listener(world.port)), route("r", to, parents=[reference("gw")]))
        world.write("upstream.yaml", upstream("pets", consul={"serviceName": "pets", "connectEnabled": True}))
        world.write("settings.yaml", settings(consul.address))
        yield Pets(world, consul, authority)


async def test_a_service_in_the_mesh_is_reached_and_knows_who_asks(pets: Pets) -> None:
    await pets.behind()
    await pets.world.start()
    answer = await pets.world.answered_by("pets")
    assert dict(answer.seen["headers"])["x-forwarded-client-cert"].endswith(f"URI={identity('daemun')}")
    assert not pets.consul.in_the_clear


async def test_settings_say_who_asks(pets: Pets) -> None:
    pets.world.write("settings.yaml", settings(pets.consul.address, connect_as="edge"))
    await pets.behind(clients="edge")
    await pets.world.start()
    await pets.world.answered_by("pets")
    pets.world.write("settings.yaml", settings(pets.consul.address, connect_as="other"))
    await pets.world.answers(503)


async def test_an_intention_that_denies_keeps_us_out(pets: Pets) -> None:
    await pets.behind(clients="web")
    await pets.world.start()
    await pets.world.answers(503)
    assert not pets.world.backends["pets"].requests
    await pets.behind(clients="daemun")
    await pets.world.answered_by("pets")


async def test_another_service_of_the_mesh_does_not_pass_for_it(pets: Pets) -> None:
    await pets.behind("dogs")
    await pets.world.start()
    await pets.world.answers(503)
    assert not pets.world.backends["pets"].requests
    await pets.behind()
    await pets.world.answered_by("pets")


async def test_the_authority_is_replaced_and_no_request_fails(pets: Pets) -> None:
    await pets.behind()
    await pets.world.start()
    await pets.world.answered_by("pets")
    new = Authority()
    async with load(lambda: pets.world.ask("/")) as steady:
        issued = len(pets.consul.issued)
        await pets.consul.replace(pets.authority, new)
        await until(lambda: len(pets.consul.issued) > issued)
        await steady.more(20)
    assert not steady.failed()
    # A sidecar that trusts the new one alone.
    await pets.behind(authority=new)
    before = len(pets.world.backends["pets"].requests)
    await until(lambda: _through(pets, before))


async def _through(pets: Pets, before: int) -> bool:
    """Whether a request has got there meanwhile."""
    answer = await pets.world.ask("/")
    return answer.status == 200 and len(pets.world.backends["pets"].requests) > before


async def test_a_token_that_may_not_have_it_is_told_and_nothing_goes_in_the_clear(pets: Pets) -> None:
    pets.consul.token = "of-the-operator"  # noqa: S105 - of a stand-in
    await pets.behind()
    await pets.world.start(clean=False)
    told = await pets.world.problem("Settings", "permits it not", "requests into the mesh are not sent")
    assert not pets.world.backends["pets"].requests
    pets.world.write("settings.yaml", settings(pets.consul.address, "of-the-operator"))
    await pets.world.solved(told)
    await pets.world.answered_by("pets")
