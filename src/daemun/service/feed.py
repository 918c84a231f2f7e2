"""How a service beside the proxies is told what to do: by the control plane, over incremental xDS.

Whatever goes wrong with the stream is tried again, and meanwhile all stays as it was. A resource that cannot be read is
rejected by name, and the one before it, if there was one, goes on serving: the control plane tells whoever wrote it.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Collection
from pathlib import Path
from typing import Protocol

import grpc
import grpc.aio
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

PATH = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
"""Seconds between two attempts; they grow from the first to the longest, with chance in them."""
_INVALID_ARGUMENT = 3
_LONGEST_REASON = 500
_OPTIONS = [
    # A control plane that has gone without a word is noticed within half a minute.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # Without this gRPC asks twice, and then once a minute, while nothing changes.
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_receive_message_length", -1),
    # Ours are the attempts; gRPC's own back-off would add minutes to them.
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
]
_log = logging.getLogger(__name__)


class Told(Protocol):
    """Whoever is told."""

    def take(self, name: str, value: bytes) -> None:
        """A resource that is new or has changed. Raises ValueError if it cannot be read."""

    def remove(self, name: str) -> None:
        """A resource that is no more."""

    def settled(self) -> None:
        """A whole response has been taken: from the first on all that there is has come once."""

    async def faults(self, names: Collection[str]) -> list[str]:
        """What is wrong with these, which were just taken, though they could be read; each with its name."""


class Feed:
    """Tells `told` of the resources of a type. `node` is what we call ourselves.

    `metadata` is what a stream shows of us, and `credentials` whom it trusts: both are asked for at every attempt.
    """

    def __init__(
        self,
        told: Told,
        type_url: str,
        node: str,
        address: str,
        metadata: Callable[[], list[tuple[str, str]]] = list,
        credentials: Callable[[], grpc.ChannelCredentials] | None = None,
    ) -> None:
        self._told = told
        self._type = type_url
        self._node = node
        self._address = address
        self._metadata = metadata
        self._credentials = credentials
        self._versions: dict[str, str] = {}
        self._said = ""
        self._complaints: set[str] = set()
        self.connected = False
        self.rejected = 0

    async def run(self) -> None:
        """Follow, until cancelled."""
        pause = FIRST_PAUSE
        while True:
            try:
                async with self._channel() as channel:
                    async for _ in self._stream(channel):
                        pause = FIRST_PAUSE
                why = "it has ended the stream"
            except grpc.aio.AioRpcError as error:
                why = f"{error.code().name}, {error.details()}"
            except (OSError, ValueError) as error:  # of the files with the token and with whom to trust
                why = str(error)
            self._lost(why)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - nothing secret
            pause = min(pause * 2, LONGEST_PAUSE)

    def _channel(self) -> grpc.aio.Channel:
        if self._credentials is None:
            return grpc.aio.insecure_channel(self._address, _OPTIONS)
        return grpc.aio.secure_channel(self._address, self._credentials(), _OPTIONS)

    async def _stream(self, channel: grpc.aio.Channel) -> AsyncIterator[None]:
        """One stream: yields after every response."""
        requests: asyncio.Queue[DeltaDiscoveryRequest] = asyncio.Queue()
        first = DeltaDiscoveryRequest(type_url=self._type, initial_resource_versions=self._versions)
        first.node.id = first.node.cluster = self._node
        requests.put_nowait(first)
        call = channel.stream_stream(
            PATH,
            request_serializer=DeltaDiscoveryRequest.SerializeToString,
            response_deserializer=DeltaDiscoveryResponse.FromString,
        )(_each(requests), metadata=tuple(self._metadata()))
        try:
            async for response in call:
                requests.put_nowait(await self._answer(response))
                yield
        finally:
            self.connected = False
            call.cancel()

    async def _answer(self, response: DeltaDiscoveryResponse) -> DeltaDiscoveryRequest:
        """Take a response, and say what of it could not be taken, or is of no use."""
        if not self.connected:
            self.connected, self._said = True, ""
            _log.info("The control plane at %s is heard.", self._address)
        answer = DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce)
        if response.type_url != self._type:
            return answer
        refused: list[str] = []
        taken: list[str] = []
        for resource in response.resources:
            try:
                self._told.take(resource.name, resource.resource.value)
            except ValueError as error:
                refused.append(f"{resource.name}: {error}")
                continue
            except Exception as error:  # noqa: BLE001 - a defect concerns this one alone, and what was there stays
                refused.append(f"{resource.name}: {type(error).__name__}")
                continue
            taken.append(resource.name)
            self._versions[resource.name] = resource.version
        for name in response.removed_resources:
            self._told.remove(name)
            self._versions.pop(name, None)
        self._told.settled()
        refused += await self._told.faults(taken)
        if refused:
            self.rejected += len(refused)
            answer.error_detail.code = _INVALID_ARGUMENT
            answer.error_detail.message = "; ".join(refused)[:_LONGEST_REASON]
        self._complain(refused, {*(one.name for one in response.resources), *response.removed_resources})
        return answer

    def _complain(self, refused: list[str], names: set[str]) -> None:
        """Say what is wrong with these names, once: what is refused is sent again now and then."""
        new = [one for one in refused if one not in self._complaints]
        kept = {one for one in self._complaints if one.partition(": ")[0] not in names}
        self._complaints = kept | set(refused)
        if new:
            _log.error("What cannot be used: %s", "; ".join(new)[:_LONGEST_REASON])

    def _lost(self, why: str) -> None:
        """Said once for each reason, until the control plane has answered again."""
        if why != self._said:
            self._said = why
            _log.warning("The control plane at %s cannot be heard: %s. All stays as it is.", self._address, why)


async def _each(requests: asyncio.Queue[DeltaDiscoveryRequest]) -> AsyncIterator[DeltaDiscoveryRequest]:
    while True:
        yield await requests.get()


def trusting(file: Path) -> Callable[[], grpc.ChannelCredentials]:
    """Trusts the authorities in a file, as they are at that moment."""
    return lambda: grpc.ssl_channel_credentials(file.read_bytes())


def token(file: Path) -> Callable[[], list[tuple[str, str]]]:
    """Shows the token of a file, as it is at that moment. Raises OSError if it cannot be read."""

    def metadata() -> list[tuple[str, str]]:
        text = file.read_text().strip()
        return [("authorization", f"Bearer {text}"), ("daemun-proxy-token", text)]

    return metadata
