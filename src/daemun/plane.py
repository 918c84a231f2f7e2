"""The middle of every control plane: translation and xDS server, whatever feeds them and whoever runs the proxies.

The parts meet in plain function calls on one event loop: a batch of changed objects settles in the translation, what
came of it goes to the xDS server, and what the proxies answer goes back in.
"""

import asyncio
import contextlib
import ctypes
import gc
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from daemun.base.names import Name, Ref
from daemun.flow import MISSING, Failure
from daemun.gatewayapi.accounts import Account
from daemun.gatewayapi.placement import Setback
from daemun.gatewayapi.proxies import ProxyState, Rejection, RejectionKey
from daemun.gatewayapi.settings import Settings
from daemun.ir.resource import Part, PartKey
from daemun.proxies import Proxies
from daemun.serve.proxy import Connected, Disconnected, Synced
from daemun.serve.proxy import Event as StreamEvent
from daemun.serve.server import Authenticate, XdsServer
from daemun.translate import Translation
from daemun.xds.events import Acked, Rejected, Restored

_GC_THRESHOLDS = (50_000, 20, 100)
"""What lives long here are trees, without cycles to be found; looking for them again and again while 10,000 routes are
built would double the time."""
_log = logging.getLogger(__name__)


class ControlPlane:
    """Objects in, Envoy's configuration and statuses out, and what the proxies made of it back in.

    `told` is called after every step that may have changed a status.
    """

    def __init__(
        self, settings: Settings | None, authenticate: Authenticate, told: Callable[[], None], access_log: str = ""
    ) -> None:
        self.translation = Translation(settings, _defect, access_log)
        self.xds = XdsServer(authenticate, self._heard)
        self.proxies = Proxies(self.xds, self.translation)
        self.placed = asyncio.Event()
        """Set whenever the proxies' configuration has changed, so that another proxy may be wanted."""
        self.synced = asyncio.Event()
        """Set once the sources were read and every proxy has acknowledged what it should have."""
        self.batches = 0
        """How many batches the sources gave so far; `seconds` is what the translation took for them."""
        self.seconds = 0.0
        self._told = told
        self._held = False
        self._parts: dict[PartKey, Part | None] = {}
        self._gateways: set[Name] = set()
        self.translation.resources.subscribe(self._collect)
        self.translation.gateways.subscribe(self._gateways.update)
        gc.set_threshold(*_GC_THRESHOLDS)

    def take(self, objects: Iterable[tuple[Ref, object | None]], complete: Callable[[], bool] = lambda: True) -> None:
        """The sources have a batch of changes; the first one has everything that they know of.

        It may make the rules ask for more, such as a Secret that is now referenced. Until the sources are `complete`
        again nothing is sent and no status told, for it would say that the Secret is missing; a batch that has it
        comes next.
        """
        began = time.perf_counter()
        self.translation.apply(objects)
        self.batches += 1
        self.seconds += time.perf_counter() - began
        self._held = not complete()
        if self._held:
            return
        self._settled()
        self.xds.ready()
        self._tell()

    def wanted(self) -> set[str]:
        """The proxies that have something to listen on, and are not held back."""
        placements = self.translation.placements
        return {key.proxy for key in self.translation.frontends if not placements[Name.of(key.proxy)].held}

    def complete(self) -> bool:
        """Whether every proxy that is wanted has all that it should have, wherever it is connected."""
        gateways = self.translation.gateways
        return all(self.proxies.have(proxy, gateways[Name.of(proxy)]) for proxy in self.wanted())

    def forget(self, proxy: str) -> None:
        """A proxy is gone, or has to prove itself anew: its Gateway is not programmed until it is back."""
        self.translation.proxies.delete(proxy)
        self._tell()

    def set_back(self, proxy: str, setback: Setback | None) -> None:
        """Its provider cannot provide the proxy (or can again): its Gateway says why."""
        if setback is None:
            self.translation.setbacks.delete(proxy)
        else:
            self.translation.setbacks.set(proxy, setback)
        self._tell()

    def hear(self, accounts: Iterable[Account]) -> None:
        """What the proxies have that are connected to all the other replicas. From now on it counts as well."""
        rejections = self.translation.rejections
        with self.translation.graph.batch():
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

    def _settled(self) -> None:
        """The graph has settled: hand on what came of it."""
        if self._parts:
            parts, self._parts = self._parts, {}
            self.xds.apply(parts.items())
            self.placed.set()
        for name in self._gateways:
            self._acknowledge(str(name))
        self._gateways.clear()

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
                key = RejectionKey(proxy, origin.ref, origin.where, type_url, resource)
                if key not in self.proxies.rejections(proxy):
                    rejections.delete(key)
            case Acked() | Connected() | Synced():
                self._acknowledge(proxy)
            case Disconnected():
                pass
        self._tell()

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
            _give_back()
        self._told()


def _give_back() -> None:
    """Return what the first build needed for a moment to the system (glibc keeps it otherwise)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _defect(failure: Failure) -> None:
    """A rule raised: a defect of Daemun, which one object met. It is logged; everything else goes on."""
    _log.error("defect in %s for %s", failure.collection, failure.key, exc_info=failure.error)
