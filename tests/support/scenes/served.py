"""A bare xDS server, and streams of clients that say and read what a test has them."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import grpc.aio
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

from daemun.base.names import Ref
from daemun.ir.origin import Origin
from daemun.ir.resource import CLUSTER, LISTENER, Leaf, Part, PartKey, part
from daemun.serve.server import XdsServer

PATH = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"


def cluster(proxy: str, name: str, data: bytes) -> tuple[PartKey, Part]:
    """A cluster of a proxy, whatever its bytes say."""
    return PartKey(proxy, CLUSTER, name), part("", [Leaf(data, Origin(Ref("", "Test", "", name)))])


def listener(proxy: str, name: str, data: bytes) -> tuple[PartKey, Part]:
    """A listener of a proxy, whatever its bytes say."""
    return PartKey(proxy, LISTENER, name), part("", [Leaf(data, Origin(Ref("", "Test", "", name)))])


class Served:
    """A server, and streams to it. The token of a client is the name of its proxy."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.events: list[tuple[str, object]] = []
        self.heard = asyncio.Event()
        self.ahead = 0.0
        """By how many seconds the server's clock is ahead."""
        self.server = XdsServer(self.authenticate, self.on_event, lambda: time.monotonic() + self.ahead)

    async def start(self) -> None:
        """Listen. Of several ports the system chooses one."""
        self.address = await self.server.start(self.address)

    @property
    def port(self) -> int:
        """Its port, if it listens on one."""
        return int(self.address.rpartition(":")[2])

    def later(self, seconds: float) -> None:
        """Let time pass for the server, and its streams look at it."""
        self.ahead += seconds
        for proxy in self.server._proxies.values():
            for wake in proxy._sessions.values():
                wake()

    async def authenticate(self, metadata: Mapping[str, str]) -> str | None:
        """Which proxy this is: whichever it says."""
        return metadata.get("token")

    def on_event(self, proxy: str, event: object) -> None:
        """Something has happened."""
        self.events.append((proxy, event))
        self.heard.set()

    def of(self, kind: type[object]) -> list[str]:
        """The proxies to which something of this kind has happened."""
        return [proxy for proxy, event in self.events if isinstance(event, kind)]

    async def until(self, kind: type[object], times: int = 1) -> None:
        """Wait until something of this kind has happened so often."""
        async with asyncio.timeout(60):
            while len(self.of(kind)) < times:
                self.heard.clear()
                await self.heard.wait()

    @contextlib.asynccontextmanager
    async def client(self, name: str, through: str = "", *, header: str = "token") -> AsyncIterator[Any]:
        """A stream, by way of `through` if that is an address."""
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
        async with grpc.aio.insecure_channel(through or self.address, options=options) as channel:
            call = channel.stream_stream(
                PATH,
                request_serializer=DeltaDiscoveryRequest.SerializeToString,
                response_deserializer=DeltaDiscoveryResponse.FromString,
            )(metadata=((header, name),))
            yield call
            call.cancel()
