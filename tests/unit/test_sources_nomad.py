"""What the plug-in for Nomad asks, and makes of the answers (those of Nomad's documentation)."""

import contextlib
from collections.abc import AsyncIterator

import pytest_asyncio
from aiohttp import web

from daemun.base.guard import LOOPBACK, Guard
from daemun.ir.instances import Entry, Instance, Lookup
from daemun.sources.registries.nomad import Nomad, NomadConfig
from daemun.sources.registries.registry import Tools
from support.servers.ports import free_port
from support.servers.sites import serve

SERVICE = [
    {
        "Address": "192.0.2.1",
        "AllocID": "d2bfbd4a",
        "ID": "_nomad-task-d2bfbd4a",
        "Namespace": "shop",
        "Port": 25702,
        "ServiceName": "pets",
        "Tags": ["v2", "blue"],
    },
    {"Address": "192.0.2.2", "Port": 25703, "Tags": None},
    {"Address": "192.0.2.3", "Port": 0},
    {"Address": "", "Port": 80},
]
SERVICES = [
    {"Namespace": "default", "Services": [{"ServiceName": "pets", "Tags": ["blue"]}, {"ServiceName": "cats"}]},
    {"Namespace": "shop", "Services": [{"ServiceName": "pets", "Tags": None}]},
    {"Namespace": "empty", "Services": None},
]


class Agent:
    """Answers with the same each time."""

    def __init__(self) -> None:
        self.port = free_port()
        self.asked: list[tuple[str, dict[str, str], str]] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append((request.rel_url.raw_path, dict(request.query), request.headers.get("X-Nomad-Token", "")))
        found = SERVICES if request.path == "/v1/services" else SERVICE
        return web.json_response(found, headers={"X-Nomad-Index": "7"})


@pytest_asyncio.fixture
async def agent() -> AsyncIterator[Agent]:
    one = Agent()
    async with serve(one.answer, port=one.port):
        yield one


@contextlib.asynccontextmanager
async def plugin(agent: Agent, region: str = "", namespace: str = "default") -> AsyncIterator[Nomad]:
    config = NomadConfig(f"127.0.0.1:{agent.port}", region, namespace)
    one = Nomad(config, Tools({"token": b"of-the-operator\n"}, Guard.of(*LOOPBACK)))
    yield one
    await one.close()


async def test_instances_of_a_service(agent: Agent) -> None:
    async with plugin(agent, "global") as one, contextlib.aclosing(one.follow(Lookup("n", "a/b", "shop"))) as answers:
        found = await anext(answers)
        await anext(answers)
    assert found == (Instance("192.0.2.1", 25702, ("blue", "v2")), Instance("192.0.2.2", 25703))
    wait = {"namespace": "shop", "region": "global", "wait": "300s"}
    assert agent.asked == [("/v1/service/a%2Fb", {**wait, "index": index}, "of-the-operator") for index in ("0", "7")]


async def test_the_catalogue_has_all_namespaces_that_may_be_seen(agent: Agent) -> None:
    async with plugin(agent, namespace="*") as one, contextlib.aclosing(one.catalogue()) as answers:
        found = await anext(answers)
    assert found == {Entry("pets", "default", ("blue",)), Entry("cats", "default"), Entry("pets", "shop")}
    assert agent.asked[0][1]["namespace"] == "*"
