"""The xDS server ends promptly, whatever its clients do, and nothing about it is a failure."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest

from daemun.ir.resource import CLUSTER
from daemun.serve import outlet, server
from daemun.serve.outlet import Outlet
from daemun.serve.proxy import Connected
from support.clients.taker import taker
from support.scenes.served import Served, cluster
from support.scenes.world import until

HUGE = b"\x0a" + b"x" * (24 << 20)
"""More than any buffer on the way holds."""


@pytest.fixture(params=["127.0.0.1:0", "[::]:0", "unix:"])
async def served(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    monkeypatch.setattr(server, "_PARTING", 0.1)
    with tempfile.TemporaryDirectory(prefix="daemun-") as name:
        made = Served(f"unix:{Path(name) / 'xds.sock'}" if request.param == "unix:" else request.param)
        await made.start()
        yield made
        await made.server.stop()


async def stop(served: Served, grace: float | None = None) -> None:
    """It does not wait for anybody."""
    async with asyncio.timeout(30):
        await served.server.stop(grace)
    assert not served.server.proxies()


async def test_it_does_not_wait_for_one_that_takes_nothing(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outlet, "LOOK", 0.02)
    looks: list[float] = []
    look = Outlet._look

    def looking(one: Outlet, now: float) -> bool:
        looks.append(now)
        return look(one, now)

    monkeypatch.setattr(Outlet, "_look", looking)
    served.server.apply([cluster("frozen", "c", HUGE)])
    async with taker(served.address, "frozen") as frozen:
        await frozen.say(DeltaDiscoveryRequest(type_url=CLUSTER))
        await frozen.take(1000)
        await until(lambda: len(looks) > 20)  # by then the kernel's buffers are full
        await stop(served)
    assert served.server.counts.closed == 1
    assert not caplog.records


async def test_it_does_not_wait_for_one_that_never_said_who_it_is(served: Served) -> None:
    async with taker(served.address, "early") as early:
        await early.say(DeltaDiscoveryRequest(type_url=CLUSTER))
        await early.take(1000)
        await stop(served)


async def test_streams_go_on_for_as_long_as_they_are_given(served: Served) -> None:
    served.server.apply([cluster("a", "c", b"0")])
    async with served.client("a") as call:
        await call.write(DeltaDiscoveryRequest(type_url=CLUSTER))
        await call.read()
        began = time.monotonic()
        await stop(served, 0.5)
        assert time.monotonic() >= began + 0.5
    assert served.of(Connected) == ["a"]
