"""The middle of every control plane: translation and xDS server, whatever feeds them and whoever runs the proxies.

The parts meet in plain function calls on one event loop: a batch of changed objects settles in the translation, what
came of it goes to the xDS server, and what the proxies answer goes back in.
"""

import asyncio
import contextlib
import gc
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from daemun.api.core import Secret
from daemun.api.meta import ObjectMeta
from daemun.base.names import Name, Ref
from daemun.flow import MISSING, Failure, Missing
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.proxies.accounts import Account
from daemun.gatewayapi.proxies.answers import ProxyState, Rejection, RejectionKey
from daemun.gatewayapi.proxies.placement import Setback
from daemun.gatewayapi.settings import Settings
from daemun.gatewayapi.tls.certificates import CERTIFICATE, PRIVATE_KEY
from daemun.ir import auth, quotas
from daemun.ir.discovered import Said
from daemun.ir.identity import Credential, Identity
from daemun.ir.instances import Catalogue, Instances, Lookup
from daemun.ir.registries import Trouble
from daemun.ir.resource import Part, PartKey
from daemun.plane.arrivals import Arrivals
from daemun.plane.backlog import Backlog, Change
from daemun.plane.proxies import Proxies
from daemun.process.garbage import THRESHOLDS, building, give_back, now_and_then
from daemun.process.turns import Turns
from daemun.serve.proxy import Connected, Disconnected, Synced
from daemun.serve.proxy import Event as StreamEvent
from daemun.serve.server import Authenticate, XdsServer
from daemun.translate import Changes, Translation
from daemun.xds.events import Acked, Drifted, Rejected, Restored, in_words

_MANY = 500
"""Parts of resources that are handed on at once; more of them are handed on a slice at a time."""
_log = logging.getLogger(__name__)


