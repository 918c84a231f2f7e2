"""The composition root of `daemun up`: the only place that knows every part of it.

FolderSource -> ControlPlane (Translation, XdsServer) -> Envoy proxies (LocalProxies)
                        \\-> Journal -> whoever watches
"""

import asyncio
import contextlib
import functools
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from daemun.base.names import CORE
from daemun.discovery.files import FileUpstreams
from daemun.discovery.writer import UpstreamWriter
from daemun.gatewayapi.settings import Settings
from daemun.ir import quotas
from daemun.ir.auth import SERVER
from daemun.ir.resource import LISTENER
from daemun.plane.plane import ControlPlane
from daemun.programs.places import Places
from daemun.provision import state
from daemun.provision.bootstrap import TOKEN_HEADER
from daemun.provision.local import Event, LocalProxies
from daemun.provision.overheard import LOST, Overheard
from daemun.report.journal import Journal, Line, ProxyLine
from daemun.sources.batch import Batch
from daemun.sources.folder import FolderSource
from daemun.sources.identities.istio import Istiod
from daemun.sources.secrets.watcher import Objects
from daemun.xds.events import Drifted, in_words

XDS_SOCKET = "xds.sock"
AUTH_SOCKET = "auth.sock"
LIMIT_SOCKET = "limits.sock"

