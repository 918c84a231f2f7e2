"""What stands in for that which is refused, in a client that starts: what another one of its proxy still has of it.

That one goes on with the last good; the one that starts never had it. So it is lent, leaf by leaf, and from then on it
is like any other leaf: it waits for its clusters and filters.
"""

from collections.abc import Callable, Iterable, Mapping

from daemun.ir.resource import Leaf, Part, remade
from daemun.xds.client import Client
from daemun.xds.leaves import LeafKey, keyed, paired
from daemun.xds.quarantine import Data
from daemun.xds.refused import seen

Withheld = Mapping[LeafKey | None, Data]
Usable = Callable[[Leaf, Leaf], bool]
"""Whether a client can be lent the first leaf in the place of the second."""


class Lender:
    """What the client of one stream can lend of one type, and what others lend to it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._elder: Lender | None = None
        self._noted: dict[tuple[str, str], Part] = {}
        self._tried: set[str] = set()
        self._paused: set[str] = set()

    def borrow(self, elder: "Lender", refused: Iterable[tuple[str, str]]) -> None:
        """From now on the other one lends; and of what it is known to refuse (resource, part), even after that."""
        self._elder = elder
        for resource, place in refused:
            if (found := elder.part(resource, place)) is not None:
                self._noted[resource, place] = found

    def part(self, resource: str, place: str) -> Part | None:
        """What the client has of a part, or what it is lent if it has nothing of it."""
        copy = self._client.get(resource)
        own = seen(place, copy.parts.get(place)) if copy else None
        return own or self._lent(resource, place)

    def replace(
        self, resource: str, place: str, want: Part, have: Part | None, withheld: Withheld, usable: Usable
    ) -> Part:
        """The part as it is wanted, but with another client's leaves for those that are withheld and that this client
        has nothing instead of.
        """
        other = self._lent(resource, place)
        if other is None or resource in self._paused:
            return want
        made = _with_lent(place, want, have, other, withheld, usable)
        if made is not want:
            self._tried.add(resource)
        return made

    def pause(self, resource: str) -> bool:
        """The resource was refused: it may be what was lent that the client does not like. Says whether that is to be
        found out: nothing is lent then.
        """
        if resource not in self._tried:
            return False
        self._tried.discard(resource)
        self._paused.add(resource)
        return True

    def resume(self, resource: str) -> None:
        """It was something else."""
        self._paused.discard(resource)

    def taken(self, resource: str) -> None:
        """The client has what it was lent."""
        self._tried.discard(resource)

    def _lent(self, resource: str, place: str) -> Part | None:
        """What others have of a part."""
        found = self._elder.part(resource, place) if self._elder else None
        return found or self._noted.get((resource, place))

    def release(self) -> None:
        """The other one lends no longer: its stream, or this one, has ended."""
        self._elder = None

    def forget(self) -> None:
        """The client has long taken whatever it was lent."""
        self._elder = None
        self._noted.clear()
        self._tried.clear()
        self._paused.clear()


def _with_lent(place: str, want: Part, have: Part | None, other: Part, withheld: Withheld, usable: Usable) -> Part:
    own, found = paired(want, have), paired(want, other)
    lent = {
        key: found[key]
        for key, leaf in keyed(want)
        if withheld.get(key) == leaf.content
        if key not in own or own[key].data == leaf.fallback
        if key in found and found[key].content not in (leaf.content, leaf.fallback) and usable(found[key], leaf)
    }
    if not lent:
        return want
    return remade(place, want, [lent.get(key, leaf) for key, leaf in keyed(want)], want.spare)