class ControlPlane:
    """Objects in, Envoy's configuration and statuses out, and what the proxies made of it back in.

    `told` is called after every step that may have changed a status, `drifted` when a proxy did not have what it should
    have had; without it that is logged. If it is `fair`, many changes of a namespace are several batches, and others'
    come between them; otherwise what comes at once is one step, as a file is that somebody has saved.
    """

    def __init__(
        self,
        settings: Settings | None,
        authenticate: Authenticate,
        told: Callable[[], None],
        access_log: str = "",
        drifted: Callable[[str, list[Drifted]], None] | None = None,
        *,
        fair: bool = False,
    ) -> None:
        self.translation = Translation(settings, _defect, access_log)
        self.xds = XdsServer(authenticate, self._heard)
        self.proxies = Proxies(self.xds, self.translation)
        self.placed = asyncio.Event()
        """Set whenever the proxies' configuration has changed, so that another proxy may be wanted."""
        self.synced = asyncio.Event()
        """Set once the sources were read and every proxy has acknowledged what it should have."""
        self.drift: Counter[tuple[str, str]] = Counter()
        """How often a proxy did not have what it should have had, by type of resource and why (`Drifted`)."""
        self.batches = 0
        """How many batches the sources gave so far; `seconds` is what the translation took for them."""
        self.seconds = 0.0
        self._told = told
        self._drifted = drifted or _log_drift
        self._turn = Turns()
        self.translation.graph.enough = self._turn.over
        self._fair = fair
        self._backlog = Backlog()
        self._sharing = False  # what is under way is a share of the backlog
        self._busy = False
        self._left = asyncio.Event()
        self._fetched: Callable[[], bool] = lambda: True
        self._arrivals = Arrivals(lambda aged: self.take(aged, self._fetched))
        self._held = True  # nothing was read yet, and whatever else comes before that says nothing of what there is
        self._unread: Iterable[Ref] | None = None  # what is to be told with the next objects
        self._parts: dict[PartKey, Part | None] = {}
        self._gateways: set[Name] = set()
        self._heard_of: dict[str, dict[StreamEvent, None]] = {}
        self.translation.resources.subscribe(self._collect)
        self.translation.auth.chains.subscribe(self._collect)
        self.translation.limits.quotas.subscribe(self._collect)
        self.translation.gateways.subscribe(self._changed)
        gc.set_threshold(*THRESHOLDS)

    def take(
        self,
        objects: Iterable[Change],
        complete: Callable[[], bool] = lambda: True,
        unread: Iterable[Ref] | None = None,
    ) -> None:
        """The sources have a batch of changes; the first one has everything that they know of. They may say which
        others there are that cannot be read.

        It may make the rules ask for more, such as a Secret that is now referenced. Until the sources are `complete`
        again nothing is sent and no status told, for it would say that the Secret is missing; a batch that has it
        comes next.
        """
        self._fetched = complete
        self._unread = self._unread if unread is None else unread
        self.batches += 1
        if self._fair and self.batches > 1:
            self._backlog.add(objects)
            if self._busy:
                return
            objects, self._sharing = self._backlog.next(), True
        self._apply(objects)
        if self._backlog:
            self._leave()
        self._pass_on()

    def locate(self, found: Mapping[Lookup, Instances | Missing], complete: Callable[[], bool]) -> None:
        """Registries have news of instances. As with objects, nothing goes on until the sources are `complete`."""
        self._fetched = complete
        with self._working():
            self.translation.registries.instances.update(found)
        self._pass_on()

    def identify(self, found: Mapping[Identity, Credential | Missing], complete: Callable[[], bool]) -> None:
        """Authorities of meshes have news of who the proxies are there."""
        self._fetched = complete
        with self._working():
            self.translation.identities.update(found)
        self._pass_on()
        self._tell()

    def discover(self, found: Mapping[Name, Said | Missing], complete: Callable[[], bool]) -> None:
        """Servers and clouds have said which functions they have; the same holds."""
        self._fetched = complete
        with self._working():
            self.translation.said.update(found)
        self._pass_on()

    def _pass_on(self) -> None:
        """Send what has come of it, unless something is awaited or under way."""
        if self._busy:
            return
        self._held = not self._whole()
        if self._held:
            return
        if len(self._parts) > _MANY:
            self._leave()
            return
        parts = self._take_parts()
        self.xds.apply(parts)
        self._settled()
        if not parts:  # else that is done when proxies have answered: what is sent to them does not wait for it
            now_and_then()

    def _apply(self, objects: Iterable[Change]) -> None:
        changes = self._arrivals.few(objects)
        if changes is None:
            self._leave()
        else:
            self._update(changes)

    def _update(self, changes: Changes) -> None:
        unread, self._unread = self._unread, None
        with self._working():
            self.translation.update(changes, unread)

    async def run(self) -> None:
        """Go on with what is too much work for one turn of the event loop, until cancelled.

        Until such a batch is done, everything is told and served as before it; what comes meanwhile is the next one.
        """
        while True:
            await self._left.wait()
            self._left.clear()
            with building() as look:
                await self._go_on(look)

    async def _go_on(self, look: Callable[[], None]) -> None:
        graph = self.translation.graph
        while self._busy:
            look()
            await asyncio.sleep(0)
            while self._arrivals:
                self._update(await self._arrivals.many())
            with self._working():
                settled = graph.settle()
            if not settled:
                continue
            self._held = True  # the proxies' server does not have it yet
            while self._parts and self._whole():
                await self.xds.apply_much(self._take_parts())
            self._busy = bool(self._backlog or self._arrivals) or not graph.settled
            self._held = not self._whole()
            if not self._held:
                self._settled()
            more = self._backlog.next() if graph.settled else []
            if more or (graph.settled and self._unread is not None):
                self._busy = self._sharing = True
                self._apply(more)
                self._held = self._held or graph.settled  # the proxies' server does not have it yet

    def _whole(self) -> bool:
        """Whether the sources have been read, and what was asked for has come."""
        return self.batches > 0 and self._fetched()

    @property
    def settled(self) -> bool:
        """Whether everything that was given is taken in, and what it asked for has come."""
        return not self._busy and not self._held

    @property
    def current(self) -> bool:
        """Whether what is told is as things are, but for what waits for its turn."""
        return not self._held and (not self._busy or self._sharing)

    @contextlib.contextmanager
    def _working(self) -> Iterator[None]:
        """Something that makes the graph settle. What is more than a slice of work is left to `run`."""
        began = time.perf_counter()
        self._turn.begin()
        yield
        self.seconds += time.perf_counter() - began
        if not self.translation.graph.settled:
            self._leave()

    def _leave(self) -> None:
        self._busy = True
        self._left.set()

    def wanted(self) -> set[str]:
        """The proxies that have something to listen on, and are not held back."""
        placements = self.translation.placements
        return {key.proxy for key in self.translation.frontends if not placements[Name.of(key.proxy)].held}

    def services(self) -> set[str]:
        """Of Daemun's own servers those that something in use needs: what they are among the xDS server's clients."""
        told = {auth.SERVER: self.translation.auth.chains, quotas.SERVER: self.translation.limits.quotas}
        return {server for server, what in told.items() if what}

    def complete(self) -> bool:
        """Whether every proxy that is wanted has all that it should have, wherever it is connected."""
        gateways = self.translation.gateways
        return all(self.proxies.have(proxy, gateways[Name.of(proxy)]) for proxy in self.wanted())

    def forget(self, proxy: str) -> None:
        """A proxy is gone, or has to prove itself anew: its Gateway is not programmed until it is back."""
        with self._working():
            self.translation.proxies.delete(proxy)
        self._tell()

    def set_back(self, proxy: str, setback: Setback | None) -> None:
        """Its provider cannot provide the proxy (or can again): its Gateway says why."""
        with self._working():
            self.translation.setbacks.update({proxy: MISSING if setback is None else setback})
        self._tell()

    def introduce(self, certificate: bytes, key: bytes) -> None:
        """By this key pair proxies prove to the server of authorization that they are some."""
        pair = Secret(metadata=ObjectMeta(auth.PROXIES.name), data={CERTIFICATE: certificate, PRIVATE_KEY: key})
        with self._working():
            self.translation.auth.shown.update({auth.PROXIES: pair})
        if self.batches and self.settled:
            self.xds.apply(self._take_parts())

    def report(self, troubles: Mapping[str, Finding]) -> None:
        """All that places for Secrets do not give now: the Settings say so."""
        with self._working():
            self.translation.troubles.replace(troubles)
        self._tell()

    def list_services(self, registry: str, catalogue: Catalogue | None) -> None:
        """All services that a registry has; None: nobody wants to know any more."""
        with self._working():
            self.translation.discovery.listed(registry, catalogue)

    def report_registries(self, troubles: Mapping[Trouble, Finding]) -> None:
        """All that registries do not give now."""
        with self._working():
            self.translation.registries.troubles.replace(troubles)
        self._tell()

    def hear(self, accounts: Iterable[Account]) -> None:
        """What the proxies have that are connected to all the other replicas. From now on it counts as well."""
        rejections = self.translation.rejections
        with self._working(), self.translation.graph.batch():
            for proxy, (before, after) in self.proxies.hear(accounts).items():
                for key in before.keys() - after.keys():
                    rejections.delete(key)
                for key, rejection in after.items():
                    rejections.set(key, rejection)
                self._acknowledge(proxy)
        self._tell()

    def _collect(self, delta: Mapping[PartKey, tuple[Any, Any]]) -> None:
        for key, (_, new) in delta.items():
            self._parts[key] = None if new is MISSING else new

    def _changed(self, delta: Mapping[Name, Any]) -> None:
        self._gateways.update(delta)

    def _take_parts(self) -> list[tuple[PartKey, Part | None]]:
        parts, self._parts = self._parts, {}
        if parts:
            self.placed.set()
        return list(parts.items())

    def _settled(self) -> None:
        """A batch of the sources has been handed on to where the proxies get it."""
        self.xds.ready()
        with self._working():
            gateways, self._gateways = self._gateways, set()
            for name in gateways:
                self._acknowledge(str(name))
        self._tell()

    def _heard(self, proxy: str, event: StreamEvent) -> None:
        """The xDS server has news of a proxy. It is taken in after the call that brought it is over.

        A proxy that takes a thousand resources says so a thousand times at once.
        """
        if not self._heard_of:
            asyncio.get_running_loop().call_soon(self._take_in)
        once = Synced() if isinstance(event, Acked) else event
        events = self._heard_of.setdefault(proxy, {})
        events.pop(once, None)  # what was said last counts
        events[once] = None

    def _take_in(self) -> None:
        heard, self._heard_of = self._heard_of, {}
        with self._working():
            for proxy, events in heard.items():
                for event in events:
                    self._note(proxy, event)
                if drift := [event for event in events if isinstance(event, Drifted)]:
                    self._drifted(proxy, drift)
        self._tell()
        now_and_then()

    def _note(self, proxy: str, event: StreamEvent) -> None:
        rejections = self.translation.rejections
        match event:
            case Rejected(origin=origin, type_url=type_url, resource=resource, message=message):
                key = RejectionKey(proxy, origin.ref, origin.where, type_url, resource)
                rejections.set(key, Rejection(proxy, origin.ref, origin.where, message))
            case Restored(origin=origin, type_url=type_url, resource=resource):
                key = RejectionKey(proxy, origin.ref, origin.where, type_url, resource)
                if key not in self.proxies.rejections(proxy):
                    rejections.delete(key)
            case Acked() | Connected() | Synced():
                self._acknowledge(proxy)
            case Drifted():
                self.drift[event.kind, event.why] += 1
            case Disconnected():
                pass

    def _acknowledge(self, proxy: str) -> None:
        """Note what the proxy has, if it has all that it should."""
        if self._held:  # it has all of before, and what it should have is not known yet
            self._gateways.add(Name.of(proxy))
            return
        gateway = self.translation.gateways.get(Name.of(proxy))
        if gateway is not None and self.proxies.have(proxy, gateway):
            self.translation.proxies.set(proxy, ProxyState(gateway))

    def _tell(self) -> None:
        if self._held:
            return
        if not self.synced.is_set() and self.complete():
            self.synced.set()
            give_back()
        self._told()


def _log_drift(proxy: str, drift: list[Drifted]) -> None:
    _log.warning("The proxy of %s did not have what it should: %s; it is sent again.", proxy, in_words(drift))


def _defect(failure: Failure) -> None:
    """A rule raised: a defect of Daemun, which one object met. It is logged; everything else goes on."""
    _log.error("defect in %s for %s", failure.collection, failure.key, exc_info=failure.error)
