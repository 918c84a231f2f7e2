"""Comparing and replacing the leaves of a part.

A leaf is known within its part by its identity or, if it has none, by its origin. Either may well be that of several
leaves of a part; they are told apart by counting.
"""

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from enum import Enum

from daemun.base.names import Ref
from daemun.ir.origin import Origin
from daemun.ir.resource import Leaf, Part, remade
from daemun.xds.wanted import HEAD

LeafKey = tuple[Origin | bytes, int]
"""A leaf within its part: its identity or origin, and which of the leaves with that one it is."""


class Verdict(Enum):
    """What is to happen with a leaf that the client does not have."""

    SEND = "send"
    HOLD = "hold"
    """Not yet: the earlier leaf stays; without one there is none."""
    REPLACE = "replace"
    """Not this: the earlier leaf stays; without one its fallback takes the place."""
    CLOSE = "close"
    """The same, for this and whatever it covers: something that it needs has not come in time."""


def keyed(value: Part) -> Iterator[tuple[LeafKey, Leaf]]:
    """The leaves of a part with their keys, in order."""
    seen: dict[Origin | bytes, int] = {}
    for leaf in value.leaves:
        known = leaf.identity or leaf.origin
        count = seen.get(known, 0)
        seen[known] = count + 1
        yield (known, count), leaf


def paired(want: Part, have: Part | None) -> dict[LeafKey, Leaf]:
    """The leaves that a client has, in order, by the keys of those that are wanted in their places.

    Of several with one identity those of the same object belong together, then the others in their order: another
    object's takes over what goes, but it stands in for nothing while its own is wanted. What is left over has keys of
    its own.
    """
    return _paired(list(keyed(want)), have)


def _paired(wanted: list[tuple[LeafKey, Leaf]], have: Part | None) -> dict[LeafKey, Leaf]:
    places: dict[Origin | bytes, list[tuple[LeafKey, Ref]]] = {}
    for key, leaf in wanted:
        places.setdefault(key[0], []).append((key, leaf.origin.ref))
    beyond = {known: len(found) for known, found in places.items()}
    every = list(keyed(have)) if have else []
    given: dict[LeafKey, LeafKey] = {}
    for own in (True, False):
        for key, leaf in every:
            free = places.get(key[0], []) if key not in given else []
            place = next((one for one in free if not own or one[1] == leaf.origin.ref), None)
            if place is not None:
                free.remove(place)
                given[key] = place[0]
    found: dict[LeafKey, Leaf] = {}
    for key, leaf in every:
        if key not in given:
            given[key] = (key[0], beyond.setdefault(key[0], 0))
            beyond[key[0]] += 1
        found[given[key]] = leaf
    return found


def by_key(value: Part | None) -> dict[LeafKey, Leaf]:
    """The leaves of a part by key; none for no part."""
    return dict(keyed(value)) if value else {}


def lost(want: Part, have: Part) -> Iterator[Leaf]:
    """What a client has that answers and is not wanted any more, of the same object at least."""
    wanted = {(leaf.identity, leaf.origin.ref) for leaf in want.leaves}
    for leaf in have.leaves:
        if leaf.identity and not leaf.blank and (leaf.identity, leaf.origin.ref) not in wanted:
            yield leaf


