"""The objects of a kind as they are held here: told apart from what the API server sends, so that only what has changed
in what Daemun reads of them is news."""

from collections.abc import Mapping
from typing import Protocol

from daemun.api.meta import Resource
from daemun.base.names import Ref
from daemun.kube.seen import OnSeen, Seen
from daemun.sources.kube.outbox import Outbox
from daemun.sources.kube.wire import Entry


class Store(Protocol):
    """What a list and watch fills."""

    def replace(self, entries: Mapping[Ref, Entry]) -> None:
        """These are all objects."""

    def put(self, entry: Entry) -> None:
        """An object is new or has changed."""

    def drop(self, ref: Ref) -> None:
        """An object is gone."""


class Objects:
    """Typed objects of one kind. One that cannot be decoded stays as it was, with a problem."""

    def __init__(self, outbox: Outbox, seen: OnSeen | None) -> None:
        self._outbox, self._seen = outbox, seen
        self._held: dict[Ref, Resource | None] = {}

    def replace(self, entries: Mapping[Ref, Entry]) -> None:
        for ref in self._held.keys() - entries.keys():
            self.drop(ref)
        for entry in entries.values():
            self.put(entry)
        self._outbox.poke()

    def put(self, entry: Entry) -> None:
        if self._seen is not None:
            self._seen(entry.ref, Seen(entry.version, entry.status))
        held = self._held.setdefault(entry.ref, None)
        self._outbox.note(entry.ref, entry.problem, kept=held is not None)
        if entry.value is not None and entry.value != held:
            self._held[entry.ref] = entry.value
            self._outbox.put(entry.ref, entry.value)

    def drop(self, ref: Ref) -> None:
        if ref not in self._held:
            return
        if self._seen is not None:
            self._seen(ref, None)
        self._outbox.note(ref, None)
        if self._held.pop(ref) is not None:
            self._outbox.put(ref, None)
