"""The one writer of statuses: it brings what the translation says of each object into the API server.

An object is compared with what the API server has when its turn comes (pace.py), and only what differs is sent
(merge.py). Nothing is remembered of what was written: the watch brings it back, as it brings what others write, so
that a restart, another leader or a lost answer are nothing special.
"""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

import msgspec

from daemun.api.status import Status
from daemun.base.names import Ref
from daemun.flow import Collection, Delta
from daemun.kube.client import KubeClient
from daemun.kube.errors import ApiError, KubeError
from daemun.kube.seen import Locate, Seen
from daemun.process.turns import Turns
from daemun.report.kube.merge import Document, change, is_true
from daemun.report.kube.pace import LONGEST_COUNT_GAP, Pace, pause
from daemun.report.stamp import NAMESPACE

WORKERS = 12
"""Requests under way at once."""
GIVE_WAY = 0.02
"""Seconds that a status waits for the proxies to have what it tells of: where the API server shares their machine, its
work for the write would hold that up. What is told of the same object meanwhile is looked at once."""
PATIENCE = 1.0
"""Seconds until our entries leave an object of which we have nothing to say: the translation may read it just now."""
ECHO = 1.0
"""Seconds to wait for the watch to bring back what was written, before writing to the same object again."""
LONGEST_OUTAGE_PAUSE = 4.0
"""A server that does not answer is asked so often, with one request: when it is back, what waits is written soon."""
SLICE = 200
"""Objects that are looked at before others on the event loop have their turn."""
UNSETTLED = 0.05
"""Seconds until it is looked again whether the statuses can be told."""
EXTRAS = frozenset({"supportedFeatures"})
"""Older releases of Gateway API do not have these, or as another type: then what matters is written without them."""
HOPE = 60.0
"""Seconds until it is tried with them again: another release may have been installed."""

_OUTAGES = (429, 502, 503, 504)
_log = logging.getLogger(__name__)


class Counts(msgspec.Struct):
    """What was done so far, for metrics."""

    writes: Counter[str] = msgspec.field(default_factory=Counter)
    """By kind."""
    skipped: int = 0
    """Looked at, and nothing to write."""
    conflicts: int = 0
    errors: Counter[str] = msgspec.field(default_factory=Counter)
    """By HTTP status, or `unreachable`."""


class _Meta(msgspec.Struct, rename="camel"):
    resource_version: str


class _Object(msgspec.Struct):
    metadata: _Meta
    status: msgspec.Raw = msgspec.Raw(b"")


