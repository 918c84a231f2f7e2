"""What a client has of a resource, as far as the server can know."""

from collections.abc import Iterable
from typing import NamedTuple

from daemun.ir.resource import Part
from daemun.xds.leaves import lost
from daemun.xds.wanted import Resource

UNKNOWN = ""
"""The version of a resource of which the client may have this or that."""


class Piece(NamedTuple):
    """One part in a response: as it was wanted, and as it was sent (None: not there)."""

    want: Part | None
    sent: Part | None


class Entry(NamedTuple):
    """One resource in a response: only the parts that may differ from what the client had."""

    version: str
    wanted_version: str
    pieces: dict[str, Piece]


class Copy:
    """The client's copy of one resource.

    `parts` is what the client acknowledged. `stale` are the parts that may have to be sent again. `instead` are the
    parts that are sent otherwise than they are wanted, because a leaf waits or was refused. While the copy is
    `whole`, nothing is known of its parts and all are sent; it is `opaque` if the client brought it from another
    stream in a version unknown here: it works, so it is not to be disturbed without need. `unseen` are the parts with
    leaves of which nothing is known (`refused`).
    """

    __slots__ = ("instead", "opaque", "parts", "sent", "serial", "stale", "unseen", "version", "whole")

    def __init__(self) -> None:
        self.version = UNKNOWN
        self.parts: dict[str, Part] = {}
        self.stale: set[str] = set()
        self.instead: dict[str, Part | None] = {}
        self.whole = True
        self.opaque = False
        self.sent = False
        self.serial = 0
        self.unseen: set[str] = set()

    @classmethod
    def known(cls, version: str, parts: dict[str, Part], instead: dict[str, Part | None]) -> "Copy":
        """A copy whose content is known."""
        copy = cls()
        copy.version, copy.parts, copy.instead = version, parts, instead
        copy.whole, copy.sent = False, True
        return copy

    @classmethod
    def foreign(cls, version: str) -> "Copy":
        """A copy from another stream, in a version unknown here."""
        copy = cls()
        copy.version, copy.opaque, copy.sent = version, True, True
        return copy

    def outdated(self, resource: Resource) -> Iterable[str]:
        """The parts that may differ between the client and what is wanted: the head first, those that lose something
        after those that do not, those that go last.
        """
        if self.whole:
            return [*resource.parts, *(self.stale - resource.parts.keys())]
        return sorted(self.stale, key=lambda part: (part not in resource.parts, self._less(part, resource), part))

    def knows(self, part: str) -> bool:
        """Whether the client has this part, or it is known why it has not."""
        return part in self.parts or part in self.instead or part in self.unseen

    def loses(self, resource: Resource) -> bool:
        """Whether the client has parts, or routes in them, that are to go."""
        return any(self._less(part, resource) for part in self.stale)

    def exchanges(self, resource: Resource) -> bool:
        """Whether the client has routes in parts of it that are to go, and others are to come there."""
        return any(part in resource.parts and self._less(part, resource) for part in self.stale)

    def _less(self, part: str, resource: Resource) -> bool:
        have, want = self.parts.get(part), resource.parts.get(part)
        return have is not None and (want is None or any(True for _ in lost(want, have)))

    def compare(self, resource: Resource) -> None:
        """Find the stale parts anew; for a copy taken over from an earlier stream."""
        for name in self.parts.keys() | resource.parts.keys():
            if self.parts.get(name) is not resource.parts.get(name):
                self.stale.add(name)

    def record(self, entry: Entry) -> list[Part]:
        """The client has this entry. Returns the parts it no longer has."""
        replaced = []
        for name, piece in entry.pieces.items():
            old = self.parts.pop(name, None) if piece.sent is None else self.parts.get(name)
            if piece.sent is not old:
                self.unseen.discard(name)
            if old is not None:
                replaced.append(old)
            if piece.sent is not None:
                self.parts[name] = piece.sent
        self.version = entry.version
        self.whole = self.opaque = False
        self.sent = True
        return replaced

    def refuse(self, entry: Entry, *, alone: bool) -> None:
        """The client refused this entry. Unless it came alone, what the client has of it now is uncertain."""
        self.stale |= entry.pieces.keys()
        if not alone and not self.opaque:
            self.version = UNKNOWN
