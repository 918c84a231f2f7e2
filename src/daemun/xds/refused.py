"""What of a resource a client refuses, written into the version of what it is sent, and read out of that again.

So whoever knows nothing of a client leaves alone what it has, and what stands in the place of what it refuses. Of that
nothing else is known then: it is UNSEEN, and goes when anything of the resource is sent.
"""

from collections.abc import Collection, Mapping

import msgspec

from daemun.base.digest import MODULUS
from daemun.ir.resource import Leaf, Part, remade
from daemun.xds.copy import Copy
from daemun.xds.leaves import LeafKey, Verdict, choose, keyed, paired
from daemun.xds.marks import Marks, mark, marked, plain
from daemun.xds.quarantine import Data, Quarantine, Suspect
from daemun.xds.wanted import Resource

UNSEEN = b""
"""The data of a leaf of which it is only known that the client has one in this place."""


def version_of(name: str, resource: Resource, instead: dict[str, Part | None], quarantine: Quarantine) -> str:
    """The version of a resource that is sent with these parts instead."""
    sent = resource.version_with(instead)
    refused = {place: _refused(resource.parts.get(place), quarantine.withheld(name, place)) for place in instead}
    contents = [content for found in refused.values() for content in found.values()]
    if not contents:
        return sent  # so it nearly always is: something waits
    simple = all(
        (want := resource.parts.get(place)) is not None and _replaces(want, value, refused[place].keys())
        for place, value in instead.items()
    )
    return marked(sent, resource.version if simple else "", contents)


def suspects_of(name: str, resource: Resource, found: Marks) -> dict[Suspect, bytes]:
    """The leaves as they are wanted now that a version says to be refused."""
    return {
        Suspect(name, place, key): leaf.content
        for place, want in resource.parts.items()
        for key, leaf in keyed(want)
        if mark(leaf.content) in found.refused
    }


def recalled(version: str, found: Marks, resource: Resource, suspects: Mapping[Suspect, bytes]) -> Copy | None:
    """What a client has that brings this version, if it differs from what is wanted by these leaves alone."""
    refused: dict[str, set[LeafKey]] = {}
    for one in suspects:
        if one.part is not None and one.key is not None:
            refused.setdefault(one.part, set()).add(one.key)
    instead = {place: _closed(place, resource.parts[place], keys) for place, keys in refused.items()}
    unseen = plain(resource.version_with(instead)) != found.sent
    if unseen:
        if found.wanted != resource.version or found.refused != set(map(mark, suspects.values())):
            return None
        try:
            missing = (int(found.sent, 16) - resource.digest) % MODULUS
        except ValueError:
            return None
        instead = {}
        for place, keys in refused.items():
            # How it is spread over several parts is not known, and does not matter: it is the sum that counts.
            instead[place] = _unseen(resource.parts[place], keys, missing)
            missing = 0
    parts = {place: value for place, value in {**resource.parts, **instead}.items() if value is not None}
    copy = Copy.known(version, parts, instead)
    copy.unseen.update(instead if unseen else ())
    return copy


def seen(place: str, value: Part | None) -> Part | None:
    """What is known of a part that a client has: other content, of another version."""
    if value is None or all(leaf.data != UNSEEN for leaf in value.leaves):
        return value
    return remade(place, value, [leaf for leaf in value.leaves if leaf.data != UNSEEN])


def _refused(want: Part | None, withheld: Mapping[LeafKey | None, Data]) -> dict[LeafKey, bytes]:
    """The content of the leaves that are wanted and withheld as they are."""
    if want is None or not withheld:
        return {}
    return {key: leaf.content for key, leaf in keyed(want) if withheld.get(key) == leaf.content}


def _replaces(want: Part, value: Part | None, refused: Collection[LeafKey]) -> bool:
    """Whether nothing but these leaves is otherwise, and what the client has in their place needs no more than they."""
    have = paired(want, value)
    for key, leaf in keyed(want):
        earlier = have.pop(key, None)
        if key not in refused:
            if earlier is None or earlier.content != leaf.content:
                return False
        elif earlier is not None and not (set(earlier.filters) <= set(leaf.filters) and earlier.side == leaf.side):
            return False
    return not have


def _closed(place: str, want: Part, refused: set[LeafKey]) -> Part | None:
    """A part without these leaves, whose fallbacks take their place."""

    def verdict(key: LeafKey, _: Leaf) -> Verdict:
        return Verdict.REPLACE if key in refused else Verdict.SEND

    return choose(place, want, None, verdict, lambda _: False)


def _unseen(want: Part, refused: set[LeafKey], missing: int) -> Part:
    leaves = [
        msgspec.structs.replace(leaf, data=UNSEEN, forms=None) if key in refused else leaf for key, leaf in keyed(want)
    ]
    return Part(want.tags, tuple(leaves), (want.digest + missing) % MODULUS, around=want.around)