class StatusWriter:
    """Writes while it leads. `seen` is told of the objects by the source, as `OnSeen`.

    `run` is to begin once the translation has read all sources. While they are not `settled`, because something is
    still being fetched that would change them, statuses are not told. `namespace` is the control plane's. `whole` says
    that the status of an object is written with the object, since its CRD has no subresource for it.
    """

    def __init__(
        self,
        client: KubeClient,
        statuses: Collection[Ref, Status],
        locate: Locate,
        settled: Callable[[], bool] = lambda: True,
        *,
        namespace: str = NAMESPACE,
        whole: Callable[[Ref], bool] = lambda _: False,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._statuses = statuses
        self._locate = locate
        self._settled = settled
        self._namespace = namespace
        self._whole = whole
        self._clock = clock
        self._wall = wall
        self._jitter = jitter
        self.counts = Counts()
        self._seen: dict[Ref, Seen] = {}
        self._leading = False
        self._pace = Pace(jitter)
        self._sent: dict[Ref, tuple[str, float]] = {}  # versions that the watch has yet to bring, and how long to wait
        self._told: dict[Ref, str] = {}  # refusals, so that each is logged once
        self._plain: set[str] = set()  # kinds without the extras
        self._many: dict[Ref, None] = {}  # to be touched, a slice at a time
        self._in_flight = 0
        self._outages = 0  # in a row
        self._pause_until = 0.0
        self._wake = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        statuses.subscribe(self._changed)

    @property
    def pending(self) -> int:
        """How many objects may have to be written."""
        return len(self._pace) + len(self._many)

    def seen(self, ref: Ref, seen: Seen | None) -> None:
        """The API server has the object so; None: not at all."""
        if seen is None:
            self._forget(ref)
            return
        self._seen[ref] = seen
        echo = ref in self._sent and self._sent[ref][0] == seen.resource_version
        if echo:
            del self._sent[ref]
        if (echo or self._pace.busy(ref)) and not self._pace.waits(ref) and not self._lacks(ref, seen)[0]:
            self.counts.skipped += 1  # what we wrote, and as it is to be
            return
        self._touch(ref)

    def says(self, ref: Ref, condition: str) -> bool:
        """Whether the status of an object, or of a listener in it, has this condition as True at the API server."""
        seen = self._seen.get(ref)
        return seen is not None and is_true(seen.status, condition)

    def lead(self, leading: bool) -> None:
        """Begin to write, or stop."""
        self._leading = leading
        self._pace.clear()
        self._sent.clear()
        self._plain.clear()
        self._many = dict.fromkeys(self._seen) if leading else {}
        self._wake.set()

    async def run(self) -> None:
        """Write, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hope())
            while True:
                self._wake.clear()
                await Turns().through(self._touching())
                self._look_in(self._begin(group))
                await self._wake.wait()

    async def _hope(self) -> None:
        while True:
            await asyncio.sleep(HOPE)
            plain, self._plain = self._plain, set()
            self._touch_all({ref: None for ref in self._seen if ref.kind in plain})

    def _changed(self, delta: Delta[Ref, Status]) -> None:
        if self._leading:
            self._touch_all(delta)

    def _touch_all(self, refs: Mapping[Ref, object]) -> None:
        """What is more than a slice of work is left to `run`."""
        if len(refs) > SLICE:
            self._many.update(dict.fromkeys(refs))
            self._wake.set()
            return
        for ref in refs:
            if ref in self._seen:
                self._touch(ref)

    def _touching(self) -> Iterator[None]:
        """What is to be touched, in steps; what others had touched meanwhile stays so."""
        while self._many:
            ref, _ = self._many.popitem()
            if ref in self._seen:
                self._touch(ref)
            yield

    def _touch(self, ref: Ref) -> None:
        if self._leading:
            wait = GIVE_WAY if ref in self._statuses else PATIENCE
            self._pace.touch(ref, self._clock() + wait)
            self._look_in(wait)

    def _look_in(self, wait: float | None) -> None:
        """In so many seconds at the latest there may be something to send. To be woken only then costs less, and keeps
        nobody up who has to send to proxies what has just changed."""
        if wait is None:
            return
        loop = asyncio.get_running_loop()
        at = loop.time() + wait
        if self._alarm is None or at < self._alarm.when():
            if self._alarm is not None:
                self._alarm.cancel()
            self._alarm = loop.call_at(at, self._rouse)

    def _rouse(self) -> None:
        self._alarm = None
        self._wake.set()

    def _forget(self, ref: Ref) -> None:
        self._seen.pop(ref, None)
        self._sent.pop(ref, None)
        self._told.pop(ref, None)
        self._pace.forget(ref)

    def _begin(self, group: asyncio.TaskGroup) -> float | None:
        """Send what may be sent now. How long until there may be more, if nothing happens; None for ever."""
        if self._leading and not self._settled():
            return UNSETTLED
        now = self._clock()
        for _ in range(SLICE):
            if self._in_flight >= (1 if self._outages else WORKERS):
                return None
            if now < self._pause_until:
                return self._pause_until - now
            ref = self._pace.take(now)
            if ref is None:
                at = self._pace.next()
                return None if at is None else max(0.0, at - now)
            request = self._request(ref, now)
            if request is None:
                self._pace.done(ref)
            else:
                self._in_flight += 1
                group.create_task(self._write(ref, *request))
        return 0.0

    def _request(self, ref: Ref, now: float) -> tuple[Seen, str, Document] | None:
        """What there is to write of an object just now: what was seen of it, its path, the fields of its status."""
        seen, path = self._seen.get(ref), self._locate(ref)
        if seen is None or path is None:
            return None
        if ref in self._sent and now < (until := self._sent[ref][1]):
            self._pace.touch(ref, until)
            return None
        fields, only_counts = self._lacks(ref, seen)
        if not fields:
            self.counts.skipped += 1
            return None
        if only_counts and now < (at := self._pace.after_write(ref, LONGEST_COUNT_GAP)):
            self._pace.touch(ref, at)
            return None
        return seen, path, fields

    def _lacks(self, ref: Ref, seen: Seen) -> tuple[Document, bool]:
        """The fields of its status that are not as they are to be, and whether just counts are not."""
        stamp = self._wall().strftime("%Y-%m-%dT%H:%M:%SZ")
        fields, only_counts = change(self._statuses.get(ref), seen.status, stamp, self._namespace)
        if ref.kind in self._plain:
            fields = {field: value for field, value in fields.items() if field not in EXTRAS}
        return fields, only_counts

    async def _write(self, ref: Ref, seen: Seen, path: str, fields: Document) -> None:
        try:
            await self._send(ref, seen, path, fields)
        except (KubeError, msgspec.MsgspecError) as error:
            self._failed(ref, seen, fields, error)
        else:
            self._outages = 0
            self._told.pop(ref, None)
        finally:
            self._in_flight -= 1
            self._pace.done(ref)
            if (at := self._pace.next()) is not None:
                self._look_in(max(0.0, at - self._clock()))

    async def _send(self, ref: Ref, seen: Seen, path: str, fields: Document) -> None:
        body = {"metadata": {"resourceVersion": seen.resource_version}, "status": fields}
        try:
            to = path if self._whole(ref) else f"{path}/status"
            answer = msgspec.json.decode(await self._client.merge(to, body), type=_Object)
            self.counts.writes[ref.kind] += 1
        except ApiError as error:
            if not error.conflict:
                raise
            self.counts.conflicts += 1
            self._pace.wrote(ref, self._clock())
            answer = msgspec.json.decode(await self._client.get(path), type=_Object)
            if self._seen.get(ref) is seen:  # otherwise the watch was faster
                self._seen[ref] = Seen(answer.metadata.resource_version, bytes(answer.status))
            self._touch(ref)
            return
        self._pace.wrote(ref, self._clock())
        if answer.metadata.resource_version == seen.resource_version and fields.keys() <= EXTRAS:
            self._plain.add(ref.kind)  # it was not kept
        if self._seen.get(ref, seen).resource_version != answer.metadata.resource_version:
            self._sent[ref] = (answer.metadata.resource_version, self._clock() + ECHO)

    def _failed(self, ref: Ref, seen: Seen, fields: Document, error: KubeError | msgspec.MsgspecError) -> None:
        """The object could not be written: it is gone, or the server is not well, or it refuses."""
        status = error.status if isinstance(error, ApiError) else 0
        if status == 404:
            if self._seen.get(ref) is seen:  # otherwise it has been made anew
                self._forget(ref)
            return
        if status == 422 and ref.kind not in self._plain and not EXTRAS.isdisjoint(fields):
            self._plain.add(ref.kind)
            self._touch(ref)
            return
        self.counts.errors[str(status or "unreachable")] += 1
        now = self._clock()
        if status in _OUTAGES or not status:
            if now >= self._pause_until:  # those that were under way together are one failure
                self._outages += 1
                wait = pause(self._outages, LONGEST_OUTAGE_PAUSE, self._jitter())
                self._pause_until = now + max(wait, error.retry_after if isinstance(error, ApiError) else 0.0)
            self._touch(ref)
            return
        if self._told.get(ref) != str(error):
            self._told[ref] = str(error)
            _log.warning("The status of %s cannot be written: %s.", ref, error)
        if self._leading:
            self._pace.failed(ref, now)
