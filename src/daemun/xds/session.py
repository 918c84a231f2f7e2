"""The server's side of one incremental ADS stream, without any I/O.

    session.receive(request, now)   what the client says
    session.changed(changes)        what has changed in the resources it should have
    session.lost(type, name)        what the client has given up by itself
    session.poll(now)               the responses that may be sent now
    session.deadline(now)           when to poll again though nothing happens
    session.delayed(seconds, taking)  how long what was sent was on its way, and the client took some of it
    session.stuck(now)              whether the client does not answer any more: end the stream
    session.take_events()           what became of the configuration

The laws. A name that the client asks for is always answered, of up to `MOST_TYPES` types, and `MOST_STRANGE` names of
nothing (`names`). At most one response per type is in flight. Additions go in the order of `TYPES`, a leaf only when
the clusters it needs are warm or its time is over, and never without the filters it needs; removals go last. What Envoy
rejects is found and withheld by itself. What is not answered in time, or found to have drifted, is sent again; who says
nothing at all any more is `stuck`.
The same content has the same version in every stream and process.
"""

import itertools
from collections.abc import Iterable, Iterator

from daemun.ir.resource import ANSWERING, CLUSTER, ENDPOINT, EXTENSION, LISTENER, SCOPE, TYPES, Side
from daemun.xds.audit import Audit
from daemun.xds.copy import UNKNOWN
from daemun.xds.events import Drifted, Event, Rejected
from daemun.xds.messages import Request, Response
from daemun.xds.order import Removals
from daemun.xds.silence import ASKED, SILENCE, Silence
from daemun.xds.stream import Stream
from daemun.xds.subscription import Subscription
from daemun.xds.wanted import Changes, Wanted
from daemun.xds.warm import Place

HOLD = 5.0
"""Seconds a leaf waits for the clusters it needs."""
AUDIT = 60.0
"""Seconds between two looks at whether the client has acknowledged just what is wanted."""
AUDITED = 1000
"""Resources that are looked at in one turn, a few milliseconds."""
MOST_TYPES = 32
"""Types that a client may ask for: all there are, and as many again, of which there is nothing. Each is looked at
whenever something is sent."""
ELDER = 60.0
"""Seconds after which the client has long said what it brought with it, so that the elder can be forgotten."""

_UNTOLD = (SCOPE, "")
"""Routes of which a client that connects again has not told yet (`Stream.foreign`)."""


