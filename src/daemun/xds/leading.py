"""Parts whose leaves lead to other resources of the same type: lists of what requests find there, a leaf for each.

A leaf is of no use before the resource is there, and while that stays, so does the leaf. What has such a part in the
place of others, or others in its place, changes over in one step, when nothing of it waits.
"""

from collections.abc import Container

from daemun.ir.resource import ANSWERING, Leaf, Part, remade
from daemun.xds.client import Client
from daemun.xds.copy import Copy
from daemun.xds.leaves import LeafKey, keyed
from daemun.xds.quarantine import Data
from daemun.xds.stream import Stream
from daemun.xds.wanted import Resource, leads
from daemun.xds.warm import Place


def listed(resource: Resource, part: str) -> bool:
    """Whether a part of this name is now found by a list in its resource."""
    return part.encode() in resource.listed


class Leading:
    """Such parts of one client. `coming` are the resources that are composed for the same response."""

    def __init__(self, client: Client, stream: Stream) -> None:
        self._client = client
        self._stream = stream
        self.coming: Container[str] = ()

    def changes(self, resource: Resource, copy: Copy) -> bool:
        """Whether the client has such a part and is to have none, or the other way round."""
        if self._client.type_url not in ANSWERING or not copy.sent:
            return False
        return any(map(leads, resource.parts.values())) != any(map(leads, copy.parts.values()))

    def compose(
        self, place: Place, want: Part, have: Part | None, withheld: dict[LeafKey | None, Data], now: float
    ) -> tuple[Part, bool]:
        """The part to send, and whether a leaf of it waits."""
        lacking = {leaf.leads for leaf in want.leaves if leaf.leads and not self._there(leaf.leads)}
        for one in lacking:
            self._stream.awaited.setdefault(one, set()).add(place)
        refused = {key for key, leaf in keyed(want) if withheld.get(key) == leaf.content} if withheld else ()
        leaves = [leaf for key, leaf in keyed(want) if leaf.leads not in lacking and key not in refused]
        staying = self._staying(place, want, have, now)
        self._stream.stays.forget(place, but=staying)
        if len(leaves) == len(want.leaves) and not staying:
            return want, False
        return remade(place.part, want, [*leaves, *staying.values()]), bool(lacking)

    def _there(self, resource: str) -> bool:
        copy = self._client.get(resource)
        return resource in self.coming or (copy is not None and (bool(copy.parts) or copy.opaque))

    def _staying(self, place: Place, want: Part, have: Part | None, now: float) -> dict[LeafKey, Leaf]:
        """The leaves that lead to what is not wanted any more, but stays."""
        wanted = {leaf.leads for leaf in want.leaves}
        found = {}
        for key, leaf in keyed(have) if have is not None and leads(have) else ():
            copy = self._client.get(leaf.leads) if leaf.leads and leaf.leads not in wanted else None
            if copy is not None:
                leaves = [one for part in copy.parts.values() for one in part.leaves]
                if self._stream.stays.stay(place, leaves, now, key):
                    found[key] = leaf
        return found
