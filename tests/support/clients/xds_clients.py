"""Many xDS clients in a process of their own: `python -m support.clients.xds_clients ADDRESS TOKEN COUNT RESOURCES`.

All connect at once with nothing, ask for everything of every type, and take whatever comes. For each a line is printed
when it has so many resources: how many seconds that took. When their stream ends they begin anew, as new proxies do.
"""

import asyncio
import contextlib
import sys
import time

import grpc.aio
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

from daemun.ir.resource import CLUSTER, ENDPOINT, TYPES
from daemun.provision.bootstrap import TOKEN_HEADER

PATH = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"


class Client:
    """One of them, with a connection of its own."""

    def __init__(self, address: str, token: str) -> None:
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
        self._channel = grpc.aio.insecure_channel(address, options=options)
        self.call = self._channel.stream_stream(
            PATH,
            request_serializer=DeltaDiscoveryRequest.SerializeToString,
            response_deserializer=DeltaDiscoveryResponse.FromString,
        )(metadata=((TOKEN_HEADER, token),))
        self.have: set[tuple[str, str]] = set()

    async def ask(self, *type_urls: str) -> None:
        """Ask for everything of these types."""
        for type_url in type_urls:
            await self.call.write(DeltaDiscoveryRequest(type_url=type_url))

    async def begin(self) -> None:
        """As Envoy does: first the clusters and their endpoints, then what uses them."""
        await self.ask(CLUSTER)
        while not self.have or {ENDPOINT} != {type_url for type_url, _ in self.have} - {CLUSTER}:
            await self.take()
        await self.ask(*(type_url for type_url in TYPES if type_url not in (CLUSTER, ENDPOINT)))

    async def take(self) -> DeltaDiscoveryResponse:
        """Take one response; of clusters the endpoints are asked for."""
        response: DeltaDiscoveryResponse = await self.call.read()
        if response is grpc.aio.EOF:
            raise ConnectionResetError
        kind, gone = response.type_url, response.removed_resources
        fresh = [one.name for one in response.resources if (kind, one.name) not in self.have]
        self.have |= {(kind, name) for name in fresh}
        self.have -= {(kind, name) for name in gone}
        if kind == CLUSTER:
            self.have -= {(ENDPOINT, name) for name in gone}
            endpoints = DeltaDiscoveryRequest(
                type_url=ENDPOINT, resource_names_subscribe=fresh, resource_names_unsubscribe=gone
            )
            await self.call.write(endpoints)
        await self.call.write(DeltaDiscoveryRequest(type_url=kind, response_nonce=response.nonce))
        return response

    async def close(self) -> None:
        """Hang up."""
        self.call.cancel()
        await self._channel.close()


async def _one(address: str, token: str, resources: int, began: float) -> None:
    while True:
        client = Client(address, token)
        with contextlib.suppress(grpc.aio.AioRpcError, ConnectionResetError):
            await client.begin()
            while len(client.have) < resources:
                await client.take()
            print(time.monotonic() - began, flush=True)
            while True:
                await client.take()
        if len(client.have) >= resources:
            began = time.monotonic()
        await client.close()
        await asyncio.sleep(0.05)


async def _main(address: str, token: str, count: str, resources: str) -> None:
    began = time.monotonic()
    await asyncio.gather(*(_one(address, token, int(resources), began) for _ in range(int(count))))


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