class Waiting:
    """What of a part waits, and what else has to, or may stay, because of that.

    New leaves with an identity wait with what covers them. A leaf waits with a new one of its own object before it that
    may be for the same requests: their author never wanted these to come to it.

    `late`: objects of which something that covers others waits. All else that covers others and comes from them waits
    with it: half of what a policy asks for may let in whom neither it nor the one before it does.

    `taken`: the part is somebody else's now, so what goes was not taken back by its own object.
    """

    def __init__(self, late: set[Ref], *, taken: bool) -> None:
        self._late = late
        self.taken = taken
        self._covering = Verdict.SEND
        self._for: dict[Ref, set[Ref]] = {}
        self._new: dict[Ref, set[str]] = {}

    def __bool__(self) -> bool:
        return bool(self._for)

    def verdict(self, leaf: Leaf, own: Verdict) -> Verdict:
        """What is to happen with the next leaf, of which `own` is what it would be by itself."""
        if own is Verdict.SEND and leaf.identity and not leaf.blank:
            overtakes = self._covering is Verdict.SEND and self._overtakes(leaf)
            return Verdict.HOLD if overtakes else self._covering
        if leaf.covers and own is Verdict.SEND and leaf.origin.ref in self._late:
            own = Verdict.HOLD
        if leaf.covers and own is not Verdict.REPLACE:
            self._covering = own
        return own

    def hold(self, leaf: Leaf, before: Leaf | None) -> None:
        """This one waits; so long the client has what it had before, if there is any."""
        for one in (leaf, before or leaf):
            self._for.setdefault(one.origin.ref, set()).add(leaf.origin.ref)
        if before is None and leaf.below:
            self._new.setdefault(leaf.origin.ref, set()).add(leaf.below)

    def concerned(self, leaf: Leaf) -> set[str | Ref]:
        """Of whom what waits may be for the requests of one that goes: something of its object, here or elsewhere, or
        of the one that it stands in for, or a new one of its namespace.
        """
        ref = leaf.origin.ref
        here = {one.namespace for one, new in self._new.items() if _meet(leaf.below, new)}
        return {ref, *(here if self.taken else here & {ref.namespace}), *self._for.get(ref, ())}

    def _overtakes(self, leaf: Leaf) -> bool:
        return _meet(leaf.below, self._new.get(leaf.origin.ref, ()))


def _meet(below: str, others: Iterable[str]) -> bool:
    """Whether a route for paths that begin so may be for the same requests as one of others."""
    return bool(below) and any(one.startswith(below) or below.startswith(one) for one in others)


def choose(
    name: str,
    want: Part,
    have: Part | None,
    verdict: Callable[[LeafKey, Leaf], Verdict],
    revoked: Callable[[Leaf], bool],
    lingers: Callable[[LeafKey, Leaf, Iterable[str | Ref]], Collection[str | Ref]] = lambda *_: (),
    waits: Callable[[LeafKey, Leaf], object] = lambda *_: None,
) -> Part | None:
    """The part to send: what is wanted, except for the leaves that must wait or are refused.

    What is `revoked` the client must not have any more, though it has it. Of each leaf that is held, be it because of
    another one, `waits` is told.

    The first leaf of the head and of a part with tags carries the name of the message it begins, so leaving that one
    out leaves out all: None. A part in which nothing had to be replaced is returned as it is, and so is what the client
    has if nothing of it is to be changed.

    While a leaf waits, what the client has that covers others and is not wanted any more stays: what waits may be what
    guards in its place. So it does while something lingers, which it guards: what has an identity `lingers` (it says
    for whom) while anything waits that may take its requests; and so does what came before such a one, of its object
    or, where the part is somebody else's now, of any: it shall not answer more than it did.
    """
    wanted = list(keyed(want))
    earlier = {key: leaf for key, leaf in _paired(wanted, have).items() if not revoked(leaf)}
    framed = bool(want.tags) or name == HEAD
    kept: dict[LeafKey, Leaf] = {}
    replaced = False
    new = [(key, leaf) for key, leaf in wanted if key not in earlier or earlier[key].content != leaf.content]
    late = {leaf.origin.ref for key, leaf in new if leaf.covers and verdict(key, leaf) is Verdict.HOLD}
    waiting = Waiting(late, taken=have is not None and _owner(have) != _owner(want))
    held: set[LeafKey] = set()
    for position, (key, leaf) in enumerate(wanted):
        before = earlier.get(key)
        if before is not None and before.content == leaf.content:
            kept[key] = leaf
            continue
        decision = waiting.verdict(leaf, verdict(key, leaf))
        if decision is Verdict.SEND:
            kept[key] = leaf
            continue
        replaced = True
        if decision is Verdict.HOLD:
            waiting.hold(leaf, before)
            waits(key, leaf)
        if before is not None:
            kept[key] = before
            held.add(key)
        elif decision is not Verdict.HOLD and leaf.fallback:
            kept[key] = Leaf(leaf.fallback, leaf.origin, (), b"", leaf.identity, leaf.below, blank=leaf.blank)
        elif framed and position == 0:
            return None
    places = {key for key, _ in wanted}
    going = {key: leaf for key, leaf in earlier.items() if key not in places}
    answering = [(key, leaf) for key, leaf in going.items() if leaf.identity and not leaf.blank]
    asked = {key: lingers(key, leaf, waiting.concerned(leaf)) for key, leaf in answering}
    staying = {key: waiting.concerned(earlier[key]) for key in held} | {key: one for key, one in asked.items() if one}
    front = _in_front(earlier, staying, dict(answering), waiting)
    lingering = {key for key in asked if asked[key]} | {key for key, leaf, whose in front if lingers(key, leaf, whose)}
    if not (replaced or lingering):
        return want
    leaves = _with_lingering(_where_it_was(kept, earlier, held), earlier, lingering)
    if waiting or lingering:
        leaves[1:1] = [leaf for leaf in going.values() if leaf.covers]
    return _made(name, want, have, leaves)


