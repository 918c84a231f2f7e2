"""What of a resource goes to the client now: leaves that wait or are withheld are replaced, the others go."""

from collections.abc import Collection, Iterable

from daemun.base.names import Ref
from daemun.ir.resource import ANSWERING, CLUSTER, EXTENSION, LISTENER, ROUTE, SCOPE, SINCE, Leaf, Part
from daemun.xds.client import Client
from daemun.xds.copy import Copy, Entry, Piece
from daemun.xds.filters import given, retain
from daemun.xds.judge import Judge
from daemun.xds.leading import Leading, listed
from daemun.xds.leaves import LeafKey, choose, keyed, lost
from daemun.xds.lent import Lender
from daemun.xds.marks import marks, same
from daemun.xds.quarantine import Quarantine
from daemun.xds.refused import recalled, seen, suspects_of, version_of
from daemun.xds.stream import Stream
from daemun.xds.wanted import HEAD, Resource, leads
from daemun.xds.warm import Place

MARKED = (EXTENSION, LISTENER, SCOPE, ROUTE)
"""The types whose versions tell what is refused. Resources of the others are refused as a whole."""


class Composed:
    """A resource made ready. `body` is None if it cannot be sent: too much of it waits or is withheld."""

    __slots__ = ("body", "entry", "waits")

    def __init__(self, entry: Entry, body: bytes | None, waits: bool) -> None:
        self.entry = entry
        self.body = body
        self.waits = waits


