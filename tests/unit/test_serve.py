"""The xDS server's streams: how they end."""

import asyncio
from collections.abc import AsyncIterator
from unittest.mock import Mock

import grpc.aio
import pytest
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest

from daemun.ir import auth, quotas
from daemun.ir.resource import CLUSTER, PartKey
from daemun.serve.counts import OTHER, Counts
from daemun.serve.server import _STEP, XdsServer
from daemun.xds.messages import Request
from support.scenes.world import until


async def _authenticate(_: object) -> str:
    return "default/gw"


async def _endless(reading: asyncio.Event, ended: asyncio.Event) -> AsyncIterator[DeltaDiscoveryRequest]:
    """A client that says one thing and then nothing, and whose end takes its time."""
    yield DeltaDiscoveryRequest(type_url=CLUSTER)
    try:
        reading.set()
        await asyncio.Event().wait()
    finally:
        await ended.wait()


async def test_a_stream_that_is_cancelled_while_it_ends_leaves_no_session() -> None:
    xds = XdsServer(_authenticate, lambda *_: None)
    xds.ready()
    reading, ended = asyncio.Event(), asyncio.Event()
    context = Mock(grpc.aio.ServicerContext, invocation_metadata=Mock(return_value=()))
    stream = asyncio.create_task(xds._serve(_endless(reading, ended), context))
    await reading.wait()
    assert xds.connected("default/gw")
    stream.cancel()
    await asyncio.sleep(0)  # it is about to end
    stream.cancel()
    await until(stream.done)
    assert not xds.connected("default/gw")
    ended.set()


async def test_a_stream_that_fails_is_closed_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    xds = XdsServer(_authenticate, lambda *_: None)
    xds.ready()

    async def broken() -> AsyncIterator[DeltaDiscoveryRequest]:
        yield DeltaDiscoveryRequest(type_url=CLUSTER)
        raise ValueError("half a message")

    context = Mock(grpc.aio.ServicerContext, invocation_metadata=Mock(return_value=()))
    await asyncio.wait_for(xds._serve(broken(), context), 30)
    assert not xds.connected("default/gw")
    assert "The stream of default/gw has failed." in caplog.text


def test_what_clients_say_of_types_that_are_not_served_counts_together() -> None:
    counts = Counts()
    for number in range(1000):
        counts.heard(Request(f"type.googleapis.com/odd.T{number}", "1"))
        counts.heard(Request(f"type.googleapis.com/odd.T{number}", "1", error_detail="no"))
    for type_url in (CLUSTER, auth.CHAIN, quotas.LIMITS):
        counts.heard(Request(type_url, "1"))
    assert counts.acks == {OTHER: 1000, "Cluster": 1, "Chain": 1, "Limits": 1}
    assert counts.nacks == {OTHER: 1000}


async def test_to_sort_very_many_changes_by_proxy_is_many_steps() -> None:
    many = 100 * _STEP
    server = XdsServer(_authenticate, lambda *_: None)
    steps = list(server._apply((PartKey("p", CLUSTER, f"c{number}", ""), None) for number in range(many)))
    assert len(steps) >= 2 * many / _STEP