def _in_front(
    earlier: dict[LeafKey, Leaf],
    staying: Mapping[LeafKey, Collection[str | Ref]],
    going: Container[LeafKey],
    waiting: Waiting,
) -> Iterator[tuple[LeafKey, Leaf, set[str | Ref]]]:
    """What goes but came before what stays, which would answer its requests otherwise, and for whom that stays."""
    stays: list[Leaf] = []
    whose: set[str | Ref] = set()
    for key, leaf in reversed(earlier.items()):
        behind = [one.below for one in stays if waiting.taken or one.origin.ref == leaf.origin.ref]
        hides = key not in staying and key in going and _meet(leaf.below, behind)
        if hides:
            yield key, leaf, set(whose)
        if hides or key in staying:
            stays.append(leaf)
            whose.update(staying.get(key, ()))


def _owner(value: Part) -> Origin | None:
    """Whose the part is: what its first leaf, which begins it, comes from."""
    return value.leaves[0].origin if value.leaves else None


def _made(name: str, want: Part, have: Part | None, leaves: list[Leaf]) -> Part | None:
    alike = have is not None and (have.tags, have.around) == (want.tags, want.around)
    if have is not None and alike and have.leaves == tuple(leaves):
        return have
    return remade(name, want, leaves) if leaves else None


def _where_it_was(kept: dict[LeafKey, Leaf], earlier: dict[LeafKey, Leaf], held: set[LeafKey]) -> dict[LeafKey, Leaf]:
    """The leaves that are kept. What is held as it was has no other requests than it had: what came before it still
    does, wherever it is to stand.
    """
    was = {key: position for position, key in enumerate(earlier)}
    order = list(kept)
    for key in [one for one in kept if one in held]:
        at = order.index(key)
        first = next((to for to, one in enumerate(order[:at]) if was.get(one, -1) > was[key]), at)
        last = next((to for to in range(len(order) - 1, at, -1) if was.get(order[to], len(was)) < was[key]), at)
        if first != last:
            order.insert(last if last > at else first, order.pop(at))
    return {key: kept[key] for key in order}


def _with_lingering(kept: dict[LeafKey, Leaf], earlier: dict[LeafKey, Leaf], lingering: set[LeafKey]) -> list[Leaf]:
    """The leaves that are kept, and those that linger: each just before what came after it, so that all that is new and
    does not wait comes first.
    """
    positions = {key: position for position, key in enumerate(kept)}
    before: dict[int, list[Leaf]] = {}
    position = len(kept)
    for key, leaf in reversed(earlier.items()):
        position = min(position, positions.get(key, position))
        if key in lingering:
            before.setdefault(position, []).insert(0, leaf)
    every = [*kept.values(), None]
    return [one for at, leaf in enumerate(every) for one in (*before.get(at, ()), leaf) if one is not None]


def unproven(want: Part, sent: Part, have: Part | None) -> Iterator[tuple[LeafKey, Leaf]]:
    """The leaves of `sent` that are as wanted and that the client has not acknowledged: the suspects of a NACK."""
    earlier, original = paired(want, have), by_key(want)
    for key, leaf in paired(want, sent).items():
        before = earlier.get(key)
        wanted = original.get(key)
        as_wanted = wanted is not None and wanted.content == leaf.content
        if as_wanted and (before is None or before.content != leaf.content):
            yield key, leaf
