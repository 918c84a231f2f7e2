"""When a client that owes an answer says nothing at all: its stream is stuck, and a new one may not be."""

SILENCE = 60.0
"""Seconds without a word from a client that owes an answer, after which its stream is ended."""
ASKED = 30.0
"""Seconds of silence after which it is asked for an answer that nothing holds up."""


class Silence:
    """Since when a client has owed an answer and said nothing.

    An answer to clusters may be long in coming though all is well: Envoy keeps it back until they are warm. So that
    alone counts for nothing, and the client is asked for another one before its stream is ended.
    """

    def __init__(self) -> None:
        self._since: float | None = None

    def heard(self, now: float, *, owes: bool) -> None:
        """The client has said something; whether it still owes an answer."""
        self._since = now if owes else None

    def sent(self, now: float) -> None:
        """Something was sent that is to be answered."""
        if self._since is None:
            self._since = now

    def delayed(self, seconds: float) -> None:
        """The client took so long to read what was sent: its time to answer began after that."""
        if self._since is not None:
            self._since += seconds

    def lasts(self, seconds: float, now: float) -> bool:
        """Whether it has been silent for so long."""
        return self._since is not None and now >= self._since + seconds

    def deadline(self, now: float) -> float | None:
        """When it will have been silent for long enough to be asked, or for its stream to be ended."""
        if self._since is None:
            return None
        return next((self._since + one for one in (ASKED, SILENCE) if now < self._since + one), None)
