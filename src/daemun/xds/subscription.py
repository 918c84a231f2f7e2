"""One type of resource in one stream: what the client asked for, and what it is sent next."""

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import Literal

from daemun.ir.resource import LISTENER
from daemun.xds.audit import differing
from daemun.xds.client import Client
from daemun.xds.compose import Composer
from daemun.xds.copy import UNKNOWN, Entry
from daemun.xds.events import Acked, Drifted
from daemun.xds.flight import Draft, Flight, Flights
from daemun.xds.marks import same
from daemun.xds.messages import Request, Response
from daemun.xds.names import WILDCARD, Names
from daemun.xds.quarantine import Data, Quarantine, Suspect
from daemun.xds.reopened import Reopened
from daemun.xds.stream import MayRemove, Stream
from daemun.xds.suspects import accused, blamed, content
from daemun.xds.wanted import Resource

MOST = 250
"""Resources that are looked at for one response: neither side is held up by one for long, nor is anybody else."""


class Subscription:
    """The state of one type in one stream. Changes gather in `_dirty` until another response may go (`Flights`)."""

    def __init__(self, type_url: str, stream: Stream) -> None:
        self.type_url = type_url
        self.client = Client(type_url, stream)
        self.quarantine = Quarantine(self.client, stream.events)
        self.settled_at = 0.0
        """Until then, the removal of what the client brought with it waits for its requests of other types."""
        self._reopened = Reopened(self.client, self.quarantine)
        self._stream = stream
        self._composer = Composer(self.client, stream, self.quarantine)
        self.lender = self._composer.lender
        self._content = partial(content, stream.wanted, type_url)
        self.started = False
        self._greet = False
        self._names = Names(self._all)
        self._dirty: dict[str, None] = {}
        self._forced: set[str] = set()
        self._half: dict[str, None] = {}
        """What Envoy may have taken by half of a response that it rejected: it is told again what it had before."""
        self._gone: dict[str, None] = {}
        self.flights = Flights(type_url)
        self._tests_next = False

    # What others may ask

    def quiet(self) -> bool:
        """Whether there is nothing to add or change, nothing under way and nothing under test."""
        busy = self.flights or self._dirty or self.quarantine.testing()
        return not busy and not self._stream.holds.holding(self.type_url)

    def synced(self, *, partly: bool = False) -> bool:
        """Whether the client has acknowledged all that is wanted; quarantine and late removals stand aside.

        `partly`: of what it has to ask for, only what it did ask for.
        """
        if not self.quiet():
            return False
        return (partly and not self._names.every) or len(self.client) - len(self._gone) == len(self._all())

    def still(self, now: float) -> bool:
        """Whether there is nothing to add or change, but for what is long in being answered."""
        return not self._dirty and self.flights.free(now)

    def owes(self) -> bool:
        """Whether a response waits for the client's answer."""
        return bool(self.flights)

    def deadline(self, now: float) -> float | None:
        """When there may be something to send though nothing happens."""
        if not self.started:
            return None
        at = self.flights.deadline() if self.flights else self.quarantine.deadline()
        times = [at, self.settled_at if self._gone and now < self.settled_at else None]
        return min((at for at in times if at is not None), default=None)

    # What the client asks for

    def start(self, request: Request, now: float, elder: "Subscription | None") -> Iterator[None]:
        """The first request for this type: what the client asks for, and what it has from earlier streams, in steps."""
        known = request.initial_resource_versions
        self.started = True
        self._names.every = not request.subscribe or WILDCARD in request.subscribe
        self._greet = self._names.every and not known
        self.settled_at = now + self._stream.hold if known else now
        yield from self.subscribe(request.subscribe, known)
        for name, version in known.items():
            if name in self._names and not self._names.strange(name, len(self.client)):
                self._take_over(name, version, elder)
            yield
        for name in self._all() if self._names.every else ():
            if name not in self.client:
                self.touch(name)

    def subscribe(self, names: Collection[str], known: Collection[str] = ()) -> Iterator[None]:
        """Whoever asks for a name gets an answer, even if it should have the resource already; but for what is `known`
        to it. In steps.
        """
        if WILDCARD in names:
            self._names.every = True
            self._dirty.update(dict.fromkeys(self._all()))
        for name in names:
            if name != WILDCARD and self._names.add(name) and name not in known:
                self._force(name)
            yield

    def unsubscribe(self, names: Collection[str]) -> Iterator[None]:
        """The client has no use for these any more. In steps."""
        lost = []
        if WILDCARD in names:
            self._names.every = False
            lost = [other for other in self.client.names() if other not in self._names]
        for name in itertools.chain(lost, names):
            self._names.discard(name)
            if not self._names.every:
                self._drop(name)
                self._dirty.pop(name, None)
                self._gone.pop(name, None)
                self._forced.discard(name)
            yield

    def adopt(self, other: "Subscription") -> None:
        """Begin with what another stream of the proxy has found to be rejected."""
        self.quarantine.adopt(other.quarantine, self._content)
        self.lender.borrow(other.lender, self.quarantine.places())

    # What there is to send

    def changed(self, name: str, parts: Iterable[str]) -> None:
        """These parts of a wanted resource have changed."""
        self.quarantine.review(name, self._content)
        if self.started and name in self._names:
            self.touch(name, parts)
            if self.client.pass_over(name, parts, self.flights) and name not in self._forced:
                del self._dirty[name]
                self._drop(name)

    def touch(self, name: str, parts: Iterable[str] = ()) -> None:
        """See again whether the client needs these parts of the resource."""
        self.client.outdated(name, parts)
        self._dirty[name] = None

    def refresh(self, name: str, serial: int) -> None:
        """Say again what there is of the resource if the client subscribes to it and was told before this response."""
        copy = self.client.get(name)
        if self._names.named(name) and (copy is None or copy.serial < serial):
            self._force(name)

    def ask(self) -> None:
        """Send something that the client has to answer, though there is nothing to say."""
        self._greet = self.started

    def additions(self, now: float, may_remove: MayRemove) -> Response | None:
        """The next response, if there is something to add or change and none is in flight."""
        self._give_up(now)
        self.flights.hurry = False
        if not self.flights:
            self.quarantine.retry(now, self._content)
        if not self.started or not (self._due() or self._greet) or not self._free(now):
            return None
        while self._due():
            if (draft := Draft(self._reopened.close())).absent:
                return self._send(draft, now)
            half, self._half = self._half, {}
            self._composer.leading.coming = draft.entries
            for name in half or self._composer.in_order(self._next_names(), now):
                self._fill(draft, name, now, again=bool(half))
            if draft.entries and self.type_url == LISTENER:
                # Another one may be waiting for its address. Of all else a removal comes after what takes its place:
                # Envoy does the removals of a response first, and requests that come in between find nothing.
                draft.removed += self._removable(now, may_remove)
            if draft.entries or draft.removed or draft.absent:
                return self._send(draft, now)
        return self._send(Draft(), now) if self._greet else None

    def removals(self, now: float, may_remove: MayRemove) -> Response | None:
        """A response with nothing but removals, if there are any to be made now and none is in flight."""
        if not self._gone or not self._free(now):
            return None
        (draft := Draft()).removed = self._removable(now, may_remove)
        return self._send(draft, now) if draft.removed else None

    def _next_names(self) -> list[str]:
        """What to look at next: what has changed, or a group of suspects; by turns, so that neither starves.

        Fresh changes and suspects do not travel together: what is healthy is not held up by what may not be.
        """
        first = self.quarantine.next_resources().intersection(self._ready())
        testing = self._testing() and not any(map(self.client.ignorant, first))  # all of those would be suspect
        self._tests_next = testing and bool(self._ready()) and not self._tests_next
        if not testing or self._tests_next:
            return self._next_dirty()
        group = self.quarantine.next_group(self._content)
        for one in group:
            self.client.outdated(one.resource, () if one.part is None else (one.part,))
        return [name for name in dict.fromkeys(one.resource for one in group) if name in self.client]

    def _next_dirty(self) -> list[str]:
        """What has changed, as much as goes into one response: first what is new and may be led to, late last."""
        self.quarantine.tested = frozenset()
        some = self._stream.wanted.prompt(self.type_url, self._dirty) or self._ready()
        new = (name for name in some if name not in self.client) if len(self._dirty) > MOST else ()
        names = list(itertools.islice(new, MOST)) or list(itertools.islice(some, MOST))
        for name in names:
            del self._dirty[name]
        return names

    def _fill(self, draft: Draft, name: str, now: float, *, again: bool) -> None:
        """Add to the draft what the client needs to know of one resource, or `again` whatever there is to know."""
        for entry in self.flights.recall(name):
            self.client.doubt(name, entry)
        resource = self._stream.wanted.get(self.type_url, name)
        known = self.client.get(name)
        if resource is None:
            if again and (known is None or (known.whole and not known.opaque)):
                self._forced.add(name)  # it never was one, so nothing in the client can need it
            self._missing(draft, name)
            return
        forced = name in self._forced
        self._gone.pop(name, None)
        copy = self.client.open(name)
        composed = self._composer.compose(name, resource, copy, now, anyway=forced or again)
        if composed.body is None and again and copy.whole and not copy.opaque:
            draft.absent.append(name)
            return
        if composed.body is None and forced and not composed.waits and not self.quarantine.testing(name):
            if copy.whole and not copy.opaque:
                self._forced.discard(name)
                draft.absent.append(name)
                return
            composed = self._composer.as_wanted(name, resource, copy)
        if composed.body is None:
            return
        if same(composed.entry.version, copy.version) and not forced and not again:
            self._already_there(name, composed.entry._replace(version=copy.version), now)
            return
        self._forced.discard(name)
        draft.add(name, composed.entry, composed.body)

    def _missing(self, draft: Draft, name: str) -> None:
        """A resource that is not wanted: say so to those who ask, and later to those who have it."""
        self._stream.holds.drop(self.type_url, name)
        if name in self._forced:
            self._forced.discard(name)
            self._gone.pop(name, None)
            draft.removed.append(name)
        elif self.client.has(name):
            self._gone[name] = None
        else:
            self._drop(name)

    def _removable(self, now: float, may_remove: MayRemove) -> list[str]:
        names = [name for name in self._gone if may_remove(self.type_url, name, now)]
        for name in names:
            del self._gone[name]
        return names

    def _already_there(self, name: str, entry: Entry, now: float) -> None:
        """The client has this content already: nothing is sent."""
        copy = self.client.open(name)
        self.client.sent(name, entry, copy.serial)
        self.client.record(name, entry, now)
        self._stream.events.append(Acked(self.type_url, name, copy.version))
        self.quarantine.acked(name)

    def _send(self, draft: Draft, now: float) -> Response:
        serial = self._stream.next_serial()
        self._greet = False
        for name, entry in draft.entries.items():
            self.client.sent(name, entry, serial)
        for name in draft.removed:
            self.client.leave(name)
        self.flights.last = Flight(str(serial), serial, now, draft.entries, tuple(draft.removed), set())
        return Response(self.type_url, str(serial), tuple(draft.resources), (*draft.removed, *draft.absent))

    # What the client answers

    def answered(self, request: Request, now: float) -> None:
        """An ACK or NACK, or something else."""
        if (flight := self.flights.end(request.response_nonce)) is None:
            return
        for name in flight.removed:
            self._drop(name)
        if request.error_detail is not None:
            self._refused(flight, request.error_detail, now)
            return
        for name, entry in flight.entries.items():
            if self.client.record(name, entry, now):
                self._stream.events.append(Acked(self.type_url, name, entry.version))
                self.quarantine.acked(name)
                self.client.acked(name, flight.serial)
                self.lender.taken(name)
        if not self._dirty:
            self.quarantine.doubt(now)

    def _refused(self, flight: Flight, message: str, now: float) -> None:
        """Find out what in this response may be at fault."""
        suspects = accused(self.client, flight)
        self._half |= dict.fromkeys(flight.half_taken(self.type_url, message))
        if len(suspects) == 1 and not flight.recalled:
            one, data = suspects.popitem()
            fault = self._reopened.fault(one, data, message, flight, now)
            if not fault or self.lender.pause(one.resource):
                self.quarantine.again(one, data)
                self._tests_next = True
            else:
                self._condemn(one, data, fault, now)
        elif suspects:
            self.quarantine.suspect(suspects, message)

    def _condemn(self, one: Suspect, data: Data, message: str, now: float) -> None:
        self.lender.resume(one.resource)
        if (origin := blamed(self._stream.wanted, self.type_url, one)) is not None:
            self.quarantine.condemn(one, data, origin, message, now)
        # What takes its place travels with the tests that are still to come, if there are any.
        if not self.quarantine.testing(one.resource):
            self._dirty[one.resource] = None

    # What went wrong

    def is_sure_of(self, name: str) -> bool:
        """Whether it is known what the client has of a resource."""
        copy = self.client.get(name)
        return copy is not None and copy.version != UNKNOWN and name not in self.flights

    def _give_up(self, now: float) -> None:
        """Wait for an answer no longer: what the client made of it will not be known, so it is sent again."""
        for flight in self.flights.given_up(now):
            for name, entry in flight.entries.items():
                if self.client.doubt(name, entry):
                    self._drifted(name, "unanswered")
            self._half |= dict.fromkeys(flight.removed)
        for name in self.flights.missed():
            self.client.stayed(name)
            self._half[name] = None

    def audit(self) -> Iterator[None]:
        """Compare what the client has acknowledged with what is wanted, in steps, if nothing is under way."""
        if self.started and self._rests():
            names = yield from differing(self._all(), self.client, self._passed_over)
            for name in names if self._rests() else ():
                self.client.open(name).whole = name in self._all()
                self._drifted(name, "different")

    def _rests(self) -> bool:
        return self.quiet() and not self._half

    def _passed_over(self, name: str) -> bool:
        wanted = name in self._all()
        return (name not in self._names or self.quarantine.blames(name)) if wanted else name in self._gone

    def _drifted(self, name: str, why: Literal["unanswered", "different"]) -> None:
        self._dirty[name] = None
        self._stream.events.append(Drifted(self.type_url, name, why))

    def _take_over(self, name: str, version: str, elder: "Subscription | None") -> None:
        resource = self._all().get(name)
        recalled = self._composer.recall(name, resource, version) if resource else None
        copy = self.client.take_over(name, version, resource, elder.client.get(name) if elder else None, recalled)
        if resource is None or copy.opaque or copy.stale:
            self._dirty[name] = None
            if copy.opaque and elder is not None and elder.is_sure_of(name):
                self._stream.events.append(Drifted(self.type_url, name, "unknown"))
        else:
            self._stream.events.append(Acked(self.type_url, name, version))

    def _due(self) -> bool:
        return bool(self._half or self._testing() or self._ready())

    def _ready(self) -> Collection[str]:
        """What has changed and may be told: a client that starts would wait for what is late before all else."""
        return self._stream.wanted.prompt(self.type_url, self._dirty) if self._stream.starting else self._dirty

    def _testing(self) -> bool:
        return self.quarantine.testing() and not self.flights and not self._stream.blind(self.type_url)

    def _free(self, now: float) -> bool:
        """Whether another response may go; what the one removes that it overtakes is gone."""
        for name in self.flights.overtaken() if (free := self.flights.free(now)) else ():
            self._drop(name)
        return free

    def _force(self, name: str) -> None:
        self._forced.add(name)
        self._dirty[name] = None

    def _drop(self, name: str) -> None:
        self.client.drop(name)
        self.quarantine.drop(name)

    def _all(self) -> Mapping[str, Resource]:
        return self._stream.wanted.of_type(self.type_url)