class Session:
    """One stream of a proxy. `elder` is an earlier stream of the same proxy, or one beside it, to learn from."""

    def __init__(self, wanted: Wanted, *, hold: float = HOLD, elder: "Session | None" = None) -> None:
        self._stream = Stream(wanted, hold)
        self._elder = elder
        self._met_at: float | None = None
        self._asked_at = 0.0
        """When the client last asked for another type."""
        self._foreign = False
        self._audit_at: float | None = None
        self._audit = Audit()
        self._silence = Silence()
        self._subscriptions: dict[str, Subscription] = {}
        self._removals = Removals(self._stream, self._subscriptions)
        self._stream.refuses = self._refuses
        for type_url in TYPES:
            subscription = self._subscribe(type_url)
            if elder is not None:
                subscription.adopt(elder.subscription(type_url))

    def receive(self, request: Request, now: float) -> None:
        """Take in what the client says: an answer to a response, names it wants or no longer wants, or all of it."""
        for _ in self.receiving(request, now):
            pass

    def receiving(self, request: Request, now: float) -> Iterator[None]:
        """The same in steps, for a client that brings much with it. Until the last, `poll` is not to be called."""
        if request.type_url not in self._subscriptions and len(self._subscriptions) >= MOST_TYPES:
            return
        if self._met_at is None:
            self._met_at, self._audit_at = now, now + AUDIT
        subscription = self.subscription(request.type_url)
        if request.type_url == ENDPOINT:
            for name in request.unsubscribe:
                self._stream.warmth.unsubscribed(name)
                yield
            for name in request.subscribe:
                self._stream.warmth.subscribed(name)
                yield
        if not subscription.started:
            self._asked_at = now
            elder = self._elder.subscription(request.type_url) if self._elder else None
            yield from subscription.start(request, now, elder)
            self._expect(request)
            if request.type_url == ENDPOINT:
                self._refresh_endpoints(self.subscription(CLUSTER).client.names())
        else:
            subscription.answered(request, now)
            yield from subscription.unsubscribe(request.unsubscribe)
            yield from subscription.subscribe(request.subscribe)
        self._silence.heard(now, owes=self.owes())
        self.subscription(CLUSTER).flights.heard()
        self._wake()

    def changed(self, changes: Changes) -> None:
        """The wanted resources have changed."""
        for type_url, resources in changes.items():
            subscription = self.subscription(type_url)
            for name, parts in resources.items():
                subscription.changed(name, parts)
                if type_url == CLUSTER and self._stream.wanted.get(CLUSTER, name) is None:
                    self._stream.wake(name)
                if type_url == EXTENSION and self._stream.wanted.get(EXTENSION, name) is None:
                    self._stream.wake_all(name)
        self._wake()

    def lost(self, type_url: str, name: str) -> None:
        """The client does not have a resource though it has acknowledged it: it is sent again."""
        subscription = self.subscription(type_url)
        copy = subscription.client.get(name)
        if copy is not None and name not in subscription.flights:
            copy.version, copy.whole = UNKNOWN, True
            subscription.touch(name)
            self._stream.events.append(Drifted(type_url, name, "different"))

    def poll(self, now: float) -> list[Response]:
        """The responses that may be sent now, in the order in which they are to be sent."""
        if self._elder is not None and self._met_at is not None and now >= self._met_at + ELDER:
            self._elder = None
            for one in self._subscriptions.values():
                one.lender.forget()
                one.quarantine.forget()
        if self._audit_at is not None and now >= self._audit_at:
            self._audit_at = now + AUDIT
            self._audit.begin(itertools.chain.from_iterable([one.audit() for one in self._subscriptions.values()]))
        self._audit.go_on(AUDITED)
        if (at := self._told_at()) is not None and now >= at:
            self._stream.foreign.discard(_UNTOLD)
            self._stream.told_filters()
            self._wake()
        self._touch(self._stream.holds.overdue(now))
        self._touch(self._stream.stays.over(now))
        if self._silence.lasts(ASKED, now) and not self._owes():
            self.subscription(LISTENER).ask()
        made = self._additions(now)
        if self._foreign and not self._stream.foreign:  # what it brought has turned out to be as it should be
            self._wake()
            made += self._additions(now)
        if over := self._stream.stays.over(now):
            self._touch(over)
            made += self._additions(now)
        made += [one.removals(now, self._removals.allowed) for one in reversed(list(self._subscriptions.values()))]
        responses = [response for response in made if response is not None]
        if responses:
            self._silence.sent(now)
        return responses

    def _additions(self, now: float) -> list[Response | None]:
        made: list[Response | None] = []
        opening = self._opens_at(now) is not None
        self._stream.starting = (at := self._starts_until()) is not None and (now < at or self.owes())
        for type_url, one in self._subscriptions.items():
            if opening and type_url == LISTENER:
                continue
            response = one.additions(now, self._removals.allowed)
            made.append(response)
            if response is not None and response.type_url == CLUSTER:
                self._refresh_endpoints(one.name for one in response.resources)
            self._revoke()
        return made

    def owes(self) -> bool:
        """Whether the client has not answered all that was sent."""
        return self._owes(but="")

    def delayed(self, seconds: float, taking: float) -> None:
        """What was sent was on its way to the client for so long, and cannot be answered sooner. It counts as silence
        but for the time in which the client was taking some of it.
        """
        self._silence.delayed(taking)
        for one in self._subscriptions.values():
            one.flights.delayed(seconds)

    def stuck(self, now: float) -> bool:
        """Whether the client owes an answer that nothing holds up, and has said nothing for too long."""
        return self._silence.lasts(SILENCE, now) and self._owes()

    def deadline(self, now: float) -> float | None:
        """When `poll` may have something to send though nothing happens until then."""
        times = [one.deadline(now) for one in self._subscriptions.values()]
        times += [self._stream.holds.deadline(), self._stream.stays.deadline(now), self._audit_at]
        times += [self._silence.deadline(now), now if self._audit.going_on else None]
        times += [self._opens_at(now), at if (at := self._starts_until()) is not None and now < at else None]
        times += [self._told_at(), self._met_at + ELDER if self._elder and self._met_at is not None else None]
        return min((at for at in times if at is not None), default=None)

    def take_events(self) -> list[Event]:
        """What has happened since the last call."""
        events = self._stream.events[:]
        self._stream.events.clear()
        return events

    def synced(self) -> bool:
        """Whether the client has acknowledged all that is wanted; what is rejected (`rejections`) stands aside."""
        # Nobody asks for the routes of a listener that was rejected.
        partly = any(True for one in self._subscriptions.values() for _ in one.quarantine.culprits())
        return all(one.synced(partly=partly) for one in self._subscriptions.values())

    def rejections(self) -> list[Rejected]:
        """What Envoy refuses at the moment."""
        return [found for one in self._subscriptions.values() for found in one.quarantine.culprits()]

    def close(self) -> None:
        """The stream has ended. What is known of the client stays readable for a younger session."""
        self._elder = None
        for one in self._subscriptions.values():
            one.lender.release()

    def _opens_at(self, now: float) -> float | None:
        """When a client that starts gets its first listeners though it lacks clusters, if it waits for any now.

        It takes no requests before, and nobody sends it any.
        """
        waits = len(self.subscription(LISTENER).client) == 0 and not self.subscription(CLUSTER).quiet()
        at = (self._met_at or now) + self._stream.hold
        return at if waits and now < at else None

    def _starts_until(self) -> float | None:
        """When a client that has not asked for listeners, nor for any other type since, has come to its start's end.

        Envoy asks for listeners once all clusters are warm that it has been sent until then.
        """
        return None if self.subscription(LISTENER).started else self._asked_at + self._stream.hold

    def _refuses(self, cluster: str) -> bool:
        """Whether the client refuses a cluster, or its endpoints: it will not become warm before they are mended."""
        return any(self.subscription(one).quarantine.blames(cluster) for one in (CLUSTER, ENDPOINT))

    def _expect(self, request: Request) -> None:
        """A client that brings anything may have routes and filters, too, and tells of them late. Until then they are
        unknown here, for as long as leaves wait at most.
        """
        if any(one.started for type_url, one in self._subscriptions.items() if type_url in ANSWERING):
            self._stream.foreign.discard(_UNTOLD)
        elif request.initial_resource_versions:
            self._stream.foreign.add(_UNTOLD)
        if self.subscription(EXTENSION).started:
            self._stream.told_filters()
        elif request.initial_resource_versions:
            self._stream.filters.untold = True

    def _told_at(self) -> float | None:
        """When a client that has not told of routes or filters has none, if that is not known."""
        if self._met_at is None or not (_UNTOLD in self._stream.foreign or self._stream.filters.untold):
            return None
        return self._met_at + self._stream.hold

    def subscription(self, type_url: str) -> Subscription:
        """The state of one type."""
        return self._subscriptions.get(type_url) or self._subscribe(type_url)

    def _subscribe(self, type_url: str) -> Subscription:
        subscription = self._subscriptions[type_url] = Subscription(type_url, self._stream)
        return subscription

    def _refresh_endpoints(self, clusters: Iterable[str]) -> None:
        """A changed EDS cluster warms up with endpoints that Envoy does not ask for again, having done so before.

        They follow at once: Envoy does not acknowledge clusters before all of them are warm.
        """
        endpoints = self.subscription(ENDPOINT)
        for name in clusters:
            copy = self.subscription(CLUSTER).client.get(name)
            if copy is not None:
                endpoints.refresh(name, copy.serial)

    def _owes(self, but: str = CLUSTER) -> bool:
        """Whether the client has not answered a response, of whatever other type. See `Silence` for clusters."""
        return any(one.owes() for type_url, one in self._subscriptions.items() if type_url != but)

    def _wake(self) -> None:
        self._release()
        places, self._stream.woken = self._stream.woken, []
        self._touch(places)

    def _release(self) -> None:
        """Filters that were kept only for leaves that are gone can go, and what waited for those can come."""
        freed, self._stream.users.freed = self._stream.users.freed, set()
        sides = [one for one in freed if isinstance(one, Side)]
        names = {one[0] for one in freed if not isinstance(one, Side)}
        extensions = self.subscription(EXTENSION)
        if self._foreign and not self._stream.foreign:
            names.update(extensions.client.names())
            sides += self._stream.holds.sides()
        for side in sides:
            self._stream.wake(side)
        self._foreign = bool(self._stream.foreign)
        for name in names:
            copy = extensions.client.get(name)
            if copy is not None and copy.instead:
                extensions.touch(name, copy.instead)

    def _revoke(self) -> None:
        """Leaves that need filters which the client refuses are taken back; they are few, and so are such moments."""
        revoked, self._stream.revoked = self._stream.revoked, set()
        for type_url in TYPES if revoked else ():
            for name, resource in self._stream.wanted.of_type(type_url).items():
                for part, value in resource.parts.items():
                    if any(not revoked.isdisjoint(leaf.filters) for leaf in value.leaves):
                        self._touch([Place(type_url, name, part)])

    def _touch(self, places: Iterable[Place]) -> None:
        for place in places:
            subscription = self._subscriptions[place.type_url]
            if place.resource in subscription.client:
                subscription.touch(place.resource, [place.part])
