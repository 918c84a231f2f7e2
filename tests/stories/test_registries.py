"""The registries of docs/registries through real Envoys: found, changed, gone, killed, restarted, emptied and flooded.

Each is the page as it stands, but for addresses, ports, and the time between two questions. Cloud Foundry, Consul and
Nomad are stand-ins over real HTTP, the DNS is a real server.
"""

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Protocol

import pytest
import pytest_asyncio

from support.objects.documents import Doc, gateway, listener, reference, route
from support.scenes.world import World, fresh, manifest, tally, until
from support.servers.backend import Echo
from support.servers.nameserver import Nameserver
from support.standins.cloudfoundry import CloudFoundry
from support.standins.consul import Consul
from support.standins.nomad import Nomad

DOCS = Path(__file__).parents[2] / "docs" / "registries"
SERVICE = "pets"
WISHED = "  discovery: {enabled: true}\n  secretRef"


class Place(Protocol):
    """A registry of a story."""

    page: str
    field: str
    """A field of its page's Registry, and what is written wrong there."""

    def written(self, text: str) -> str:
        """The page, for this registry."""
        ...

    async def start(self) -> None:
        """Answer."""
        ...

    async def stop(self) -> None:
        """Be away."""
        ...

    async def put(self, service: str, *backends: Echo) -> None:
        """A service has these instances, and no others."""
        ...

    def forget(self) -> None:
        """Know nothing any more."""
        ...


class OfNomad:
    page, field = "nomad", "address: http://"

    def __init__(self) -> None:
        self._nomad = Nomad()
        self.stop, self.forget = self._nomad.stop, self._nomad.forget

    def written(self, text: str) -> str:
        self._nomad.token = re.findall("token: ([a-z-]+)", text)[0]
        return text.replace("http://nomad.example:4646", self._nomad.address)

    async def start(self) -> None:
        await self._nomad.start()

    async def put(self, service: str, *backends: Echo) -> None:
        await self._nomad.put(service, *(one.port for one in backends))


class OfConsul:
    page, field = "README", "httpAddress: http://"

    def __init__(self) -> None:
        self._consul = Consul()
        self.stop, self.forget = self._consul.stop, self._consul.forget

    def written(self, text: str) -> str:
        self._consul.token = "of-the-operator"  # noqa: S105 - of nobody
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "consul"}}
        held = manifest({**secret, "stringData": {"token": self._consul.token}})
        here = text.replace(", namespace: infra", "").replace("  namespace: infra\n", "")
        return f"{held}---\n{here.replace('https://consul.example:8501', self._consul.address)}"

    async def start(self) -> None:
        await self._consul.start()

    async def put(self, service: str, *backends: Echo) -> None:
        await self._consul.put(service, *(one.port for one in backends))


class OfDns:
    page, field = "dns", 'nameservers: ["'

    def __init__(self) -> None:
        self._server = Nameserver()
        self.stop, self.forget = self._server.stop, self._server.forget

    def written(self, text: str) -> str:
        return text.replace('"192.0.2.53", "[2001:db8::53]:5353"', f'"{self._server.address}"')

    async def start(self) -> None:
        await self._server.start()

    async def put(self, service: str, *backends: Echo) -> None:
        self._server.put("here", "A", "127.0.0.1")
        records = [f"1 1 {one.port} here.test." for one in backends]
        self._server.put(f"_http._tcp.{service}", "SRV", *records)


class OfCloudFoundry:
    page, field = "cloud-foundry", "api: http://"

    def __init__(self) -> None:
        self._cf = CloudFoundry()
        self.stop, self.forget = self._cf.stop, self._cf.forget

    def written(self, text: str) -> str:
        return text.replace("https://api.sys.example.com", self._cf.address).replace("interval: 15s", "interval: 1s")

    async def start(self) -> None:
        await self._cf.start()

    async def put(self, service: str, *backends: Echo) -> None:
        self._cf.app(service, *(one.port for one in backends))


class Registered:
    """A world whose only route leads to the service `pets` of a registry."""

    def __init__(self, world: World, place: Place) -> None:
        self.world, self.place = world, place

    def page(self, change: Callable[[str], str] = str) -> None:
        """Write the page, changed so."""
        blocks = re.findall(r"```yaml\n(.*?)```", (DOCS / f"{self.place.page}.md").read_text(), re.DOTALL)
        self.world.write("page.yaml", change(self.place.written(blocks[0])))

    async def put(self, *names: str) -> None:
        await self.place.put(SERVICE, *(self.world.backends[name] for name in names))

    async def become(self, *expected: str) -> None:
        """Wait until just these answer (or this status)."""

        async def are() -> bool:
            found = tally([await self.world.ask("/") for _ in range(4 * len(expected))])
            assert found.keys() == set(expected), self.world.problems()
            return True

        await until(are)


