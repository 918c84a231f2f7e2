"""One proxy as the server sees it: what it should have, and the streams of its Envoys."""

from collections.abc import Callable

import msgspec

from daemun.ir.origin import Origin
from daemun.xds.events import Event as SessionEvent
from daemun.xds.events import Rejected, Restored
from daemun.xds.session import Session
from daemun.xds.wanted import Changes, Wanted


class Connected(msgspec.Struct, frozen=True):
    """A stream of the proxy has begun; `streams` are open now. A Gateway may run several Envoys."""

    streams: int


class Disconnected(msgspec.Struct, frozen=True):
    """A stream of the proxy has ended; `streams` are still open."""

    streams: int


class Synced(msgspec.Struct, frozen=True):
    """All streams of the proxy have acknowledged all that is wanted; said each time this becomes true."""


Event = SessionEvent | Connected | Disconnected | Synced
OnEvent = Callable[[str, Event], None]
"""Called with the name of the proxy and what happened."""

_Rejection = tuple[Origin, str, str]


class Proxy:
    """The wanted resources of one proxy, its sessions, and one account of what they reject.

    Several Envoys reject the same leaf: it is reported when the first does, and restored when the last has taken it.
    The last session that ended is kept: the next one learns from it, and what it rejected stays reported.
    """

    def __init__(self, name: str, on_event: OnEvent) -> None:
        self.name = name
        self.wanted = Wanted()
        self._on_event = on_event
        self._sessions: dict[Session, Callable[[], None]] = {}
        self._last: Session | None = None
        self._rejections: dict[_Rejection, dict[Session, str]] = {}
        self._synced = False

    def open(self, wake: Callable[[], None], hold: float) -> Session:
        """Begin a stream. `wake` is called when it may have something to send."""
        session = Session(self.wanted, hold=hold, elder=self._last)
        self._sessions[session] = wake
        if self._last is not None and self._last not in self._sessions:
            self._succeed(self._last, session)
        self._last = session
        self._on_event(self.name, Connected(len(self._sessions)))
        self.report(session)
        return session

    def close(self, session: Session) -> None:
        """A stream has ended."""
        self.report(session)
        del self._sessions[session]
        session.close()
        if self._sessions:
            self._forget(session)
            self._last = next(reversed(self._sessions))
        self._on_event(self.name, Disconnected(len(self._sessions)))
        self._note_sync()

    def changed(self, changes: Changes) -> None:
        """The wanted resources have changed."""
        for session, wake in self._sessions.items():
            session.changed(changes)
            wake()
        self._synced = self.synced()

    def lost(self, type_url: str, name: str) -> None:
        """A resource that was acknowledged is not there."""
        for session, wake in self._sessions.items():
            session.lost(type_url, name)
            wake()

    def connected(self) -> bool:
        """Whether a stream is open."""
        return bool(self._sessions)

    def idle(self) -> bool:
        """Whether nothing is known of the proxy but its name."""
        return not self._sessions and not self.wanted

    def synced(self) -> bool:
        """Whether there are streams and all of them have acknowledged what is wanted."""
        return bool(self._sessions) and all(session.synced() for session in self._sessions)

    def rejections(self) -> list[Rejected]:
        """What Envoy refuses at the moment."""
        return [Rejected(*what, next(iter(by.values()))) for what, by in self._rejections.items()]

    def report(self, session: Session) -> None:
        """Pass on what has happened in a session."""
        for event in session.take_events():
            if isinstance(event, Rejected):
                self._rejected(session, event)
            elif isinstance(event, Restored):
                self._restored(session, (event.origin, event.type_url, event.resource))
            else:
                self._on_event(self.name, event)
        self._note_sync()

    def _note_sync(self) -> None:
        before, self._synced = self._synced, self.synced()
        if self._synced and not before:
            self._on_event(self.name, Synced())

    def _rejected(self, session: Session, event: Rejected) -> None:
        by = self._rejections.setdefault((event.origin, event.type_url, event.resource), {})
        known = event.message in by.values()
        by[session] = event.message
        if not known:
            self._on_event(self.name, event)

    def _restored(self, session: Session, what: _Rejection) -> None:
        by = self._rejections.get(what, {})
        if by.pop(session, None) is not None and not by:
            del self._rejections[what]
            self._on_event(self.name, Restored(*what))

    def _succeed(self, elder: Session, younger: Session) -> None:
        """The rejections of a session that has ended are those of its successor, until that restores them."""
        for by in self._rejections.values():
            message = by.pop(elder, None)
            if message is not None:
                by[younger] = message

    def _forget(self, session: Session) -> None:
        for what in list(self._rejections):
            self._restored(session, what)
