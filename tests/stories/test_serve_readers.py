"""The xDS server and clients that read slowly or not at all: they delay nobody; who takes nothing is hung up on."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

from daemun.ir.resource import CLUSTER
from daemun.serve import outlet, server
from daemun.serve.proxy import Connected, Disconnected, Synced
from daemun.xds.silence import SILENCE
from support.scenes.served import Served, cluster
from support.scenes.world import until
from support.servers.throttle import Throttle

HUGE = b"\x0a" + b"x" * (24 << 20)
"""More than any buffer on the way holds."""
PIECE = 1 << 20


@pytest.fixture(params=["127.0.0.1", "[::]"])
async def served(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    for module in (outlet, server):
        monkeypatch.setattr(module, "LOOK", 0.02)
    made = Served(f"{request.param}:0")
    await made.start()
    yield made
    await made.server.stop()


async def ask(call: Any, type_url: str = CLUSTER) -> None:
    await call.write(DeltaDiscoveryRequest(type_url=type_url))


async def take(call: Any) -> DeltaDiscoveryResponse:
    """Read a response, and say so."""
    response: DeltaDiscoveryResponse = await call.read()
    await call.write(DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce))
    return response


def gone(served: Served, proxy: str) -> bool:
    """Whether its stream is ended; if not, time passes."""
    served.later(SILENCE)
    return not served.server.connected(proxy)


async def test_a_slow_reader_delays_nobody(served: Served) -> None:
    huge = b"\x0a" + b"x" * (8 << 20)
    served.server.apply([cluster("slow", "c", huge), cluster("quick", "c", b"0")])
    async with served.client("slow") as slow, served.client("quick") as quick:
        await slow.write(DeltaDiscoveryRequest(type_url=CLUSTER))
        await quick.write(DeltaDiscoveryRequest(type_url=CLUSTER))
        response = await quick.read()
        for turn in range(100):
            await quick.write(DeltaDiscoveryRequest(type_url=CLUSTER, response_nonce=response.nonce))
            served.server.apply([cluster("slow", "c", huge + b"%d" % turn), cluster("quick", "c", b"%d" % (turn + 1))])
            async with asyncio.timeout(30):
                response = await quick.read()
        assert response.resources[0].resource.value == b"100"


async def test_who_takes_nothing_of_what_is_written_is_hung_up_on_and_may_come_again(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    served.server.apply([cluster("slow", "c", HUGE), cluster("quick", "c", b"0")])
    async with served.client("quick") as quick, served.client("slow", f"127.0.0.1:{served.port}") as slow:
        await ask(quick)
        await take(quick)
        await served.until(Synced)  # or else its answer may come after time has passed for it, too
        await ask(slow)
        await served.until(Connected, 2)
        served.later(SILENCE - 1)
        (session,) = served.server._proxies["slow"]._sessions
        await until(session.owes)
        assert served.server.connected("slow")
        await until(lambda: gone(served, "slow"))
        assert served.of(Disconnected) == ["slow"]
        assert await slow.code() is grpc.StatusCode.UNAVAILABLE
        assert served.server.counts.stuck == 1
        # Whoever reads is served as ever, also the one that did not.
        served.server.apply([cluster("quick", "c", b"1")])
        async with asyncio.timeout(30):
            assert (await take(quick)).resources[0].resource.value == b"1"
        async with served.client("slow") as again:
            await ask(again)
            assert (await take(again)).resources[0].resource.value == HUGE
            await until(lambda: "slow" in served.of(Synced))
    told = [one.getMessage() for one in caplog.records]
    assert told == ["A proxy of slow has taken nothing of what it is sent for 60 s: its connection is ended."]


async def test_who_takes_a_little_at_a_time_is_not_hung_up_on_and_has_the_newest_in_the_end(served: Served) -> None:
    served.server.apply([cluster("slow", "c", HUGE)])
    between = await Throttle(served.port).start()
    async with served.client("slow", f"127.0.0.1:{between.port}") as slow:
        await between.let(PIECE)
        await ask(slow)
        reading = asyncio.ensure_future(take(slow))
        for piece in range(1, 9):
            await between.passed(piece * PIECE)
            served.later(0.6 * SILENCE)
            await between.let(PIECE)
        served.server.apply([cluster("slow", "c", b"newest")])
        await between.let(1 << 30)
        assert (await reading).resources[0].resource.value == HUGE
        assert (await take(slow)).resources[0].resource.value == b"newest"
        await served.until(Synced)
    assert (served.server.counts.opened, served.server.counts.stuck) == (1, 0)
    await between.stop()