def to(name: str) -> Doc:
    return {"backendRefs": [{"group": "gloo.solo.io", "kind": "Upstream", "name": name}]}


@pytest_asyncio.fixture(params=[OfConsul, OfNomad, OfDns, OfCloudFoundry], ids=lambda one: one.page)
async def one(request: pytest.FixtureRequest) -> AsyncIterator[Registered]:
    async with fresh() as world:
        place = request.param()
        await place.start()
        world.closing(place.stop)
        await world.echo("a", "b")
        world.write(
            "gateway.yaml", gateway("gw", listener(world.port)), route("r", to(SERVICE), parents=[reference("gw")])
        )
        found = Registered(world, place)
        found.page()
        yield found


async def test_instances_come_change_and_go(one: Registered) -> None:
    await one.put("a")
    await one.world.start()
    await one.become("a")
    await one.put("a", "b")
    await one.become("a", "b")
    await one.put("b")
    await one.become("b")
    await one.put()
    await one.become("503")
    await one.put("a")
    await one.become("a")


async def test_one_that_is_killed_takes_nothing_with_it_and_counts_again_when_it_is_back(one: Registered) -> None:
    await one.put("a")
    await one.world.start()
    await one.become("a")
    await one.place.stop()
    told = await one.world.problem("Upstream default/pets", "the last good endpoints stay")
    assert await one.world.problem("Registry default/", "the last good endpoints stay")
    await one.become("a")
    one.place.forget()
    await one.put("b")
    await one.place.start()
    await one.become("b")
    await one.world.solved(told)


async def test_a_restart_while_it_is_away_keeps_what_proxies_have(one: Registered) -> None:
    await one.put("a")
    await one.world.start()
    await one.become("a")
    await until((one.world.base / "s" / "instances.json").exists)
    await one.world.end()
    await one.place.stop()
    await one.world.start(clean=False)
    await one.world.problem("Upstream default/pets", "the last good endpoints stay")
    await one.become("a")


async def test_one_that_is_emptied_is_believed(one: Registered) -> None:
    await one.put("a")
    await one.world.start()
    await one.become("a")
    one.place.forget()
    await one.put()
    await one.become("503")


async def test_one_that_is_flooded_serves_what_is_asked_for(one: Registered) -> None:
    for number in range(300):
        await one.place.put(f"other{number}", one.world.backends["b"])
    await one.put("a")
    await one.world.start()
    await one.become("a")
    for _ in range(50):
        await one.put("a", "b")
        await one.put()
    await one.put("b")
    await one.become("b")


async def test_what_is_written_wrong_is_one_error_and_the_last_good_stays(one: Registered) -> None:
    await one.put("a")
    await one.world.start()
    await one.become("a")
    field = one.place.field
    one.page(lambda text: text.replace(field, f"{field}no where "))
    told = await one.world.problem("Registry default/", f"spec.config.{field.partition(':')[0]}")
    assert told.mend
    await one.become("a")
    one.page()
    await one.world.solved(told)


@pytest.mark.parametrize(
    ("one", "made"),
    [(OfConsul, "pets"), (OfNomad, "pets-default"), (OfCloudFoundry, "pets-org-dev")],
    indirect=["one"],
)
async def test_what_it_has_becomes_upstreams_where_that_is_wished(one: Registered, made: str) -> None:
    await one.put("a")
    one.page(
        lambda text: re.sub(r"---\napiVersion: gloo.*", "", text, flags=re.DOTALL).replace("  secretRef", WISHED, 1)
    )
    only = route("r", to(made), parents=[reference("gw")])
    one.world.write("gateway.yaml", gateway("gw", listener(one.world.port)), only)
    await one.world.start(clean=False)
    await one.become("a")
    files = {file.stem for file in (one.world.base / "s" / "discovered").glob("*.json")}
    assert files == {f"default.{made}"}
    await one.place.stop()
    await one.world.problem("Registry default/", "last good endpoints stay")
    await one.become("a")
