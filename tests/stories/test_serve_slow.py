"""The xDS server and clients that take and read very slowly what is written already: they are not silent."""

import functools
import time
from collections.abc import AsyncIterator

import pytest
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest

from daemun.ir.resource import LISTENER
from daemun.serve import outlet, server
from daemun.serve.connection import accepted
from daemun.serve.outlet import Outlet
from daemun.serve.proxy import Disconnected, Synced
from daemun.xds.silence import SILENCE
from support.clients.taker import Taker, taker
from support.scenes.served import Served, listener
from support.scenes.world import until

LARGE = b"\x0a" + b"x" * (1 << 20)
STEP = 12.0
"""Seconds until it takes or reads some more: no response is given up so soon (`PATIENCE`)."""


@pytest.fixture
async def served(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    for module in (outlet, server):
        monkeypatch.setattr(module, "LOOK", 0.02)
    made = Served("127.0.0.1:0")
    await made.start()
    yield made
    await made.server.stop()


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When it was looked at what a client has taken."""
    looks: list[float] = []
    look = Outlet._look

    def looking(one: Outlet, now: float) -> bool:
        looks.append(now)
        return look(one, now)

    monkeypatch.setattr(Outlet, "_look", looking)
    return looks


async def pass_by(served: Served, looks: list[float]) -> None:
    """Time passes, and the server has looked at its client after that, or ended its stream."""
    served.later(STEP)
    at = time.monotonic() + served.ahead
    await until(lambda: served.of(Disconnected) or looks[-1] >= at, 60)


async def take_slowly(served: Served, looks: list[float], slow: Taker) -> None:
    """Until its kernel has confirmed all there is. Some of that it has not read yet."""
    await slow.say(DeltaDiscoveryRequest(type_url=LISTENER))
    await until(lambda: looks, 60)
    (connection,) = accepted(served.port)

    def moved(before: int) -> bool:
        slow.take_what_is_there(1 << 10)
        return connection.taken() >= before + (1 << 11) or not connection.waiting()

    while connection.waiting():
        await until(functools.partial(moved, connection.taken()), 60)
        await pass_by(served, looks)


async def test_who_is_still_taking_what_was_sent_or_reading_it_is_neither_silent_nor_sent_it_again(
    served: Served, looks: list[float]
) -> None:
    served.server.apply([listener("slow", "l", LARGE)])
    async with taker(served.address, "slow") as slow:
        await take_slowly(served, looks, slow)
        took = served.ahead
        assert took > 2 * SILENCE
        while served.ahead < 1.9 * took:
            slow.take_what_is_there(10)
            await pass_by(served, looks)
        served.server.apply([listener("slow", "l", b"newest")])
        await slow.until(1)
        await slow.answer()
        await slow.until(2)
        await slow.answer()
        await served.until(Synced)
    values = [one.resources[0].resource.value for one in slow.responses]
    assert values == [LARGE, b"newest"]
    assert served.server.counts.stuck == 0


async def test_who_has_taken_it_slowly_and_then_says_nothing_for_as_long_again_is_silent(
    served: Served, looks: list[float]
) -> None:
    served.server.apply([listener("slow", "l", LARGE)])
    async with taker(served.address, "slow") as slow:
        await take_slowly(served, looks, slow)
        took = served.ahead
        while not served.of(Disconnected):
            await pass_by(served, looks)
        assert took < served.ahead - took < 3 * took
    assert served.server.counts.stuck == 1
