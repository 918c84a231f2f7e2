"""The labels of all Secrets, of which nothing else is kept: a rule that looks for Secrets by label finds their names.
What they hold is fetched because it reads them then.
"""

from collections.abc import Iterator, Mapping

from daemun.base.names import Name, Ref
from daemun.gloo.secrets.labels import labels_ref
from daemun.sources.kube.objects import Store
from daemun.sources.kube.outbox import Outbox
from daemun.sources.kube.wire import Entry


class Labelled:
    """Takes what the watch of the metadata tells, and hands it on to the `inner` store."""

    def __init__(self, inner: Store, outbox: Outbox) -> None:
        self._inner, self._outbox = inner, outbox
        self._known: set[Name] = set()

    def replace(self, entries: Mapping[Ref, Entry]) -> Iterator[None]:
        for name in self._known - {ref.key for ref in entries}:
            self._tell(name, {})
            yield
        for entry in entries.values():
            self._tell(entry.ref.key, entry.labels)
            yield
        yield from self._inner.replace(entries)

    def put(self, entry: Entry) -> None:
        self._tell(entry.ref.key, entry.labels)
        self._inner.put(entry)

    def drop(self, ref: Ref) -> None:
        self._tell(ref.key, {})
        self._inner.drop(ref)

    def _tell(self, name: Name, labels: Mapping[str, str]) -> None:
        if labels:
            self._known.add(name)
        elif name not in self._known:
            return
        else:
            self._known.discard(name)
        self._outbox.put(labels_ref(name), labels or None)
