"""The xDS server and clients of all kinds: strangers, early ones, slow ones, those that share a proxy."""

import asyncio
import contextlib
import logging
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest

from daemun.ir.resource import CLUSTER, LISTENER
from daemun.process.turns import Line
from daemun.serve import outlet
from daemun.serve.proxy import Connected, Disconnected, Synced
from daemun.serve.server import XdsServer
from daemun.xds.events import Rejected, Restored
from daemun.xds.messages import Request, Response
from daemun.xds.session import Session
from daemun.xds.silence import SILENCE
from daemun.xds.subscription import MOST
from support.clients import http2
from support.clients.taker import taker
from support.scenes.served import Served, cluster, listener
from support.scenes.world import until


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    with tempfile.TemporaryDirectory(prefix="daemun-") as name:
        made = Served(f"unix:{Path(name) / 'xds.sock'}")
        await made.start()
        yield made
        await made.server.stop()


async def test_a_stranger_gets_nothing(served: Served) -> None:
    served.server.apply([cluster("a", "c", b"c")])
    async with served.client("a", header="node") as call:
        assert await call.code() is grpc.StatusCode.UNAUTHENTICATED
    assert served.events == []


async def test_nothing_is_sent_before_the_sources_are_complete(served: Served) -> None:
    async with served.client("a") as call:
        await call.write(DeltaDiscoveryRequest(type_url=CLUSTER))
        reading = asyncio.ensure_future(call.read())
        done, _ = await asyncio.wait([reading], timeout=0.2)
        assert not done
        assert not served.server.connected("a")
        served.server.apply([cluster("a", "c", b"c"), cluster("b", "d", b"d")])
        response = await reading
        assert [resource.name for resource in response.resources] == ["c"]
        assert served.server.connected("a")
        assert not served.server.synced("a")
        assert not served.server.connected("b")


async def test_sources_may_be_complete_and_empty(served: Served) -> None:
    async with served.client("a") as call:
        await call.write(DeltaDiscoveryRequest(type_url=CLUSTER))
        served.server.ready()
        response = await call.read()
        assert not response.resources
        await call.write(DeltaDiscoveryRequest(type_url=CLUSTER, response_nonce=response.nonce))
        await served.until(Connected)
    await served.until(Disconnected)


async def test_a_client_that_brings_thousands_of_names_hears_only_of_what_differs(served: Served) -> None:
    many = [cluster("a", f"c{number}", b"c%d" % number) for number in range(3000)]
    served.server.apply(many)
    have: dict[str, str] = {}
    async with served.client("a") as call:
        await call.write(DeltaDiscoveryRequest(type_url=CLUSTER))
        while len(have) < len(many):
            response = await call.read()
            assert len(response.resources) <= MOST
            have |= {one.name: one.version for one in response.resources}
            await call.write(DeltaDiscoveryRequest(type_url=CLUSTER, response_nonce=response.nonce))
    async with served.client("a") as call:
        await call.write(DeltaDiscoveryRequest(type_url=CLUSTER, initial_resource_versions=have | {"c7": "old"}))
        response = await call.read()
        assert [one.name for one in response.resources] == ["c7"]
        await call.write(DeltaDiscoveryRequest(type_url=CLUSTER, response_nonce=response.nonce))
        await served.until(Synced, 2)


async def test_a_server_that_stops_leaves_its_successor_alone(served: Served) -> None:
    successor = XdsServer(served.authenticate, served.on_event)
    await successor.start(served.address)
    successor.ready()
    await served.server.stop()
    async with served.client("a") as call:
        await call.write(DeltaDiscoveryRequest(type_url=CLUSTER))
        assert not (await call.read()).resources
    await successor.stop()


