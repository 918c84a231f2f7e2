"""Comparing and replacing the leaves of a part.

A leaf is known within its part by its identity or, if it has none, by its origin. Either may well be that of several
leaves of a part; they are told apart by counting.
"""

from collections.abc import Callable, Iterator
from enum import Enum

from daemun.ir.origin import Origin
from daemun.ir.resource import Leaf, Part, part
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


def by_key(value: Part | None) -> dict[LeafKey, Leaf]:
    """The leaves of a part by key; none for no part."""
    return dict(keyed(value)) if value else {}


def choose(
    name: str,
    want: Part,
    have: Part | None,
    verdict: Callable[[LeafKey, Leaf], Verdict],
    revoked: Callable[[Leaf], bool],
) -> Part | None:
    """The part to send: what is wanted, except for the leaves that must wait or are refused.

    What is `revoked` the client must not have any more, though it has it.

    The first leaf of the head and of a part with tags carries the name of the message it begins, so leaving that one
    out leaves out all: None. A part in which nothing had to be replaced is returned as it is.

    While a leaf waits, what the client has that covers others and is not wanted any more stays: what waits may be what
    guards in its place.
    """
    earlier = {key: leaf for key, leaf in by_key(have).items() if not revoked(leaf)}
    framed = bool(want.tags) or name == HEAD
    kept: list[Leaf] = []
    replaced = waits = False
    covering = Verdict.SEND
    for position, (key, leaf) in enumerate(keyed(want)):
        before = earlier.get(key)
        if before is not None and before.content == leaf.content:
            kept.append(leaf)
            continue
        decision = verdict(key, leaf)
        if decision is Verdict.SEND and leaf.identity:
            decision = covering
        elif leaf.covers and decision is not Verdict.REPLACE:
            covering = decision
        if decision is Verdict.SEND:
            kept.append(leaf)
            continue
        replaced = True
        waits = waits or decision is Verdict.HOLD
        if before is not None:
            kept.append(before)
        elif decision is not Verdict.HOLD and leaf.fallback:
            kept.append(Leaf(leaf.fallback, leaf.origin, identity=leaf.identity, blank=leaf.blank))
        elif framed and position == 0:
            return None
    if not replaced:
        return want
    if waits and have is not None:
        wanted = by_key(want)
        kept[1:1] = [leaf for key, leaf in earlier.items() if leaf.covers and key not in wanted]
    return part(name, kept, want.tags) if kept else None


def unproven(want: Part, sent: Part, have: Part | None) -> Iterator[tuple[LeafKey, Leaf]]:
    """The leaves of `sent` that are as wanted and that the client has not acknowledged: the suspects of a NACK."""
    earlier = by_key(have)
    original = by_key(want)
    for key, leaf in keyed(sent):
        before = earlier.get(key)
        wanted = original.get(key)
        as_wanted = wanted is not None and wanted.content == leaf.content
        if as_wanted and (before is None or before.content != leaf.content):
            yield key, leaf