MOST = 200
"""Objects of which is told at once."""
_LISTENING = 0.5
"""Seconds between looks into logs."""

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
        istiod: Istiod | None = None,
    ) -> None:
        paths = [path.absolute() for path in paths]
        self._tell = tell
        run_dir = run_dir or state.locate(paths)
        private = tuple({str(run_dir.absolute()), str(run_dir.resolve())})
        self._services = {
            SERVER: (run_dir.absolute() / AUTH_SOCKET, "extauth"),
            quotas.SERVER: (run_dir.absolute() / LIMIT_SOCKET, "ratelimit"),
        }
        """Where Daemun's own servers listen, and the commands that they are."""
        at = {command: f"unix:{socket}" for socket, command in self._services.values()}
        settings = msgspec.structs.replace(settings or Settings(), private=private, **at)
        self._allowed = settings.allowed
        self.plane = ControlPlane(settings, self._identify, self._report, access_log, self._drifted)
        kept = state_dir or state.remembered(paths)
        self._discovered = state.discovered(kept)
        self._source = FolderSource([*paths, self._discovered], self._changed, kept, served=self._served)
        self.places = Places(self.plane, self._secrets_changed, lambda: self.places.complete, kept=kept, istiod=istiod)
        self.plane.translation.sources[CORE, "Secret"].on_read(self.places.secrets.want)
        self._upstreams = UpstreamWriter(FileUpstreams(self._discovered), self.plane.translation.discovery.orders)
        self.journal = Journal(self.plane.translation, self._source.place)
        self._xds_socket = run_dir / XDS_SOCKET
        self.proxies = LocalProxies(run_dir, self._xds_socket, linger=linger, on_event=self._happened)
        self._placed: set[str] = set()
        self._overheard: dict[str, Overheard] = {}
        """What Daemun's own servers complain of."""
        self._lost: dict[str, Overheard] = {}
        """The listeners that proxies give up."""
        self._task: asyncio.Task[Any] | None = None
        self._left: asyncio.Future[None] | None = None
        self.synced = self.plane.synced

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
        self._task = asyncio.current_task()
        self._left = asyncio.get_running_loop().create_future()
        # Reading begins while the keeper starts.
        with contextlib.suppress(OSError):  # what is there has to be served all the same
            state.private(self._discovered)
        self._upstreams.lead(True)
        parts = (self._source, self.plane, self.places, self._upstreams)
        work = [asyncio.create_task(part.run()) for part in parts]
        try:
            await self.proxies.start()
        except BaseException:
            await _end(work)
            raise
        try:
            await self.plane.xds.start(f"unix:{self._xds_socket}")
            work += [asyncio.create_task(self._place()), asyncio.create_task(self._listen())]
            done, _ = await asyncio.wait({*work, self._left}, return_when=asyncio.FIRST_COMPLETED)
            for ended in done:
                ended.result()  # work ends only by failing
        finally:
            await _end(work)
            await (self.proxies.release() if self._left.done() else self.proxies.stop())
            await self.plane.xds.stop()

    # What the manifests say

    def _changed(self, batch: Batch) -> None:
        """The source has a batch of changes."""
        self.journal.outside(batch.problems)
        objects = self.places.secrets.primary(batch.objects)
        self.plane.take(objects.items(), lambda: self.places.complete, batch.unread)

    def _served(self) -> bool:
        return self.plane.settled and self.synced.is_set()

    def _secrets_changed(self, objects: Objects) -> None:
        self.plane.take(objects.items(), lambda: self.places.complete)

    def _report(self) -> None:
        lines = self.journal.lines(MOST)
        if lines:
            self._tell(lines)
        if self.journal.more:  # others have their turn in between
            asyncio.get_running_loop().call_soon(self._report)

    # What the proxies say

    async def _identify(self, metadata: Mapping[str, str]) -> str | None:
        return self.proxies.tokens().get(metadata.get(TOKEN_HEADER, ""))

    def _drifted(self, proxy: str, drift: list[Drifted]) -> None:
        """The proxy did not have all that it should."""
        self._tell([ProxyLine(proxy, "drifted", f"did not have what it should: {in_words(drift)}; it is sent again")])

    # The proxies themselves

    async def _place(self) -> None:
        """Start a proxy for every Gateway that has something to listen on, and stop those that are not wanted.

        The same for Daemun's own servers, which run while some policy needs them.
        """
        while True:
            await self.plane.placed.wait()
            self.plane.placed.clear()
            wanted = self.plane.wanted() | self.plane.services()
            for one in self.proxies.running():
                if one.proxy not in wanted:
                    self._placed.discard(one.proxy)
                    await self.proxies.remove(one.proxy)
                    self.plane.forget(one.proxy)
            for proxy in sorted(wanted - self._placed):
                self._placed.add(proxy)
                if proxy in self._services:
                    socket, _ = self._services[proxy]
                    self._overheard.setdefault(proxy, Overheard(self.proxies.log(proxy)))
                    await self.proxies.ensure_program(proxy, socket, functools.partial(self._command, proxy))
                else:
                    self._lost.setdefault(proxy, Overheard(self.proxies.log(proxy), LOST))
                    await self.proxies.ensure(proxy)

    async def _listen(self) -> None:
        """Tell what Daemun's own servers complain of: who does not know that a log says something does not look.

        What a proxy has given up is sent to it again: if it still cannot have the port, it refuses it and says why.
        """
        while True:
            for proxy, log in self._lost.items():
                for name in log.news():
                    self.plane.xds.lost(proxy, LISTENER, name)
            for server, log in self._overheard.items():
                said: list[Line] = [ProxyLine(server, "complained", _heard(text)) for text in log.news()]
                if said:
                    self._tell(said)
            await asyncio.sleep(_LISTENING)

    def _command(self, server: str, token: Path) -> list[str]:
        """How such a server is started. That of authorization may ask what Upstreams may be here."""
        socket, command = self._services[server]
        at = ("--xds", f"unix:{self._xds_socket}", "--token-file", str(token), "--listen", f"unix:{socket}")
        allowed = (part for network in self._allowed for part in ("--allow", network)) if server == SERVER else ()
        return [sys.executable, "-m", "daemun", command, *at, *allowed]

    def _happened(self, event: Event) -> None:
        """The keeper has news of a proxy."""
        if event.kind == "superseded":
            self.leave()
            return
        text = _words(event)
        if event.kind == "exited" and text:
            text += f"; its log is {self.proxies.log(event.proxy)}"
            self.plane.forget(event.proxy)
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


def _heard(text: str) -> str:
    """What a server complains of, with what mends it where that is not for the manifests to say."""
    return f"says: {text}{' --allow-address allows it.' if 'not allowed' in text else ''}"


async def _end(work: list[asyncio.Task[None]]) -> None:
    for task in work:
        task.cancel()
    await asyncio.gather(*work, return_exceptions=True)
