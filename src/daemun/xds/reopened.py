"""Listeners that Envoy changes only when it has closed their ports, as a socket has the options it was opened with.

Without SO_REUSEPORT there is no second socket beside the one that is open, and Envoy refuses such a change as a
duplicate of the listener itself. So the listener is taken away, and sent anew when it is gone. If that is refused, too,
it comes back as it last was: the client's copy is kept.
"""

from daemun.ir.resource import LISTENER
from daemun.xds.client import Client
from daemun.xds.copy import UNKNOWN
from daemun.xds.flight import Flight
from daemun.xds.quarantine import Data, Quarantine, Suspect
from daemun.xds.words import has_itself, in_use

GRACE = 1.0
"""Seconds in which Envoy may still have a port that it was told to leave."""


class Reopened:
    """The listeners of one stream whose ports are closed for a moment."""

    def __init__(self, client: Client, quarantine: Quarantine) -> None:
        self._client, self._quarantine = client, quarantine
        self._closing: list[str] = []
        self._until: dict[str, float] = {}

    def fault(self, one: Suspect, data: Data, message: str, flight: Flight, now: float) -> str:
        """What is wrong with the only suspect of a response. Nothing, if it is to be tested once more: what was taken
        away may still have had a port that it needs.
        """
        if self._client.type_url != LISTENER:
            return message
        self._until = {name: until for name, until in self._until.items() if now < until}
        if flight.removed or (in_use(message) and one.resource in self._until):
            return ""
        if not has_itself(message) or not self._client.has(one.resource):
            return message
        said = self._quarantine.said(one, data)
        if said and not in_use(said):
            return said  # it was refused when the port was closed, and is not worth closing it again
        self._closing.append(one.resource)
        self._until[one.resource] = now + GRACE
        return ""

    def close(self) -> list[str]:
        """The listeners that are taken away now. Of their copies nothing is known to be there any more."""
        closing, self._closing = self._closing, []
        for copy in filter(None, map(self._client.get, closing)):
            copy.version, copy.whole = UNKNOWN, True
        return closing
