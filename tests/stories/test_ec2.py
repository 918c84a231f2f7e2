"""Machines of EC2 (moto's server) as endpoints of Upstreams, through real Envoys: docs/registries/ec2.md as it stands.

All of them take requests at one port, so here each is another address of this machine.
"""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from support.objects.documents import Doc, gateway, listener, prefix, reference, route, rule, upstream
from support.scenes.world import World, fresh, tally, until
from support.servers.backend import Echo
from support.servers.moto import KEYS, REGION, Moto
from support.servers.ports import free_port

PAGE = Path(__file__).parents[2] / "docs" / "registries" / "ec2.md"
PLACES = {"a": "127.0.0.1", "b": "127.0.0.2"}


def to(name: str) -> list[Doc]:
    return [{"group": "gloo.solo.io", "kind": "Upstream", "name": name}]


def of_ec2(name: str, port: int) -> Doc:
    filters = [{"kvPair": {"key": "Name", "value": name}}]
    return upstream(name, awsEc2={"region": REGION, "secretRef": {"name": "aws"}, "filters": filters, "port": port})


class Machines:
    """A world with the page's Upstreams, `pets` at `/` and `cats` at `/cats`."""

    def __init__(self, world: World, aws: Moto, port: int) -> None:
        self.world, self.aws, self.port = world, aws, port
        of_upstream, of_registry = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
        self._page = f"{of_upstream}---\n{of_registry}".replace("8080", str(port)).replace(
            "interval: 30s", "interval: 1s"
        )

    def page(self, before: str = "", after: str = "") -> None:
        """Write the page, changed so."""
        assert before in self._page
        self.world.write("page.yaml", self._page.replace(before, after))

    async def become(self, path: str, *expected: str) -> None:
        """Wait until just these answer (or this status)."""

        async def are() -> bool:
            found = tally([await self.world.ask(path) for _ in range(4 * len(expected))])
            assert found.keys() == set(expected), self.world.problems()
            return True

        await until(are, 60)


@pytest_asyncio.fixture
async def machines(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Machines]:
    async with fresh() as world:
        aws = await Moto().start()
        world.closing(aws.stop)
        monkeypatch.setenv("AWS_ENDPOINT_URL", aws.address)
        port = free_port()
        for name, address in PLACES.items():
            backend = await Echo(name).start(port, address)
            world.closing(backend.stop)
        rules = (rule(prefix("/cats"), to=to("cats")), rule(to=to("pets")))
        world.write("gateway.yaml", gateway("gw", listener(world.port)), route("r", *rules, parents=[reference("gw")]))
        found = Machines(world, aws, port)
        found.page()
        yield found


async def test_machines_come_and_go_by_their_tags_and_a_dead_aws_takes_nothing_with_it(machines: Machines) -> None:
    aws, world = machines.aws, machines.world
    pet = await aws.run(PLACES["a"], Name="pets", team="x")
    cat = await aws.run(PLACES["b"], Name="cats", stage="prod")
    await aws.run("127.0.0.3", Name="pets")
    await world.start()
    await machines.become("/", "a")
    await machines.become("/cats", "b")
    await aws.run(PLACES["a"], Name="cats", stage="prod")
    await machines.become("/cats", "a", "b")
    await aws.terminate(cat)
    await machines.become("/cats", "a")

    await aws.stop()
    told = await world.problem("Upstream default/cats", "does not answer", "the last good endpoints stay")
    await world.problem("Registry default/machines", "does not answer")
    await machines.become("/", "a")
    await machines.become("/cats", "a")
    await aws.start()
    await world.solved(told)
    await machines.become("/cats", "503")
    await aws.run(PLACES["b"], Name="cats", stage="prod")
    await machines.become("/cats", "b")
    assert pet


async def test_any_number_of_upstreams_of_an_account_are_one_question(machines: Machines) -> None:
    aws, world = machines.aws, machines.world
    names = {f"group-{number}": "ab"[number % 2] for number in range(30)}
    keys = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "aws"}, "stringData": KEYS}
    world.write("page.yaml", keys, *(of_ec2(name, machines.port) for name in names))
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    for number in (0, 15):
        rules = [rule(prefix(f"/{name}"), to=to(name)) for name in list(names)[number : number + 15]]
        world.write(f"r{number}.yaml", route(f"r{number}", *rules, parents=[reference("gw")]))
    for name, place in names.items():
        await aws.run(PLACES[place], Name=name)
    await world.start()
    for name, place in names.items():
        await machines.become(f"/{name}", place)
    # One, and after each half minute that all of this took another.
    assert 1 <= [action for action, _ in aws.asked()].count("DescribeInstances") < len(names) / 3


async def test_settings_lend_credentials_to_those_who_have_none(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name.upper(), value)
    await machines.aws.run(PLACES["a"], Name="pets", team="x")
    machines.page("    secretRef: {name: aws}\n    roleArn", "    roleArn")
    await machines.world.start(clean=False)
    told = await machines.world.problem(
        "Upstream default/pets spec.awsEc2.secretRef: is not set, and Settings do not lend"
    )
    meta = {"name": "default", "namespace": "gloo-system"}
    spec = {"gloo": {"awsOptions": {"enableCredentialsDiscovey": True}}}
    lending = {"apiVersion": "gloo.solo.io/v1", "kind": "Settings", "metadata": meta, "spec": spec}
    machines.world.write("settings.yaml", lending)
    await machines.world.solved(told)
    await machines.become("/", "a")
    (machines.world.folder / "settings.yaml").unlink()
    await machines.world.problem("Upstream default/pets spec.awsEc2.secretRef: is not set")
    await machines.become("/", "500")


@pytest.mark.parametrize(
    "before, after, told",
    [
        ("    secretRef: {name: aws}\n    roleArn", "    roleArn", "Upstream default/pets spec.awsEc2.secretRef: "),
        ("- key: team", "- {}", "Upstream default/pets spec.awsEc2.filters[0]: "),
        ("interval: 1s", "interval: often", "Registry default/machines spec.config.interval: "),
    ],
)
async def test_what_is_written_wrong_is_one_error(machines: Machines, before: str, after: str, told: str) -> None:
    machines.page(before, after)
    await machines.world.start(clean=False)
    await machines.world.problem(told)
