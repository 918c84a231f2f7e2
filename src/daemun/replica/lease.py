"""Leader election: of several replicas one leads, by renewing a Lease in time.

Clocks of other machines are not trusted, and of the own one only how much time passes: a lease is run out when it was
not seen to change for as long as it lasts. Who cannot renew it stops leading well before that. Nothing is final: who
lost the lease goes on trying to get it.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from daemun.base.names import Name
from daemun.kube.client import KubeClient
from daemun.kube.errors import ApiError, KubeError
from daemun.kube.paths import resource, within

GROUP, VERSION, PLURAL = "coordination.k8s.io", "v1", "leases"
_log = logging.getLogger(__name__)

OnChange = Callable[[bool], None]
"""Told when this replica begins to lead, and when it stops."""


class Terms(msgspec.Struct, frozen=True):
    """All times of an election, in seconds."""

    lease: int = 12
    """For so long nobody else leads after the leader was last heard."""
    renew: float = 8.0
    """Who could not renew for so long stops leading."""
    retry: float = 2.0
    """Between two attempts; somewhat less for those who wait, so that a lease that is given back is soon taken."""
    release: float = 2.0
    """For giving it back."""


class _Spec(msgspec.Struct, rename="camel"):
    """A Lease's spec. What is None is not there."""

    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None


class _Meta(msgspec.Struct, rename="camel"):
    name: str = ""
    resource_version: str | msgspec.UnsetType = msgspec.UNSET


class _Lease(msgspec.Struct, rename="camel"):
    metadata: _Meta
    spec: _Spec = msgspec.field(default_factory=_Spec)


class LeaderElection:
    """One replica's part in the election. `identity` names it and no other, also after a restart."""

    def __init__(
        self,
        client: KubeClient,
        name: Name,
        identity: str,
        on_change: OnChange,
        *,
        terms: Terms | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._name = name
        self._path = resource(GROUP, VERSION, PLURAL, name)
        self._identity = identity
        self._on_change = on_change
        self._terms = terms or Terms()
        self._clock = clock
        self._wall = wall
        self._jitter = jitter
        self._leading = False
        self._until = 0.0  # when to stop leading, if the lease is not renewed
        self._observed = _Spec()
        self._observed_at = 0.0
        self._written: _Lease | None = None  # as we wrote it last, if it may still be so
        self._trouble = ""

    @property
    def leading(self) -> bool:
        """Whether this replica leads: also right if the event loop was held up for long."""
        return self._leading and self._clock() < self._until

    @property
    def holder(self) -> str:
        """Who holds the lease, as far as is known."""
        return self._observed.holder_identity or ""

    async def run(self) -> None:
        """Try to lead, and to go on leading, until cancelled; then give the lease back."""
        try:
            while True:
                await self._attempt()
                await asyncio.sleep(self._rest())
        finally:
            held = self._leading
            self._lead(False)
            if held:
                with contextlib.suppress(KubeError, TimeoutError, msgspec.MsgspecError):
                    async with asyncio.timeout(self._terms.release):
                        await self._release()

    def _rest(self) -> float:
        retry = self._terms.retry
        if self._leading:
            return max(0.0, min(retry, self._until - self._clock()))
        pause = retry * (0.7 + 0.2 * self._jitter())
        left = self._runs_out() - self._clock() if self._observed.holder_identity else 0.0
        return min(pause, left + retry * 0.1 * self._jitter()) if left > 0 else pause

    def _lead(self, leading: bool) -> None:
        if leading != self._leading:
            self._leading = leading
            _log.info("%s %s", self._identity, "leads" if leading else "does not lead any more")
            self._on_change(leading)

    async def _attempt(self) -> None:
        """Get the lease or renew it, if that can be done now."""
        began = self._clock()
        patience = self._until - began if self._leading else self._terms.renew
        try:
            async with asyncio.timeout(patience):
                holds = await self._hold()
        except (KubeError, TimeoutError, msgspec.MsgspecError) as error:
            self._troubled(error)
            if self._leading and self._clock() >= self._until:
                self._lead(False)
            return
        self._trouble = ""
        if holds:
            self._until = began + self._terms.renew
        self._lead(holds)

    async def _hold(self) -> bool:
        """Whether the lease is ours now. It is read again only if somebody else has changed what we wrote."""
        now = self._now()
        written, self._written = self._written, None
        if written is not None and await self._renew(written, now):
            return True
        lease = await self._read()
        if lease is None:
            spec = _Spec(self._identity, self._terms.lease, now, now, 0)
            path = within(GROUP, VERSION, PLURAL, self._name.namespace)
            await self._client.request("POST", path, body=_Lease(_Meta(self._name.name), spec))
            self._observe(spec)
            return True
        there = lease.spec
        self._observe(there)
        spec = self._renewed(there, now)
        if there.holder_identity != self._identity:
            if there.holder_identity and not self._run_out():
                return False
            spec.acquire_time, spec.lease_transitions = now, (there.lease_transitions or 0) + 1
        await self._write(lease, spec)
        return True

    async def _renew(self, written: _Lease, now: str) -> bool:
        """Whether the lease was still as we wrote it, and is renewed."""
        try:
            await self._write(written, self._renewed(written.spec, now))
        except ApiError as error:
            if error.conflict or error.missing:
                return False
            raise
        return True

    def _renewed(self, there: _Spec, now: str) -> _Spec:
        return _Spec(self._identity, self._terms.lease, there.acquire_time, now, there.lease_transitions)

    async def _release(self) -> None:
        """Let another lead at once."""
        lease = await self._read()
        if lease is not None and lease.spec.holder_identity == self._identity:
            there = lease.spec
            await self._write(lease, _Spec("", 1, there.acquire_time, self._now(), there.lease_transitions))

    async def _read(self) -> _Lease | None:
        found = await self._client.find(self._path)
        return None if found is None else msgspec.json.decode(found, type=_Lease)

    async def _write(self, lease: _Lease, spec: _Spec) -> None:
        """Change the lease, if nobody has since it was read."""
        meta = {"resourceVersion": lease.metadata.resource_version}
        answer = await self._client.merge(self._path, {"metadata": meta, "spec": spec})
        self._observe(spec)
        self._written = _Lease(msgspec.json.decode(answer, type=_Lease).metadata, spec)

    def _observe(self, spec: _Spec) -> None:
        if spec != self._observed:
            self._observed, self._observed_at = spec, self._clock()

    def _run_out(self) -> bool:
        return self._clock() >= self._runs_out()

    def _runs_out(self) -> float:
        return self._observed_at + (self._observed.lease_duration_seconds or self._terms.lease)

    def _now(self) -> str:
        """For people: nobody's decisions depend on it."""
        return self._wall().strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def _troubled(self, error: Exception) -> None:
        """The attempt failed. Only what is new is told, and not that somebody else was faster."""
        if isinstance(error, ApiError) and error.conflict:
            return
        trouble = str(error) if isinstance(error, ApiError) else "no answer"  # however it does not answer
        if trouble != self._trouble:
            self._trouble = trouble
            _log.warning("The lease %s cannot be had: %s", self._name, str(error) or "no answer in time")


class AlwaysLeading:
    """Where there is just one replica, it leads as long as it runs."""

    def __init__(self, on_change: OnChange) -> None:
        self._on_change = on_change
        self.leading = False

    async def run(self) -> None:
        """Lead until cancelled."""
        self._lead(True)
        try:
            await asyncio.Event().wait()
        finally:
            self._lead(False)

    def _lead(self, leading: bool) -> None:
        self.leading = leading
        self._on_change(leading)
