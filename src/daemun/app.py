"""The composition root of `daemun up`: the only place that knows every part.

    FolderSource -> Translation -> XdsServer -> Envoy proxies (LocalProxies)
                                \\-> Journal -> whoever watches

Everything runs on one event loop, and the parts meet in plain function calls: a batch of changed objects settles in the
translation, what came of it goes to the xDS server and to the journal, and what the proxies answer goes back in.
"""

import asyncio
import contextlib
import ctypes
import gc
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from daemun.base.names import Name
from daemun.flow import MISSING, Failure
from daemun.gatewayapi.proxies import ProxyState, Rejection, RejectionKey
from daemun.gatewayapi.settings import Settings
from daemun.ir.resource import Part, PartKey
from daemun.provision import state
from daemun.provision.bootstrap import TOKEN_HEADER
from daemun.provision.local import Event, LocalProxies
from daemun.report.journal import Journal, Line, ProxyLine
from daemun.serve.proxy import Connected, Disconnected, Synced
from daemun.serve.proxy import Event as StreamEvent
from daemun.serve.server import XdsServer
from daemun.sources.batch import Batch
from daemun.sources.folder import FolderSource
from daemun.translate import Translation
from daemun.xds.events import Acked, Rejected, Restored

XDS_SOCKET = "xds.sock"
_GC_THRESHOLDS = (50_000, 20, 100)
"""What lives long here are trees, without cycles to be found; looking for them again and again while 10,000 routes are
built would double the time."""
_log = logging.getLogger(__name__)

Tell = Callable[[list[Line]], None]
"""Whoever watches is told what changed, in lines."""


