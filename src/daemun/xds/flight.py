"""A response in the making, and one that is under way."""

from collections.abc import Iterable
from typing import NamedTuple

from daemun.ir.resource import CLUSTER, SCOPE
from daemun.xds.copy import Entry
from daemun.xds.messages import Encoded

PATIENCE = 15.0
LAST_PATIENCE = 240.0
"""Seconds until a response that was not answered is given up, doubled each time in a row up to the last."""


class Flight(NamedTuple):
    """The response that is not acknowledged yet."""

    nonce: str
    serial: int
    sent_at: float
    entries: dict[str, Entry]
    removed: tuple[str, ...]

    def half_taken(self, type_url: str, message: str) -> Iterable[str]:
        """What Envoy, having rejected the response with this message, takes for something that it did not become.

        Clusters that it rejects late stay among those that warm up, and as long as one of these is not warm no response
        with clusters is answered. Scopes beside one that was rejected are known, but not served; sent again as they
        were, they would be taken for old ones.
        """
        if type_url == CLUSTER:
            return [name for name in self.entries if name in message]
        if type_url == SCOPE and len(self.entries) + len(self.removed) > 1:
            return [*self.entries, *self.removed]
        return ()


class Draft:
    """A response in the making."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.resources: list[Encoded] = []
        self.removed: list[str] = []
        self.absent: list[str] = []
        """What is wanted but in quarantine: who asks for it learns that there is none."""

    def add(self, name: str, entry: Entry, body: bytes) -> None:
        """Send this resource."""
        self.entries[name] = entry
        self.resources.append(Encoded(name, entry.version, body))
