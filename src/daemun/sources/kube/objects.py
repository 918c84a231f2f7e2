"""What a list and watch fills, and the usual one: objects that are handed on as they are."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from daemun.base.names import Ref
from daemun.kube.seen import OnSeen, Seen
from daemun.sources.kube.outbox import Outbox
from daemun.sources.kube.wire import Entry


class Store(Protocol):
    """What a list and watch fills."""

    def replace(self, entries: Mapping[Ref, Entry]) -> Iterator[None]:
        """These are all objects. It is done in steps, between which others may have their turn."""

    def put(self, entry: Entry) -> None:
        """An object is new or has changed."""

    def drop(self, ref: Ref) -> None:
        """An object is gone."""


class Objects:
    """Typed objects of one kind. One that cannot be decoded stays as it was, with a problem; if it never could be, its
    stand-in counts.
    """

    def __init__(self, outbox: Outbox, seen: OnSeen | None) -> None:
        self._outbox, self._seen = outbox, seen
        self._refs: set[Ref] = set()

    def replace(self, entries: Mapping[Ref, Entry]) -> Iterator[None]:
        for ref in self._refs - entries.keys():
            self.drop(ref)
            yield
        for entry in entries.values():
            self.put(entry)
            yield
        self._outbox.poke()

    def put(self, entry: Entry) -> None:
        if self._seen is not None:
            self._seen(entry.ref, Seen(entry.version, entry.status))
        self._refs.add(entry.ref)
        self._outbox.note(entry.ref, entry.problem)
        if entry.value is not None:
            self._outbox.put(entry.ref, entry.value)
        elif entry.stand_in is not None and not self._outbox.has(entry.ref):
            self._outbox.put(entry.ref, entry.stand_in)

    def drop(self, ref: Ref) -> None:
        if ref not in self._refs:
            return
        self._refs.remove(ref)
        if self._seen is not None:
            self._seen(ref, None)
        self._outbox.note(ref, None)
        self._outbox.put(ref, None)
