"""The floor: an xDS server that does nothing but send bytes that were made before. Nobody can be faster than that."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import grpc
import grpc.aio
from envoy.service.discovery.v3 import discovery_pb2

from daemun.ir.resource import Part, PartKey, encode

METHOD = "DeltaAggregatedResources"
SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"


class BareServer:
    """Answers each subscription once, and pushes what it is told to."""

    def __init__(self, parts: Mapping[PartKey, Part]) -> None:
        self._bodies: dict[tuple[str, str], bytes] = {}
        for key in sorted(parts, key=lambda key: key.part != ""):
            at = (key.type_url, key.resource)
            self._bodies[at] = self._bodies.get(at, b"") + encode(parts[key])
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._pushes = 0

    async def start(self, address: str) -> None:
        """Listen on a Unix socket."""
        self._server = grpc.aio.server(
            options=[("grpc.max_send_message_length", -1), ("grpc.http2.max_ping_strikes", 0)]
        )
        handler = grpc.stream_stream_rpc_method_handler(
            self._serve, request_deserializer=discovery_pb2.DeltaDiscoveryRequest.FromString
        )
        self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler})])
        self._server.add_insecure_port(address)
        await self._server.start()

    async def stop(self) -> None:
        """End the streams."""
        await self._server.stop(None)

    def response(self, type_url: str, name: str, body: bytes) -> bytes:
        """A response with one resource, ready to be sent."""
        self._pushes += 1
        message = discovery_pb2.DeltaDiscoveryResponse(type_url=type_url, nonce=str(self._pushes))
        resource = message.resources.add(name=name, version=str(self._pushes))
        resource.resource.type_url = type_url
        resource.resource.value = body
        return message.SerializeToString()

    def push(self, response: bytes) -> None:
        """Send it."""
        self._queue.put_nowait(response)

    async def _serve(self, requests: AsyncIterator[Any], context: Any) -> None:
        reader = asyncio.create_task(self._read(requests))
        try:
            while True:
                await context.write(await self._queue.get())
        finally:
            reader.cancel()

    async def _read(self, requests: AsyncIterator[Any]) -> None:
        async for request in requests:
            wanted = list(request.resource_names_subscribe)
            if not request.response_nonce and not wanted:
                wanted = ["*"]
            for (type_url, name), body in self._bodies.items():
                if type_url == request.type_url and (name in wanted or "*" in wanted):
                    self.push(self.response(type_url, name, body))
