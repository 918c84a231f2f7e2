"""The xDS server: incremental ADS over gRPC.

Each stream has one reader and one writer. The writer asks the session what may be sent and waits for the client to
take it, so a slow client delays nobody else, and what changes in the meantime is gathered into its next response. A
client that has taken all and answers nothing any more loses its stream, and one that takes nothing of what is being
written to it its connection (`outlet`): Envoy connects again.
Nothing is sent before the sources are complete (`ready`): a proxy never sees an empty or half a configuration because
the control plane has just started.
"""

import asyncio
import contextlib
import itertools
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import grpc
import grpc.aio
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest
from google.protobuf.message import DecodeError

from daemun.ir.resource import Part, PartKey
from daemun.process.turns import Line, Turns
from daemun.serve.connection import Connections, accepted
from daemun.serve.counts import Counts
from daemun.serve.outlet import LOOK, Outlet
from daemun.serve.proxy import OnEvent, Proxy
from daemun.xds.events import Rejected
from daemun.xds.messages import Request, Response
from daemun.xds.session import HOLD, Session
from daemun.xds.silence import SILENCE

SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"
METHOD = "DeltaAggregatedResources"
UNIX = "unix:"

_log = logging.getLogger(__name__)
_OPTIONS = [
    # A proxy that has gone without a word is noticed within half a minute.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # Of one that says anything at all the answer to a ping may be long in coming: it comes after what is read slowly.
    ("grpc.http2.ping_timeout_ms", 600_000),
    # Envoy's own keepalive must not be taken for an attack: gRPC bears one in 5 minutes, or ends the connection.
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    # On reconnecting, a proxy lists every resource it has: this is enough for 200,000 of a type. What is longer would
    # hold up the event loop for more than some tenths of a second, before anything can be done in slices.
    ("grpc.max_receive_message_length", 16 << 20),
    ("grpc.max_send_message_length", -1),
    ("grpc.so_reuseport", 0),
]

_STEP = 256
"""Parts that are taken over until others may have their turn."""
_PARTING = 1.0
"""Seconds in which a client that reads at all hears that its stream has ended."""
_DRAFTS = itertools.count()

Authenticate = Callable[[Mapping[str, str]], Awaitable[str | None]]
"""Which proxy a stream with this metadata is; None if it is none. What a client says of itself does not count.

Raises OSError if it cannot be told at the moment.
"""

_Stream = grpc.aio.ServicerContext[DeltaDiscoveryRequest, bytes]


