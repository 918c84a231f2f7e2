"""Proxies in a cluster: what each Gateway needs is made, kept as it should be, and removed when it is not wanted.

Only one replica of the control plane does this, the leader. Each Gateway is worked on by itself, so that what is
refused for one delays no other. Objects are applied when what is rendered has changed. All of them are looked at when
somebody has deleted or edited one, and now and then: whatever is not as it should be is applied again.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence

import msgspec

from daemun.base.digest import digest
from daemun.base.names import Name
from daemun.gatewayapi.proxies.placement import Setback
from daemun.ir.placement import Placement
from daemun.kube.client import KubeClient
from daemun.kube.errors import ApiError, KubeError
from daemun.kube.pauses import growing
from daemun.provision.kube.objects import Rendered, render
from daemun.provision.kube.settings import ProxySettings
from daemun.provision.kube.store import Metadata, Store

RESYNC_SECONDS = 30.0
"""How often all objects are looked at, if nothing happens."""
_FIRST_LOOK = 0.5
"""Seconds between two looks because of changes. Each further one doubles it: who fights with us is answered later."""
_FIRST_RETRY, _LAST_RETRY = 0.5, 60.0
_AT_ONCE = 8
"""How many Gateways are worked on at the same time."""

_log = logging.getLogger(__name__)

OnSetback = Callable[[str, Setback | None], None]
"""Told why the proxies of a Gateway cannot be provided; None when they can again."""


class _Known(msgspec.Struct, frozen=True):
    """An object as it was when it was last applied."""

    uid: str
    state: str
    content: int
    turn: int


class _SetbackError(Exception):
    """It cannot be done now, for a reason that people should know."""

    def __init__(self, setback: Setback) -> None:
        super().__init__(setback.text)
        self.setback = setback


class KubeProxies:
    """The proxies of all Gateways. `want` and `trust` tell what there should be; `run`, of the leader, sees to it.

    `unread` says of a Gateway that it is there and cannot be understood: what runs for it is left alone.
    """

    def __init__(
        self,
        client: KubeClient,
        settings: ProxySettings,
        on_setback: OnSetback,
        *,
        namespaces: Sequence[str] = (),
        unread: Callable[[Name], bool] = lambda _: False,
        resync: float = RESYNC_SECONDS,
    ) -> None:
        self._store = Store(client, namespaces)
        self._settings = settings
        self._on_setback = on_setback
        self._unread = unread
        self._resync_seconds = resync
        self._authority = ""
        self._wanted: dict[Name, Placement] = {}
        self._accounts: dict[Name, str] = {}
        self._known: dict[Name, dict[str, _Known]] = {}
        self._due: dict[Name, None] = {}
        self._wakes: dict[Name, asyncio.Event] = {}
        self._set_back: set[str] = set()
        self._changed = asyncio.Event()
        self._disturbed = asyncio.Event()
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._turn = 0

    def want(self, placements: Mapping[Name, Placement | None]) -> None:
        """Some Gateways are placed anew, or not any more (None)."""
        for name, placement in placements.items():
            before = self._wanted.pop(name, None)
            if before is not None and self._accounts.get(_account(before)) == before.proxy:
                del self._accounts[_account(before)]
            if placement is not None:
                self._wanted[name] = placement
                self._accounts.setdefault(_account(placement), placement.proxy)
            self._wake(name)

    def proxy_of(self, account: Name) -> str | None:
        """The proxy that runs as this ServiceAccount."""
        return self._accounts.get(account)

    def trust(self, authority: str) -> None:
        """Whom proxies are to trust as the xDS server, in PEM. Before it is known nothing is made."""
        if authority != self._authority:
            self._authority = authority
            for name in self._wanted:
                self._wake(name)

    async def run(self) -> None:
        """See to it until cancelled. `want` has told of all Gateways before."""
        self._known.clear()
        self._wakes.clear()
        self._due = dict.fromkeys(self._wanted)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look_around())
            group.create_task(self._store.follow(self._notice))
            while True:
                self._changed.clear()
                due, self._due = self._due, {}
                for name in due if self._authority else ():
                    self._wakes[name] = asyncio.Event()
                    group.create_task(self._keep(name, self._wakes[name]))
                await self._changed.wait()

    def _wake(self, name: Name) -> None:
        if name in self._wakes:
            self._wakes[name].set()
        else:
            self._due[name] = None
            self._changed.set()

    async def _keep(self, name: Name, wake: asyncio.Event) -> None:
        """Work on a Gateway until it is as it should be."""
        failures = 0
        while True:
            wake.clear()
            if await self._tried(name, self._reconcile(name)):
                failures = 0
                if not wake.is_set():
                    del self._wakes[name]
                    return
            else:
                failures += 1
                await _pause(wake, failures)

    async def _tried(self, name: Name, work: Coroutine[None, None, None]) -> bool:
        """Whether it was done. An API server that does not answer is no setback: what runs goes on."""
        setback: Setback | None = None
        try:
            async with self._slots:
                await work
        except _SetbackError as error:
            setback = error.setback
        except ApiError as error:
            if error.conflict:
                return False
            setback = _explained(error)
        except KubeError:
            return False
        except Exception:  # noqa: BLE001 - a defect that one Gateway has met must not stop the others
            _log.exception("The proxies of %s cannot be provided.", name)
            return False
        self._tell(str(name), setback)
        return setback is None

    def _tell(self, proxy: str, setback: Setback | None) -> None:
        if setback is not None:
            self._set_back.add(proxy)
            self._on_setback(proxy, setback)
        elif proxy in self._set_back:
            self._set_back.remove(proxy)
            self._on_setback(proxy, None)

    async def _reconcile(self, name: Name) -> None:
        placement = self._wanted.get(name)
        if placement is not None and not placement.made:
            return
        known = self._known.setdefault(name, {})
        rendered = list(render(placement, self._settings, self._authority)) if placement else []
        for one in rendered:
            content = digest(msgspec.json.encode(one.body, order="sorted"))
            before = known.get(one.path)
            if before is not None and before.content == content:
                continue
            if before is None:
                await self._claim(one, await self._store.look(one.path))
            made = await self._applied(one)
            self._turn += 1
            known[one.path] = _Known(made.uid, made.state, content, self._turn)
        for path in known.keys() - {one.path for one in rendered}:
            await self._store.delete(path, known[path].uid)
            del known[path]
        if not known:
            del self._known[name]

    async def _claim(self, one: Rendered, found: Metadata | None) -> None:
        """Whether the name is ours to use: what belongs to somebody else is never taken over."""
        if found is None:
            return
        owner = found.gateway
        if owner is None or owner.name != one.gateway:
            text = f"{one.made.kind} {one.name} exists and does not belong to this Gateway"
            raise _SetbackError(Setback(text, "Rename the Gateway, or remove the other object."))
        if owner.uid != one.uid:  # of a Gateway of the same name, which is gone
            await self._store.delete(one.path, found.uid)
            raise _SetbackError(Setback(f"{one.made.kind} {one.name} of a former Gateway is being removed"))

    async def _applied(self, one: Rendered) -> Metadata:
        try:
            return await self._store.apply(one)
        except ApiError as error:
            error.text = f"{one.made.kind} {one.name}: {error.text}"
            raise

    async def _look_around(self) -> None:
        """Has somebody changed what is ours, and is anything left of Gateways that are not?"""
        gap = _FIRST_LOOK
        while True:
            self._disturbed.clear()
            turn = self._turn
            try:
                found = await self._store.ours()
                left = [(path, one.uid) for path, one in found.items() if self._left_over(path, one)]
                self._compare(found, turn)
                for path, uid in left:
                    await self._store.delete(path, uid)
            except KubeError:
                pass  # the next time will do
            await asyncio.sleep(min(gap, self._resync_seconds))
            try:
                async with asyncio.timeout(self._resync_seconds):
                    await self._disturbed.wait()
                gap = min(2 * gap, self._resync_seconds)
            except TimeoutError:
                gap = _FIRST_LOOK

    def _notice(self, path: str, now: Metadata, gone: bool) -> None:
        """An object is so now: it is looked at if that is not how it was applied."""
        known = self._known.get(Name(now.namespace, now.gateway.name), {}).get(path) if now.gateway else None
        if known is not None and (gone or (now.uid, now.state) != (known.uid, known.state)):
            self._disturbed.set()

    def _left_over(self, path: str, one: Metadata) -> bool:
        """Whether it was made for a Gateway that is not ours any more, or for one that needs something else now."""
        owner = one.gateway
        if owner is None:
            return False
        name = Name(one.namespace, owner.name)
        wanted = self._wanted.get(name)
        if wanted is None:
            return not self._unread(name)
        if not wanted.made:
            return False
        busy = name in self._wakes or name in self._due
        return not busy and name in self._known and path not in self._known[name]

    def _compare(self, found: Mapping[str, Metadata], turn: int) -> None:
        """Forget what is not as it was applied, up to that turn, so that it is applied again."""
        for name, known in list(self._known.items()):
            for path, one in list(known.items()):
                now = found.get(path)
                if one.turn <= turn and (now is None or (now.uid, now.state) != (one.uid, one.state)):
                    del known[path]
                    self._wake(name)


def _account(placement: Placement) -> Name:
    return Name(placement.ref.namespace, placement.name)


async def _pause(wake: asyncio.Event, failures: int) -> None:
    """Wait before trying again, ever longer, unless something changes."""
    seconds = growing(failures, _FIRST_RETRY, _LAST_RETRY, random.random())  # noqa: S311 - no secret
    try:
        async with asyncio.timeout(seconds):
            await wake.wait()
    except TimeoutError:
        pass


def _explained(error: ApiError) -> Setback:
    mend = {
        403: "Give Daemun the right, or raise the quota of the namespace.",
        422: "Correct the parameters of the Gateway or of its class.",
    }.get(error.status, "It is tried again.")
    return Setback(error.text, mend)
