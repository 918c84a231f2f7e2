"""A response in the making, and those that are under way."""

from collections.abc import Iterable
from typing import NamedTuple

from daemun.ir.resource import CLUSTER, EXTENSION, SCOPE
from daemun.xds.copy import Entry
from daemun.xds.messages import Encoded

PATIENCE = 15.0
LAST_PATIENCE = 240.0
"""Seconds until a response that was not answered is given up, doubled each time in a row up to the last."""
OVERTAKE = 0.1
"""Seconds after which other clusters do not wait for the answer to a response with clusters."""
MOST_OVERTAKEN = 8
"""Responses that are overtaken by others without a word from the client: it may be one that does not read at all."""


class Flight(NamedTuple):
    """A response that is not acknowledged yet."""

    nonce: str
    serial: int
    sent_at: float
    entries: dict[str, Entry]
    removed: tuple[str, ...]
    recalled: set[str]
    """What was sent anew since: it may be what is rejected, and nobody asks for that any more."""

    def half_taken(self, type_url: str, message: str) -> Iterable[str]:
        """What Envoy, having rejected the response with this message, takes for something that it did not become.

        Clusters that it rejects late stay among those that warm up, and as long as one of these is not warm no response
        with clusters is answered. Scopes beside one that was rejected are known, but not served; sent again as they
        were, they would be taken for old ones. So would be an extension: what was looked at last is acknowledged when
        it comes once more, though it was rejected.
        """
        if type_url == CLUSTER:
            return [name for name in self.entries if name in message]
        if type_url == EXTENSION:
            return list(self.entries)
        if type_url == SCOPE and len(self.entries) + len(self.removed) > 1:
            return [*self.entries, *self.removed]
        return ()


class Flights:
    """The responses of one type that are not acknowledged yet: the last one, and those that it has overtaken.

    Only clusters overtake: Envoy answers nothing about clusters while one of them warms up, which takes as long as a
    host that is asked for its health, or the DNS, keeps silent. It takes in the next ones all the same.
    """

    def __init__(self, type_url: str) -> None:
        self._overtakes = type_url == CLUSTER
        self._overtaken: dict[str, Flight] = {}
        self._patience = PATIENCE
        self._unheard = 0
        self._answered = 0
        self._unsaid: dict[str, int] = {}
        self.last: Flight | None = None
        self.hurry = False
        """Whether something waits until it may overtake."""

    def __len__(self) -> int:
        return len(self._every())

    def __contains__(self, name: str) -> bool:
        return any(name in one.entries for one in self._every())

    def bring(self, name: str, part: str) -> bool:
        """Whether this part of a resource is under way."""
        return any(name in one.entries and part in one.entries[name].pieces for one in self._every())

    def free(self, now: float) -> bool:
        """Whether another response may go: there is none under way, or it may be overtaken."""
        if self.last is None:
            return True
        if not self._overtakes or self._unheard == MOST_OVERTAKEN:
            return False
        young = now < self.last.sent_at + OVERTAKE
        self.hurry = self.hurry or young
        return not young

    def overtaken(self) -> tuple[str, ...]:
        """Another response goes. Returns what the one that it overtakes removes: of that Envoy refuses nothing."""
        before, self.last = self.last, None
        if before is None:
            return ()
        self._unheard += 1
        self._overtaken[before.nonce] = before
        return before.removed

    def heard(self) -> None:
        """The client has said something, whatever it is about."""
        self._unheard = 0

    def end(self, nonce: str) -> Flight | None:
        """The response with this nonce was answered."""
        found = self._take(nonce)
        if found is not None:
            self._patience = PATIENCE
            self._answered = max(self._answered, found.serial)
        return found

    def recall(self, name: str) -> list[Entry]:
        """A resource is sent anew: what the answers to the responses with it will say is of no interest any more."""
        self._unsaid.pop(name, None)
        for nonce, one in self._overtaken.items():
            if name in one.removed:
                self._overtaken[nonce] = one._replace(removed=tuple(other for other in one.removed if other != name))
        known = [one for one in self._overtaken.values() if name in one.entries]
        for one in known:
            one.recalled.add(name)
        return [one.entries.pop(name) for one in known]

    def given_up(self, now: float) -> list[Flight]:
        """The responses that were not answered in time."""
        lost = []
        for one in self._every():
            if now >= one.sent_at + self._patience:
                if one is self.last:
                    lost.append(one)
                else:
                    self._unsaid |= dict.fromkeys(one.removed, one.serial)
                    lost.append(one._replace(removed=()))
                self._take(one.nonce)
        if lost:
            self._patience = min(2 * self._patience, LAST_PATIENCE)
        return lost

    def missed(self) -> list[str]:
        """What responses removed that were overtaken and given up, though a later one was answered: they were lost.

        Of a client that answers nothing at all it is not to be told apart whether it keeps its answers back.
        """
        names = [name for name, serial in self._unsaid.items() if serial < self._answered]
        for name in names:
            del self._unsaid[name]
        return names

    def delayed(self, seconds: float) -> None:
        """The client took so long to read what was sent: its time to answer is as much longer."""
        for nonce, one in self._overtaken.items():
            self._overtaken[nonce] = one._replace(sent_at=one.sent_at + seconds)
        if self.last:
            self.last = self.last._replace(sent_at=self.last.sent_at + seconds)

    def deadline(self) -> float | None:
        """When one is to be given up, or may be overtaken by what waits for that."""
        times = [one.sent_at + self._patience for one in self._every()]
        if self.hurry and self.last is not None:
            times.append(self.last.sent_at + OVERTAKE)
        return min(times, default=None)

    def _take(self, nonce: str) -> Flight | None:
        found = self._overtaken.pop(nonce, None)
        if found is None and self.last is not None and self.last.nonce == nonce:
            found, self.last = self.last, None
        return found

    def _every(self) -> list[Flight]:
        return [*self._overtaken.values(), *([self.last] if self.last else [])]


class Draft:
    """A response in the making."""

    def __init__(self, absent: Iterable[str] = ()) -> None:
        self.entries: dict[str, Entry] = {}
        self.resources: list[Encoded] = []
        self.removed: list[str] = []
        self.absent = [*absent]
        """What is wanted but in quarantine: who asks for it learns that there is none."""

    def add(self, name: str, entry: Entry, body: bytes) -> None:
        """Send this resource."""
        self.entries[name] = entry
        self.resources.append(Encoded(name, entry.version, body))