class XdsServer:
    """Serves each proxy what it should have."""

    def __init__(
        self,
        authenticate: Authenticate,
        on_event: OnEvent,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._authenticate = authenticate
        self._on_event = on_event
        self._clock = clock
        self._proxies: dict[str, Proxy] = {}
        self.counts = Counts()
        self._ready = asyncio.Event()
        self._whole = asyncio.Event()
        self._whole.set()
        self._line = Line()
        self._server: grpc.aio.Server | None = None
        self._connections = Connections()
        self._bound: int | str = 0
        """The port, or the path of the Unix socket, that connections are made to."""
        self._streams: set[asyncio.Task[object]] = set()
        """The tasks that gRPC runs them in."""

    # What is to be served

    def apply(self, changes: Iterable[tuple[PartKey, Part | None]]) -> None:
        """Update what the proxies should have, from the event loop's thread.

        The first call says that the sources are complete.
        """
        for _ in self._apply(changes):
            pass
        self.ready()

    async def apply_much(self, changes: Iterable[tuple[PartKey, Part | None]]) -> None:
        """The same in slices. Streams hear nothing new meanwhile, so that they do not get half of it."""
        self._whole.clear()
        try:
            await Turns().through(self._apply(changes))
        finally:
            self._whole.set()
        self.ready()

    def _apply(self, changes: Iterable[tuple[PartKey, Part | None]]) -> Iterator[None]:
        by_proxy: dict[str, list[tuple[PartKey, Part | None]]] = {}
        for count, change in enumerate(changes, 1):
            by_proxy.setdefault(change[0].proxy, []).append(change)
            if not count % _STEP:
                yield
        for name, own in by_proxy.items():
            proxy = self._proxy(name)
            for start in range(0, len(own), _STEP):
                touched = proxy.wanted.apply(own[start : start + _STEP])
                if touched:
                    proxy.changed(touched)
                yield
            self._forget_idle(proxy)

    def ready(self) -> None:
        """The sources are complete, even if there is nothing in them: begin to answer."""
        self._ready.set()

    def proxies(self) -> list[str]:
        """The proxies of which an Envoy is connected."""
        return [name for name, proxy in self._proxies.items() if proxy.connected()]

    def connected(self, proxy: str) -> bool:
        """Whether an Envoy of this proxy is connected."""
        return proxy in self._proxies and self._proxies[proxy].connected()

    def synced(self, proxy: str) -> bool:
        """Whether Envoys of this proxy are connected and all have acknowledged all that is wanted."""
        return proxy in self._proxies and self._proxies[proxy].synced()

    def rejections(self, proxy: str) -> list[Rejected]:
        """What the Envoys of this proxy refuse at the moment."""
        return self._proxies[proxy].rejections() if proxy in self._proxies else []

    def lost(self, proxy: str, type_url: str, name: str) -> None:
        """The Envoys of this proxy do not have a resource though they have acknowledged it: it is sent again."""
        if proxy in self._proxies:
            self._proxies[proxy].lost(type_url, name)

    # The server

    async def start(self, address: str, credentials: grpc.ServerCredentials | None = None) -> str:
        """Listen on `unix:/path`, or on `host:port` with TLS if there are credentials.

        Returns the address with the port that was given.
        """
        server = grpc.aio.server(options=_OPTIONS)
        handler = grpc.stream_stream_rpc_method_handler(
            self._serve, request_deserializer=DeltaDiscoveryRequest.FromString
        )
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler})])
        if address.startswith(UNIX):
            self._bound = _bind_private(server, Path(address.removeprefix(UNIX)))
        else:
            port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
            address = f"{address.rpartition(':')[0]}:{port}"
            self._bound = port
        await server.start()
        self._server = server
        return address

    async def stop(self, grace: float | None = None) -> None:
        """End all streams and stop listening. Proxies go on with what they have.

        `grace` is in seconds; None is at once. Whoever has not taken by then what was being written to it, and not
        `_PARTING` later either, is hung up on: gRPC would wait for it, however long that takes.
        """
        if self._server is None:
            return
        stopping, self._server = asyncio.ensure_future(self._server.stop(grace)), None
        await asyncio.wait([stopping], timeout=(grace or 0.0) + _PARTING)
        while not stopping.done():
            for connection in accepted(self._bound):
                connection.end()
            await asyncio.wait([stopping], timeout=_PARTING)
        await stopping
        if self._streams:  # each has been told to end
            await asyncio.wait(self._streams, timeout=_PARTING)

    def _proxy(self, name: str) -> Proxy:
        if name not in self._proxies:
            self._proxies[name] = Proxy(name, self._on_event)
        return self._proxies[name]

    async def _serve(self, requests: AsyncIterator[DeltaDiscoveryRequest], context: _Stream) -> None:
        """One stream, from its authentication to its end."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - gRPC runs each in one
        self._streams.add(task)
        task.add_done_callback(self._streams.discard)
        await self._ready.wait()  # before that, no proxy is known
        name = await self._identify(context)
        proxy = self._proxy(name)
        wake, turn = asyncio.Event(), asyncio.Lock()
        session = proxy.open(wake.set, HOLD)
        outlet = Outlet(context, name, self.counts, self._clock, self._connections)
        reader = asyncio.create_task(self._read(requests, session, wake, turn))
        reader.add_done_callback(lambda ended: self._has_read(name, ended, wake))
        self.counts.opened += 1
        try:
            while not reader.done() and not session.stuck(self._clock()):
                await self._write(outlet, proxy, session, wake, turn)
            if not reader.done():
                self.counts.stuck += 1
                _log.warning("A proxy of %s has not answered for %.0f s: its stream is ended.", name, SILENCE)
                reader.cancel()  # or it would hear of the end as of a failure
                await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "no answer to what was sent: connect again")
        finally:
            # Nothing is awaited here: gRPC may cancel a stream once more while it ends, and a session that was left
            # open would count for ever as a proxy that does not answer.
            self.counts.closed += 1
            reader.cancel()
            proxy.close(session)
            self._forget_idle(proxy)

    def _has_read(self, name: str, reader: asyncio.Task[None], wake: asyncio.Event) -> None:
        wake.set()
        failure = None if reader.cancelled() else reader.exception()
        if isinstance(failure, DecodeError):
            _log.warning("What a proxy of %s says is not in the protocol: its stream is ended.", name)
        elif failure is not None:
            _log.error("The stream of %s has failed.", name, exc_info=failure)

    async def _identify(self, context: _Stream) -> str:
        metadata = {str(key): str(value) for key, value in context.invocation_metadata() or ()}
        try:
            name = await self._authenticate(metadata)
        except OSError as error:
            _log.warning("A proxy cannot be identified: %s", error)
            await context.abort(grpc.StatusCode.UNAVAILABLE, "who this is cannot be told now")
        if name is None:
            self.counts.refused += 1
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "this proxy is not known here")
        return name

    async def _read(
        self, requests: AsyncIterator[DeltaDiscoveryRequest], session: Session, wake: asyncio.Event, turn: asyncio.Lock
    ) -> None:
        """Hand what the client says to the session, as long as it speaks.

        A client that connects anew brings the names of all it has: tens of thousands are taken in a slice at a time.
        """
        async for message in requests:
            if _names(message) > _STEP:
                async with turn:
                    await Turns().through(self._receiving(message, session))
            else:
                async with self._line.turn():
                    for _ in self._receiving(message, session):
                        pass
            wake.set()

    def _receiving(self, message: DeltaDiscoveryRequest, session: Session) -> Iterator[None]:
        request = yield from _request(message)
        self.counts.heard(request)
        yield from session.receiving(request, self._clock())

    async def _write(
        self, outlet: Outlet, proxy: Proxy, session: Session, wake: asyncio.Event, turn: asyncio.Lock
    ) -> None:
        """Send what may be sent now, then wait until there may be more. Who is still taking it owes no answer yet."""
        async with turn:
            responses = await self._next_responses(proxy, session, wake)
        for response in responses:
            seconds = await outlet.write(response.encode())
            session.delayed(seconds, seconds)
        now = self._clock()
        deadline = session.deadline(now)
        if session.owes():
            deadline = now + LOOK if deadline is None else min(deadline, now + LOOK)
        else:
            outlet.rest()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if deadline is None else max(0.0, deadline - now)):
                await wake.wait()
        if session.owes():
            session.delayed(*outlet.owing())

    async def _next_responses(self, proxy: Proxy, session: Session, wake: asyncio.Event) -> list[Response]:
        """What may be sent now, when all who came before have had their turn."""
        while True:
            await self._whole.wait()
            async with self._line.turn():
                if self._whole.is_set():
                    wake.clear()
                    responses = session.poll(self._clock())
                    proxy.report(session)
                    return responses

    def _forget_idle(self, proxy: Proxy) -> None:
        """A proxy that should have nothing and is not connected does not exist."""
        if proxy.idle():
            self._proxies.pop(proxy.name, None)


def _names(message: DeltaDiscoveryRequest) -> int:
    """How many names the client says."""
    subscribed, unsubscribed = message.resource_names_subscribe, message.resource_names_unsubscribe
    return len(message.initial_resource_versions) + len(subscribed) + len(unsubscribed)


def _request(message: DeltaDiscoveryRequest) -> Generator[None, None, Request]:
    """The generated message as the session knows it, in steps."""
    known = {}
    for name, version in message.initial_resource_versions.items():
        known[name] = version
        yield
    return Request(
        type_url=message.type_url,
        response_nonce=message.response_nonce,
        subscribe=(yield from _texts(message.resource_names_subscribe)),
        unsubscribe=(yield from _texts(message.resource_names_unsubscribe)),
        initial_resource_versions=known,
        error_detail=message.error_detail.message if message.HasField("error_detail") else None,
    )


def _texts(field: Sequence[str]) -> Generator[None, None, tuple[str, ...]]:
    found: list[str] = []
    for start in range(0, len(field), _STEP):
        found += field[start : start + _STEP]
        yield
    return tuple(found)


def _bind_private(server: grpc.aio.Server, path: Path) -> str:
    """Bind a Unix socket that only this user can connect to, from its first moment. Returns what it was bound to.

    When the server stops, gRPC removes whatever then has the name that was bound. At `path` that may be the socket of a
    successor: so another name is bound, and the socket is moved to `path`, where it stays.
    """
    draft = path.with_name(f"{os.getpid():x}.{next(_DRAFTS):x}")  # a short one: there is a limit
    draft.unlink(missing_ok=True)
    before = os.umask(0o177)
    try:
        server.add_insecure_port(f"{UNIX}{draft}")
    finally:
        os.umask(before)
    draft.replace(path)
    return str(draft)