class Composer:
    """Composes the resources of one type for one stream."""

    def __init__(self, client: Client, stream: Stream, quarantine: Quarantine) -> None:
        self._type_url = client.type_url
        self._client = client
        self._stream = stream
        self._quarantine = quarantine
        self.lender = Lender(client)
        self.leading = Leading(client, stream)

    def compose(self, name: str, resource: Resource, copy: Copy, now: float, *, anyway: bool = False) -> Composed:
        """Only the parts that may be outdated are looked at; the others stay as they were sent before.

        `anyway`: it is sent even if the client has it already.
        """
        pieces: dict[str, Piece] = {}
        waits = False
        for part in copy.outdated(resource):
            pieces[part], part_waits = self._piece(name, part, resource, copy, now)
            waits = waits or part_waits
        version = self._version(name, resource, copy)
        if copy.unseen and (anyway or not same(version, copy.version)):
            for part in copy.unseen:  # nobody could send them
                pieces[part], part_waits = self._piece(name, part, resource, copy, now, known=True)
                waits = waits or part_waits
            version = self._version(name, resource, copy)
        entry = Entry(version, resource.version, pieces)
        if self._type_url == EXTENSION and self._lacking(name, resource, copy, pieces):
            return Composed(entry, None, waits=True)
        if copy.instead.get(HEAD, resource) is None or self._quarantine.frozen(name, resource.version):
            return Composed(entry, None, waits)
        if waits and self.leading.changes(resource, copy):
            return Composed(entry, None, waits)  # what is not there yet would be missed
        if copy.opaque and waits:
            # The client has a version that works, and nobody knows its leaves: better all of it than some of ours.
            return Composed(entry, None, waits)
        hosts = [piece.sent for part, piece in pieces.items() if piece.want and self._answers(part)]
        tested = name in self._quarantine.tested
        if self._type_url == SCOPE and waits and not copy.sent and not any(hosts) and not tested:
            return Composed(entry, None, waits)  # an empty scope would hide what answers now
        return Composed(entry, self._body(name, resource, copy) or None, waits)

    def in_order(self, names: list[str], now: float) -> list[str]:
        """These resources as they are to be composed: last those that lose something, when it is known what waits,
        perhaps to take its place. Where they get something, too, that is found first: they may lose it to each other.
        """
        if self._type_url not in ANSWERING:
            return names
        for name in names:
            resource, copy = self._stream.wanted.get(self._type_url, name), self._client.get(name)
            if resource is not None and copy is not None and copy.exchanges(resource):
                self._foresee(name, resource, copy, now)
        return self._client.lessened_last(names)

    def recall(self, name: str, resource: Resource, version: str) -> Copy | None:
        """What a client has that brings this version and refuses some of the resource. What it refuses is tested, each
        leaf by itself, and withheld until then.
        """
        found = marks(version) if self._type_url in MARKED else None
        if found is None:
            return None
        suspects = suspects_of(name, resource, found)
        self._quarantine.recall(suspects)
        return recalled(version, found, resource, suspects) if suspects else None

    def _version(self, name: str, resource: Resource, copy: Copy) -> str:
        if self._type_url in MARKED:
            return version_of(name, resource, copy.instead, self._quarantine)
        return resource.version_with(copy.instead)

    def _body(self, name: str, resource: Resource, copy: Copy) -> bytes:
        """Its bytes. An extension that the client has brought it may have refused just so in an earlier stream, and
        would take unseen now.
        """
        body = resource.body(copy.instead)
        if self._type_url == EXTENSION and self._client.brought(name):
            return body.replace(SINCE, self._stream.since)
        return body

    def _piece(
        self, name: str, part: str, resource: Resource, copy: Copy, now: float, *, known: bool = False
    ) -> tuple[Piece, bool]:
        """A part to send, or to leave as it is; and whether anything of it waits. `known`: only what has been seen."""
        want, have = resource.parts.get(part), copy.parts.get(part)
        asked = self._with_needed(name, part, want, copy) if want and self._type_url == EXTENSION else want
        place = Place(self._type_url, name, part)
        if known:
            have = seen(part, have)
        if want is None:
            sent, waits = self._going(place, resource, copy, have, now), False
        elif want is not None and leads(want):
            sent, waits = self.leading.compose(place, want, have, self._quarantine.withheld(name, part), now)
        else:
            sent, waits = self._part(place, asked or want, None if leads(have) else have, now)
        if sent is want:
            copy.instead.pop(part, None)
        else:
            copy.instead[part] = sent
        return Piece(want, sent), waits

    def as_wanted(self, name: str, resource: Resource, copy: Copy) -> Composed:
        """The resource just as it is wanted, whatever is known against it."""
        copy.instead.clear()
        parts = resource.parts.keys() | copy.parts.keys()
        for part in parts:
            self._stream.stays.forget(Place(self._type_url, name, part))
        pieces = {part: Piece(resource.parts.get(part), resource.parts.get(part)) for part in parts}
        entry = Entry(resource.version, resource.version, pieces)
        return Composed(entry, self._body(name, resource, copy), waits=False)

    def _answers(self, part: str) -> bool:
        """Whether a part can answer requests, so that something else may take its place."""
        return self._type_url in ANSWERING and part != HEAD

    def _hides(self, place: Place) -> bool:
        """Whether a part that answers nothing would hide what answers now. (What is tested goes nonetheless.)"""
        return self._answers(place.part) and place.resource not in self._quarantine.tested

    def _with_needed(self, name: str, part: str, want: Part, copy: Copy) -> Part:
        """Filters stay as long as something needs them; routes that nobody knows may need any."""
        foreign, users = self._stream.foreign, self._stream.users
        unknown = bool(foreign) and copy.opaque
        return retain(part, want, copy.parts.get(part), lambda one: bool(foreign) or users.need((name, one)), unknown)

    def _lacking(self, name: str, resource: Resource, copy: Copy, pieces: dict[str, Piece]) -> bool:
        """Whether filters would be missing that something in the client needs, as it refuses them and never had others.

        The extension waits until that is taken back: connections open when it comes.
        """
        coming = given({**copy.parts, **{part: piece.sent for part, piece in pieces.items()}}.values())
        wanted = {(name, family) for family in given(resource.parts.values()) - coming}
        lacking = set(filter(self._stream.users.need, wanted))
        self._stream.revoked |= self._stream.filters.refuse(lacking)
        return bool(lacking)

    def _going(self, place: Place, resource: Resource, copy: Copy, have: Part | None, now: float) -> Part | None:
        """What is left of a part that is not wanted any more: it stays for itself, or because one that it hides stays,
        which would answer in its place.
        """
        stays = self._stream.stays
        self._stream.holds.retain(place, set())
        stays.forget(place, but=[None])
        if have is None or not self._answers(place.part) or leads(have):
            return None
        places = {place.part, *(one.part for one in have.hides if one.resource == place.resource)}
        going = [one for one in places if one in copy.parts and one not in resource.parts and not listed(resource, one)]
        leaves = [leaf for one in going for leaf in copy.parts[one].leaves]
        return have if stays.stay(place, leaves, now) else None

    def _foresee(self, name: str, resource: Resource, copy: Copy, now: float) -> None:
        """Find what of a resource waits, before it is composed."""
        for part in copy.outdated(resource):
            want, have = resource.parts.get(part), copy.parts.get(part)
            place, withheld = Place(self._type_url, name, part), self._quarantine.withheld(name, part)
            have = None if leads(have) else have
            judge = Judge(self._stream, place, have, withheld, now)
            if want is not None and not leads(want) and judge.lacks(want):
                choose(part, want, have, judge.verdict, judge.revoked, waits=judge.hold)

    def _part(self, place: Place, want: Part, have: Part | None, now: float) -> tuple[Part | None, bool]:
        """The part to send, and whether a leaf of it waits for a cluster, a filter or a side."""
        holds, stays = self._stream.holds, self._stream.stays
        withheld = self._quarantine.withheld(place.resource, place.part)
        moved = have is not None and bool(holds) and any(holds.waits_from([one.origin.ref]) for one in lost(want, have))
        judge = Judge(self._stream, place, have, withheld, now)
        if not (withheld or moved or judge.lacks(want)):
            stays.forget(place)
            holds.retain(place, set())  # so it nearly always is, and many proxies may connect at once
            return want, False
        if withheld:
            want = self.lender.replace(place.resource, place.part, want, have, withheld, self._usable)
        lingering: set[LeafKey] = set()

        def lingers(key: LeafKey, leaf: Leaf, whose: Iterable[str | Ref]) -> Collection[str | Ref]:
            stays_for = stays.stay(place, [leaf], now, key, whose) if self._answers(place.part) else ()
            if stays_for:
                lingering.add(key)
            return stays_for

        sent = choose(place.part, want, have, judge.verdict, judge.revoked, lingers, judge.hold)
        stays.forget(place, but=lingering)
        waits, cold = judge.waits, judge.cold
        if waits and have is None and sent and self._hides(place) and self._early(place, want, sent, now):
            holds.retain(place, cold | {_first(want)})
            return None, waits
        holds.retain(place, cold)
        return sent, waits

    def _usable(self, lent: Leaf, want: Leaf) -> bool:
        """Whether a leaf can be lent: what it needs is still wanted."""
        wanted = self._stream.wanted
        clusters = all(wanted.get(CLUSTER, one) is not None for one in lent.needs)
        filters = all(family in given(wanted.parts(EXTENSION, name)) for name, family in lent.filters)
        return clusters and filters and lent.side in (None, want.side)

    def _early(self, place: Place, want: Part, sent: Part, now: float) -> bool:
        """Whether a part that is new waits for those of its leaves that do: it has nothing else, or would hide what
        answers until they come. Its own time for that begins with the first of them.
        """
        if all(leaf.blank for leaf in sent.leaves):
            return True
        if not any(self._client.answers(one.resource, one.part) for one in want.hides):
            return False
        return self._stream.holds.hold(place, _first(want), want.leaves[-1].origin.ref, (), now)


def _first(want: Part) -> LeafKey:
    return next(key for key, _ in keyed(want))
