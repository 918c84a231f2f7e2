"""What suspects are made of: their content as it is wanted now, and whose it is."""

from daemun.ir.origin import Origin
from daemun.xds.client import Client
from daemun.xds.copy import Copy, Entry
from daemun.xds.flight import Flight
from daemun.xds.leaves import by_key, unproven
from daemun.xds.quarantine import Data, Suspect
from daemun.xds.wanted import HEAD, Wanted


def content(wanted: Wanted, type_url: str, one: Suspect) -> Data | None:
    """The content of a suspect as it is wanted now; None if it is gone."""
    resource = wanted.get(type_url, one.resource)
    if resource is None:
        return None
    if one.part is None or one.key is None:
        return resource.version
    leaf = by_key(resource.parts.get(one.part)).get(one.key)
    return leaf.content if leaf else None


def _suspected(name: str, entry: Entry, copy: Copy) -> dict[Suspect, Data]:
    """What may be at fault in a resource that was refused: the leaves that are new in it, or all of it."""
    found: dict[Suspect, Data] = {}
    for part, piece in entry.pieces.items():
        if piece.want is not None and piece.sent is not None:
            for key, leaf in unproven(piece.want, piece.sent, copy.parts.get(part)):
                found[Suspect(name, part, key)] = leaf.content
    return found or {Suspect(name, None, None): entry.wanted_version}


def accused(client: Client, flight: Flight) -> dict[Suspect, Data]:
    """What may be at fault in a response that was refused, of all that the client still wants."""
    suspects: dict[Suspect, Data] = {}
    for name, entry in flight.entries.items():
        copy = client.refuse(name, entry, alone=len(flight.entries) == 1)
        if copy is not None:
            suspects.update(_suspected(name, entry, copy))
    return suspects


def blamed(wanted: Wanted, type_url: str, one: Suspect) -> Origin | None:
    """Where a suspect comes from; of a resource as a whole, the object behind its first leaf."""
    resource = wanted.get(type_url, one.resource)
    if resource is None:
        return None
    if one.part is not None and one.key is not None:
        leaf = by_key(resource.parts.get(one.part)).get(one.key)
        if leaf is not None:
            return leaf.origin
    parts = [resource.parts[HEAD]] if HEAD in resource.parts else list(resource.parts.values())
    return next((leaf.origin for part in parts for leaf in part.leaves), None)