async def test_clients_that_answer_nothing_are_told_that_their_streams_have_ended(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    """All of them, and it is no failure: nothing else is logged."""
    clients = 20
    served.server.apply([listener("a", "l", b"l")])
    async with contextlib.AsyncExitStack() as streams:
        calls = [await streams.enter_async_context(served.client("a")) for _ in range(clients)]
        for call in calls:
            await call.write(DeltaDiscoveryRequest(type_url=LISTENER))
            assert (await call.read()).resources
        served.later(SILENCE)
        async with asyncio.timeout(30):
            for call in calls:
                assert await call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
                assert await call.details() == "no answer to what was sent: connect again"
        await served.until(Disconnected, clients)
        assert served.server.counts.stuck == clients
        # Who connects again is served.
        async with served.client("a") as call:
            await call.write(DeltaDiscoveryRequest(type_url=LISTENER))
            assert (await call.read()).resources
    assert [one.levelname for one in caplog.records] == ["WARNING"] * clients


async def test_who_takes_nothing_on_a_unix_socket_is_told_of_and_not_counted_as_ended(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outlet, "LOOK", 0.02)
    served.server.apply([cluster("frozen", "c", b"\x0a" + b"x" * (4 << 20))])
    async with taker(served.address, "frozen") as frozen:
        await frozen.say(DeltaDiscoveryRequest(type_url=CLUSTER))

        def told() -> list[logging.LogRecord]:
            served.later(SILENCE)
            return caplog.records

        await until(told, 60)
        assert served.server.connected("frozen")
    await served.until(Disconnected)
    (warning,) = (one.getMessage() for one in caplog.records)
    assert warning.endswith("nothing of what it is sent for 60 s: its stream waits until it hangs up.")
    assert served.server.counts.stuck == 0


async def test_who_says_what_is_no_message_loses_its_stream_and_nobody_else_does(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    served.server.apply([cluster("a", "c", b"c")])
    async with served.client("a") as call, taker(served.address, "odd") as odd:
        await odd.send(http2.message(b"\xff\xff"))
        await served.until(Disconnected)
        await call.write(DeltaDiscoveryRequest(type_url=CLUSTER))
        assert (await call.read()).resources
    assert served.of(Disconnected)[0] == "odd"
    (told,) = caplog.records
    assert told.getMessage() == "What a proxy of odd says is not in the protocol: its stream is ended."
    assert not told.exc_info


async def test_clients_that_have_to_hear_at_once_hold_up_the_loop_one_at_a_time(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients, turn, worked = 20, 0, Counter[int]()
    poll, receive = Session.poll, Session.receive
    monkeypatch.setattr(served.server, "_line", Line(0.0))  # as if each were a slice of work

    def polled(session: Session, now: float) -> list[Response]:
        worked[turn] += 1
        return poll(session, now)

    def received(session: Session, request: Request, now: float) -> None:
        worked[turn] += 1
        receive(session, request, now)

    monkeypatch.setattr(Session, "poll", polled)
    monkeypatch.setattr(Session, "receive", received)
    served.server.apply([cluster("a", "c", b"c")])

    async def listen(call: Any) -> None:
        await call.write(DeltaDiscoveryRequest(type_url=CLUSTER))
        heard = b""
        while heard != b"new":
            response = await call.read()
            heard = response.resources[0].resource.value
            await call.write(DeltaDiscoveryRequest(type_url=CLUSTER, response_nonce=response.nonce))

    async with contextlib.AsyncExitStack() as streams:
        calls = [await streams.enter_async_context(served.client("a")) for _ in range(clients)]
        every = asyncio.gather(*map(listen, calls))
        while not every.done():
            turn += 1
            if served.of(Synced) and len(served.of(Connected)) == clients:
                served.server.apply([cluster("a", "c", b"new")])
            await asyncio.sleep(0)
    assert sum(worked.values()) > clients
    assert max(worked.values()) == 1


async def test_what_two_streams_of_a_proxy_reject_is_reported_once(served: Served) -> None:
    served.server.apply([cluster("a", "c", b"bad")])

    async def refuse(call: Any) -> None:
        await call.write(DeltaDiscoveryRequest(type_url=CLUSTER))
        response = await call.read()
        answer = DeltaDiscoveryRequest(type_url=CLUSTER, response_nonce=response.nonce)
        answer.error_detail.message = "no"
        await call.write(answer)

    async with contextlib.AsyncExitStack() as streams:
        one = await streams.enter_async_context(served.client("a"))
        await refuse(one)
        await served.until(Rejected)
        other = await streams.enter_async_context(served.client("a"))
        await other.write(DeltaDiscoveryRequest(type_url=CLUSTER))
        assert not (await other.read()).resources  # known to be bad: not even tried
        assert len(served.server.rejections("a")) == 1
        # The bad one is mended: restored when both have it.
        served.server.apply([cluster("a", "c", b"good")])
        response = await one.read()
        await one.write(DeltaDiscoveryRequest(type_url=CLUSTER, response_nonce=response.nonce))
        assert served.of(Restored) == []
        await other.write(DeltaDiscoveryRequest(type_url=CLUSTER, response_nonce="2"))
        response = await other.read()
        await other.write(DeltaDiscoveryRequest(type_url=CLUSTER, response_nonce=response.nonce))
        await served.until(Restored)
        assert served.of(Rejected) == ["a"]
        assert served.server.synced("a")
        assert served.of(Synced)


async def test_a_rejection_outlives_its_stream_until_the_next_has_taken_the_leaf(served: Served) -> None:
    served.server.apply([cluster("a", "c", b"bad")])
    async with served.client("a") as call:
        await call.write(DeltaDiscoveryRequest(type_url=CLUSTER))
        answer = DeltaDiscoveryRequest(type_url=CLUSTER, response_nonce=(await call.read()).nonce)
        answer.error_detail.message = "no"
        await call.write(answer)
        await served.until(Rejected)
    await served.until(Disconnected)
    served.server.apply([cluster("a", "c", b"good")])
    assert len(served.server.rejections("a")) == 1
    async with served.client("a") as call:
        await call.write(DeltaDiscoveryRequest(type_url=CLUSTER))
        response = await call.read()
        while not response.resources:
            await call.write(DeltaDiscoveryRequest(type_url=CLUSTER, response_nonce=response.nonce))
            response = await call.read()
        await call.write(DeltaDiscoveryRequest(type_url=CLUSTER, response_nonce=response.nonce))
        await served.until(Restored)
    assert served.server.rejections("a") == []
    assert served.of(Rejected) == ["a"]
