"""All that a client has of one type, with the accounts that follow from it: what its leaves need, and which filters
it has.
"""

from collections.abc import Iterable

from daemun.ir.resource import ANSWERING, CLUSTER, EXTENSION
from daemun.xds.copy import Copy, Entry
from daemun.xds.flight import Flights
from daemun.xds.marks import same
from daemun.xds.stream import Stream
from daemun.xds.wanted import HEAD, Resource, late, leads
from daemun.xds.warm import BEFORE, Place


class Client:
    """The client's copies of one type of resource."""

    def __init__(self, type_url: str, stream: Stream) -> None:
        self.type_url = type_url
        self._stream = stream
        self._copies: dict[str, Copy] = {}
        self._brought: set[str] = set()
        self._foreign: set[str] = set()
        self._doubtful: dict[str, list[Entry]] = {}

    def __len__(self) -> int:
        return len(self._copies)

    def __contains__(self, name: str) -> bool:
        return name in self._copies

    def names(self) -> list[str]:
        """The resources the client has or is being sent."""
        return list(self._copies)

    def get(self, name: str) -> Copy | None:
        """What the client has of a resource."""
        return self._copies.get(name)

    def open(self, name: str) -> Copy:
        """What the client has of a resource that it is to have."""
        return self._copies.setdefault(name, Copy())

    def has(self, name: str) -> bool:
        """Whether the client has the resource, or may have it."""
        copy = self._copies.get(name)
        return copy is not None and copy.sent

    def ignorant(self, name: str) -> bool:
        """Whether the client has the resource in a version unknown here."""
        copy = self._copies.get(name)
        return copy is not None and copy.opaque

    def outdated(self, name: str, parts: Iterable[str]) -> None:
        """These parts may have to be sent again."""
        copy = self._copies.get(name)
        if copy is not None:
            copy.stale.update(parts)

    def pass_over(self, name: str, parts: Iterable[str], flights: Flights) -> bool:
        """Those of these parts that have come and gone before the client could hear of them are nothing to remember: it
        may be slow to read. Says whether it has never heard of the resource either, and that is gone.
        """
        copy, resource = self._copies.get(name), self._stream.wanted.get(self.type_url, name)
        if copy is None:
            return resource is None
        for part in parts:
            if not (resource and part in resource.parts) and not copy.knows(part) and not flights.bring(name, part):
                copy.stale.discard(part)
        return False

    def answers(self, name: str, part: str) -> bool:
        """Whether the client has this part, and anything in it answers or closes, as far as is known."""
        copy = self._copies.get(name)
        if copy is None or copy.opaque:
            return copy is not None
        return part in copy.parts and not all(leaf.blank for leaf in copy.parts[part].leaves)

    def brought(self, name: str) -> bool:
        """Whether the client had the resource when it connected."""
        return name in self._brought

    def lessened_last(self, names: list[str]) -> list[str]:
        """The same, but last those that lose something, and after them those that lead to others."""
        return sorted(names, key=self._late)

    def has_foreign(self) -> bool:
        """Whether the client has resources whose content is unknown here."""
        return bool(self._foreign)

    def take_over(
        self, name: str, version: str, resource: Resource | None, elder: Copy | None, recalled: Copy | None
    ) -> Copy:
        """The client connects with this resource. `elder` is what an earlier stream of the proxy knew of it, and
        `recalled` what its version says.
        """
        self._brought.add(name)
        if elder is not None and same(elder.version, version) and not elder.whole:
            wanted = resource.parts if resource else {}
            instead = {part: sent for part, sent in elder.instead.items() if part in wanted}
            copy = Copy.known(version, dict(elder.parts), instead)
            copy.unseen |= elder.unseen
        elif resource is not None and same(resource.version, version):
            copy = Copy.known(version, dict(resource.parts), {})
        elif recalled is not None:
            copy = recalled
        else:
            copy = Copy.foreign(version)
            if self.type_url in ANSWERING:
                self._stream.foreign.add((self.type_url, name))
        if resource is None:
            copy.stale.update(copy.parts)  # it may be wanted again before it is removed
        elif not copy.opaque:
            copy.compare(resource)
        for part in copy.parts.values():
            self._stream.users.add(part)
        if copy.opaque or copy.unseen:
            self._foreign.add(name)
        self._copies[name] = copy
        self._learn(name, copy)
        self.acked(name, BEFORE if self.type_url == CLUSTER else BEFORE + 1)
        return copy

    def sent(self, name: str, entry: Entry, serial: int) -> None:
        """The resource goes to the client: from now on it may have it, or what it had before."""
        copy = self._copies[name]
        copy.sent, copy.serial = True, serial
        copy.stale.clear()
        if self.type_url == CLUSTER:
            self._stream.warmth.sent(name, serial, late=late(piece.sent for piece in entry.pieces.values()))
        for piece in entry.pieces.values():
            self._stream.users.add(piece.sent)
        if self.type_url == EXTENSION:
            self._stream.filters.sent(name, copy.parts, entry)

    def record(self, name: str, entry: Entry, now: float) -> bool:
        """The client has taken what was sent; says whether it still wants the resource at all."""
        copy = self._copies.get(name)
        if copy is None:
            self._release(entry)
            return False
        self._settle(name)
        for old in copy.record(entry):
            self._stream.users.release(old)
        if not copy.unseen:
            self._known(name)
        if self.type_url in ANSWERING:
            self._stream.woken += self._stream.awaited.pop(name, ())
        self._learn(name, copy)
        for part in entry.pieces:
            self._stream.holds.acked(Place(self.type_url, name, part), now)
        return True

    def refuse(self, name: str, entry: Entry, *, alone: bool) -> Copy | None:
        """The client has refused what was sent. Returns what it has instead, if it still wants the resource."""
        self._release(entry)
        self._stream.wake(name)  # of a cluster: whoever waits for it may have nothing to wait for
        copy = self._copies.get(name)
        if copy is not None:
            copy.refuse(entry, alone=alone)
        return copy

    def doubt(self, name: str, entry: Entry) -> bool:
        """It will not be known whether the client has taken this. Until it takes something else it may need all that
        this needs. Says whether it still wants the resource at all.
        """
        copy = self._copies.get(name)
        if copy is None:
            self._release(entry)
            return False
        copy.refuse(entry, alone=False)
        doubtful = self._doubtful.setdefault(name, [])
        if any(one.version == entry.version for one in doubtful):
            self._release(entry)
        else:
            doubtful.append(entry)
        return True

    def acked(self, name: str, serial: int) -> None:
        """The client has a resource that may make a cluster warm."""
        if self._stream.warmth.acked(self.type_url, name, serial):
            self._stream.wake(name)

    def leave(self, name: str) -> None:
        """The client is told that the resource is gone."""
        if self.type_url == CLUSTER:
            self._stream.warmth.removed(name)

    def stayed(self, name: str) -> None:
        """It will not be known whether the client has taken that the resource is gone: it may have it."""
        self.open(name).sent = True

    def drop(self, name: str) -> None:
        """The client does not have the resource any more."""
        copy = self._copies.pop(name, None)
        if copy is None:
            return
        for part in copy.parts.values():
            self._stream.users.release(part)
        self._settle(name)
        self._brought.discard(name)
        self._known(name)
        self._stream.holds.drop(self.type_url, name)
        for place in (HEAD, *copy.parts):
            self._stream.stays.forget(Place(self.type_url, name, place))
        if self.type_url == EXTENSION:
            self._stream.filters.gone(name)
            self._stream.wake_all(name)

    def _late(self, name: str) -> tuple[bool, bool]:
        copy, resource = self._copies.get(name), self._stream.wanted.get(self.type_url, name)
        every = [*(resource.parts.values() if resource else ()), *(copy.parts.values() if copy else ())]
        return any(map(leads, every)), copy is not None and resource is not None and copy.loses(resource)

    def _known(self, name: str) -> None:
        self._foreign.discard(name)
        self._stream.foreign.discard((self.type_url, name))

    def _learn(self, name: str, copy: Copy) -> None:
        """The client has this copy: filters may have come with it."""
        if self.type_url == EXTENSION:
            for one in self._stream.filters.taken(name, copy.parts):
                self._stream.wake(one)

    def _settle(self, name: str) -> None:
        for entry in self._doubtful.pop(name, ()):
            self._release(entry)

    def _release(self, entry: Entry) -> None:
        for piece in entry.pieces.values():
            self._stream.users.release(piece.sent)
