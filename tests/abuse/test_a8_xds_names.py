"""A8: a proxy that has been taken over says very many names. It holds up nobody, and only so many are kept."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

from daemun.base.names import Ref
from daemun.ir.origin import Origin
from daemun.ir.resource import CLUSTER, ENDPOINT, SCOPE, Leaf, Part, PartKey, part
from daemun.process.turns import Turns
from daemun.serve import server as served
from daemun.serve.server import METHOD, SERVICE, XdsServer
from daemun.xds import names
from daemun.xds.messages import Request
from daemun.xds.names import Names
from daemun.xds.session import Session
from daemun.xds.wanted import Wanted

MANY = 20_000
_NAMES = [f"n{number}" for number in range(MANY)]
REQUESTS = {
    "asked for": DeltaDiscoveryRequest(type_url=ENDPOINT, resource_names_subscribe=_NAMES),
    "not asked for": DeltaDiscoveryRequest(type_url=ENDPOINT, resource_names_unsubscribe=_NAMES),
    "brought": DeltaDiscoveryRequest(type_url=SCOPE, initial_resource_versions=dict.fromkeys(_NAMES, "v")),
    "of no type": DeltaDiscoveryRequest(type_url="odd", resource_names_subscribe=_NAMES),
}


def _resource(type_url: str, name: str) -> tuple[PartKey, Part]:
    return PartKey("gw", type_url, name), part("", [Leaf(b"x", Origin(Ref("", "Test", "", name)))])


@pytest.fixture
async def xds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[XdsServer, str]]:
    """A server that rests after each step, as if each were a slice of work; and its address."""
    monkeypatch.setattr(served, "Turns", lambda: Turns(0.0))

    async def authenticate(_: Mapping[str, str]) -> str:
        return "gw"

    made = XdsServer(authenticate, lambda *_: None)
    address = await made.start(f"unix:{tmp_path / 'xds.sock'}")
    made.apply([_resource(CLUSTER, "c")])
    yield made, address
    await made.stop()


@contextlib.asynccontextmanager
async def _stream(address: str) -> AsyncIterator[Any]:
    async with grpc.aio.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        call = channel.stream_stream(
            f"/{SERVICE}/{METHOD}",
            request_serializer=DeltaDiscoveryRequest.SerializeToString,
            response_deserializer=DeltaDiscoveryResponse.FromString,
        )()
        yield call
        call.cancel()


@pytest.mark.parametrize("sort", REQUESTS)
async def test_a8_others_have_their_turn_while_very_many_names_are_taken_in(
    xds: tuple[XdsServer, str], monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    _, address = xds
    turn, worked = 0, Counter[int]()

    def counted(name: str) -> None:
        whole = getattr(Names, name)

        def count(*arguments: Any) -> Any:
            worked[turn] += 1
            return whole(*arguments)

        monkeypatch.setattr(Names, name, count)

    for name in ("add", "discard", "strange"):
        counted(name)
    async with _stream(address) as flood, _stream(address) as other:
        if sort == "not asked for":
            await flood.write(DeltaDiscoveryRequest(type_url=ENDPOINT, resource_names_subscribe=["one"]))
        await flood.write(REQUESTS[sort])
        every = asyncio.gather(_clusters(flood), _clusters(other))
        async with asyncio.timeout(60):
            while not every.done():
                turn += 1
                await asyncio.sleep(0)
        assert await every == [["c"], ["c"]]
    assert sum(worked.values()) >= MANY
    assert max(worked.values()) <= 2, "of one name"


async def _clusters(stream: Any) -> list[str]:
    """What it is told when it asks for clusters."""
    await stream.write(DeltaDiscoveryRequest(type_url=CLUSTER))
    while (response := await stream.read()).type_url != CLUSTER:
        pass
    return [one.name for one in response.resources]


@pytest.mark.parametrize("sort", ["subscribe", "initial_resource_versions"])
def test_a8_only_so_many_names_of_nothing_are_kept(monkeypatch: pytest.MonkeyPatch, sort: str) -> None:
    monkeypatch.setattr(names, "MOST_STRANGE", 1000)
    wanted = Wanted()
    wanted.apply(_resource(SCOPE, f"there{number}") for number in range(500))
    session = Session(wanted)
    brought = {f"n{number}": "v" for number in range(5000)} | {"x" * 5000: "v"}
    there = {f"there{number}": "v" for number in range(500)}
    said = brought | there if sort == "initial_resource_versions" else tuple(brought | there)
    session.receive(Request(SCOPE, **{sort: said}), 0.0)
    scopes = session.subscription(SCOPE)
    for number in range(5):
        session.receive(Request(SCOPE, subscribe=tuple(f"m{number}-{one}" for one in range(1000))), 0.0)
    assert len(scopes.client) <= 2 * 500 + 1000
    assert len(scopes._names._names) <= 2 * 500 + 1000
    assert len(scopes._dirty) <= 2 * (2 * 500 + 1000)
    told = Counter[str]()
    for now in range(1, 100):
        for response in session.poll(float(now)):
            told.update(one.name for one in response.resources)
            session.receive(Request(response.type_url, response.nonce), float(now))
    assert told == Counter(there.keys()), "what there is has been told, whatever else was asked"
