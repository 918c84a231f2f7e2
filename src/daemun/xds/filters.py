"""Which filters the client has, and what keeps them there.

Envoy passes over what a route says to an HTTP filter that is not there. Filters that not every connection manager has
come in extensions (ECDS): every connection, the open ones too, has the newest of one. So a leaf waits for the filters
it needs as it waits for clusters, but it never goes without them; and they stay until no leaf needs them.
"""

from collections.abc import Callable, Iterable

from daemun.ir.resource import EXTENSION, Filter, Part, part
from daemun.xds.copy import Entry
from daemun.xds.wanted import Wanted


class Filters:
    """The filters of one client, by the extensions that it has asked for.

    It may take what is under way any moment: it surely has only what is in that and in what it acknowledged.
    """

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._taken: dict[str, frozenset[str]] = {}
        self._sent: dict[str, frozenset[str]] = {}
        self._refused: set[Filter] = set()
        self.untold = False
        """Whether the client comes from an earlier stream, and has not told yet which extensions it has."""

    def has(self, one: Filter) -> bool:
        """Whether the client surely has the filter.

        An extension that it has not asked for comes with the listener that will ask, and that opens only then; but for
        what it still has to tell.
        """
        extension, family = one
        if one in self._refused:
            return False
        known = [found[extension] for found in (self._taken, self._sent) if extension in found]
        if self._wanted.get(EXTENSION, extension) is None:
            return True
        return all(family in families for families in known) if known else not self.untold

    def refused(self, one: Filter) -> bool:
        """Whether the client has refused the filter, and has no other in its place."""
        return one in self._refused

    def refuse(self, every: set[Filter]) -> set[Filter]:
        """The client will not have these, until it takes them. Returns those of which that was not known."""
        new = every - self._refused
        self._refused |= new
        return new

    def sent(self, extension: str, parts: dict[str, Part], entry: Entry) -> None:
        """This goes to a client that has these parts."""
        coming = {**parts, **{name: piece.sent for name, piece in entry.pieces.items()}}
        self._taken.setdefault(extension, frozenset())
        new = given(coming.values())
        self._sent[extension] = self._sent.get(extension, new) & new

    def taken(self, extension: str, parts: dict[str, Part]) -> set[Filter]:
        """The client has these parts, and nothing is under way. Returns the filters that have come."""
        self._sent.pop(extension, None)
        before = self._taken.get(extension, frozenset())
        self._taken[extension] = new = given(parts.values())
        self._refused.difference_update((extension, family) for family in new)
        return {(extension, family) for family in new - before}

    def gone(self, extension: str) -> None:
        """The client has no use for the extension any more."""
        self._refused = {one for one in self._refused if one[0] != extension}
        self._taken.pop(extension, None)
        self._sent.pop(extension, None)


def given(parts: Iterable[Part | None]) -> frozenset[str]:
    """The families of filters that come with these."""
    return frozenset(family for one in parts if one for leaf in one.leaves for family in leaf.gives)


def retain(name: str, want: Part, have: Part | None, need: Callable[[str], bool], unknown: bool) -> Part:
    """What is wanted of an extension, and of what the client has the filters that would go but are still needed.

    `unknown`: it may have any. Leaves that give filters are in the order of their identities.
    """
    found = {leaf.identity: leaf for leaf in (*(want.spare if unknown else ()), *(have.leaves if have else ()))}
    missing = {family for leaf in found.values() for family in leaf.gives if need(family)}
    missing.difference_update(*(leaf.gives for leaf in want.leaves))
    kept = [leaf for leaf in found.values() if not missing.isdisjoint(leaf.gives)]
    return part(name, sorted((*want.leaves, *kept), key=lambda leaf: leaf.identity), want.tags) if kept else want