class App:
    """Serves the manifests below some paths with one local Envoy per Gateway, and follows their changes."""

    def __init__(
        self,
        paths: Iterable[Path],
        tell: Tell,
        settings: Settings | None = None,
        *,
        access_log: str = "",
        run_dir: Path | None = None,
        state_dir: Path | None = None,
        linger: float = 6.0,
    ) -> None:
        paths = [path.absolute() for path in paths]
        self._tell = tell
        run_dir = run_dir or state.locate(paths)
        self.translation = Translation(settings, _defect, access_log)
        self._source = FolderSource(paths, self._changed, state_dir or state.remembered(paths))
        self.journal = Journal(self.translation, self._source.place)
        self._parts: dict[PartKey, Part | None] = {}
        self._gateways: set[Name] = set()
        self.translation.resources.subscribe(self._collect)
        self.translation.gateways.subscribe(self._gateways.update)
        self._xds_socket = run_dir / XDS_SOCKET
        self._xds = XdsServer(self._identify, self._heard)
        self.proxies = LocalProxies(run_dir, self._xds_socket, linger=linger, on_event=self._happened)
        self._wanted = asyncio.Event()
        self._placed: set[str] = set()
        self._task: asyncio.Task[Any] | None = None
        self._left: asyncio.Future[None] | None = None
        self.synced = asyncio.Event()
        """Set once the manifests were read and every proxy has acknowledged what it should have."""

    def stop(self) -> None:
        """End `run` as a signal would."""
        if self._task is not None:
            self._task.cancel()

    def leave(self) -> None:
        """End `run`, but leave the proxies serving for a successor, which has the linger time to come."""
        if self._left is not None and not self._left.done():
            self._left.set_result(None)

    async def run(self) -> None:
        """Serve until cancelled; then drain and stop the proxies, unless they are left to a successor."""
        gc.set_threshold(*_GC_THRESHOLDS)
        self._task = asyncio.current_task()
        self._left = asyncio.get_running_loop().create_future()
        work = [asyncio.create_task(self._source.run())]  # reading begins while the keeper starts
        try:
            await self.proxies.start()
        except BaseException:
            await _end(work)
            raise
        try:
            await self._xds.start(f"unix:{self._xds_socket}")
            work.append(asyncio.create_task(self._place()))
            done, _ = await asyncio.wait({*work, self._left}, return_when=asyncio.FIRST_COMPLETED)
            for ended in done:
                ended.result()  # work ends only by failing
        finally:
            await _end(work)
            await (self.proxies.release() if self._left.done() else self.proxies.stop())
            await self._xds.stop()

    # What the manifests say

    def _changed(self, batch: Batch) -> None:
        """The source has a batch of changes."""
        self.translation.apply(batch.objects.items())
        self.journal.outside(batch.problems)
        self._settled()
        self._xds.ready()
        self._settled_status()

    def _collect(self, delta: Mapping[PartKey, tuple[Any, Any]]) -> None:
        for key, (_, new) in delta.items():
            self._parts[key] = None if new is MISSING else new

    def _settled(self) -> None:
        """The graph has settled: hand on what came of it."""
        if self._parts:
            parts, self._parts = self._parts, {}
            self._xds.apply(parts.items())
            self._wanted.set()
        for name in self._gateways:
            self._acknowledge(str(name))
        self._gateways.clear()

    def _report(self) -> None:
        lines = self.journal.lines()
        if lines:
            self._tell(lines)

    # What the proxies say

    def _identify(self, metadata: Mapping[str, str]) -> str | None:
        return self.proxies.tokens().get(metadata.get(TOKEN_HEADER, ""))

    def _heard(self, proxy: str, event: StreamEvent) -> None:
        """The xDS server has news of a proxy. It is taken in after the call that brought it is over."""
        asyncio.get_running_loop().call_soon(self._take_in, proxy, event)

    def _take_in(self, proxy: str, event: StreamEvent) -> None:
        rejections = self.translation.rejections
        match event:
            case Rejected(origin=origin, type_url=type_url, resource=resource, message=message):
                key = RejectionKey(proxy, origin.ref, origin.where, type_url, resource)
                rejections.set(key, Rejection(proxy, origin.ref, origin.where, " ".join(message.split())))
            case Restored(origin=origin, type_url=type_url, resource=resource):
                rejections.delete(RejectionKey(proxy, origin.ref, origin.where, type_url, resource))
            case Acked() | Connected() | Synced():
                self._acknowledge(proxy)
            case Disconnected():
                pass
        self._settled_status()

    def _acknowledge(self, proxy: str) -> None:
        """Note what the proxy has, if it has all that it should."""
        gateway = self.translation.gateways.get(Name.of(proxy))
        if gateway is not None and self._xds.synced(proxy):
            self.translation.proxies.set(proxy, ProxyState(gateway))

    def _settled_status(self) -> None:
        if not self.synced.is_set() and all(self._xds.synced(proxy) for proxy in self._wanted_proxies()):
            self.synced.set()
            _give_back()
        self._report()

    # The proxies themselves

    def _wanted_proxies(self) -> set[str]:
        return {key.proxy for key in self.translation.frontends}

    async def _place(self) -> None:
        """Start a proxy for every Gateway that has something to listen on, and stop those that are not wanted."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            wanted = self._wanted_proxies()
            for one in self.proxies.running():
                if one.proxy not in wanted:
                    self._placed.discard(one.proxy)
                    await self.proxies.remove(one.proxy)
                    self.translation.proxies.delete(one.proxy)
            for proxy in sorted(wanted - self._placed):
                self._placed.add(proxy)
                await self.proxies.ensure(proxy)

    def _happened(self, event: Event) -> None:
        """The keeper has news of a proxy."""
        if event.kind == "superseded":
            self.leave()
            return
        text = _words(event)
        if event.kind == "exited" and text:
            text += f"; its log is {self.proxies.log(event.proxy)}"
            self.translation.proxies.delete(event.proxy)  # not programmed until it is back
            self._report()
        if text:
            self._tell([ProxyLine(event.proxy, event.kind, text)])


def _words(event: Event) -> str:
    """What happened to a proxy, for a person; empty for what is only the normal course."""
    match event.kind:
        case "exited" if event.code:
            return f"exited with {event.code}" if event.code > 0 else f"was killed by signal {-event.code}"
        case "restarting":
            return f"starts again in {event.seconds:.1f} s"
        case "failed":
            return event.text
        case "adopted":
            return "was still serving and is adopted"
        case "keeper-lost":
            return "the keeper of the proxies was killed; it and they start again"
        case _:
            return ""


async def _end(work: list[asyncio.Task[None]]) -> None:
    for task in work:
        task.cancel()
    await asyncio.gather(*work, return_exceptions=True)


def _give_back() -> None:
    """Return what the first build needed for a moment to the system (glibc keeps it otherwise)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _defect(failure: Failure) -> None:
    """A rule raised: a defect of Daemun, which one object met. It is logged; everything else goes on."""
    _log.error("defect in %s for %s", failure.collection, failure.key, exc_info=failure.error)
