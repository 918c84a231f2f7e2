"""What files said before they broke: for a moment after a change, and across restarts.

A file that is replaced in two steps (moved away and written anew, or emptied and then filled) must not lose its past
between the steps. So whatever a file just stopped saying stays known for as long as its objects are still served, by
the file's name and, since a rename does not change the file itself, by its stamp.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from daemun.api.decode import decode
from daemun.base.names import Ref
from daemun.sources.beneath import Stamp
from daemun.sources.documents import Spot
from daemun.sources.files import Key, Tree
from daemun.sources.lastgood import LastGood
from daemun.sources.views import View, remembered


class _Fading(NamedTuple):
    view: View
    stamp: Stamp | None
    spots: tuple[Spot, ...]
    until: float


class Memory:
    """The past of the files below `tree`; with a folder for `state`, also from before the start."""

    def __init__(self, tree: Tree, state: Path | None) -> None:
        self.enabled = state is not None
        self._tree = tree
        self._store = LastGood(state) if state is not None else None
        self._fading: dict[Key, _Fading] = {}
        self._touched: set[Key] = set()

    @property
    def failure(self) -> tuple[str, int, None, str, str, str] | None:
        """Why nothing can be remembered, as the fields of a problem."""
        if self._store is None or not self._store.failure:
            return None
        return str(self._store.folder), 0, None, "", self._store.failure, "Make the directory writable."

    def touch(self, key: Key) -> None:
        """The file has been read: `persist` has to look at it."""
        self._touched.add(key)

    def fade(self, key: Key, view: View, stamp: Stamp | None, spots: tuple[Spot, ...], until: float) -> None:
        """The file does not say all of this any more."""
        earlier = self._fading.get(key)
        if earlier is not None:
            view = _both(earlier.view, view)
        self._fading[key] = _Fading(view, stamp, spots, until)

    def forget(self, now: float) -> None:
        """Drops what has faded."""
        for key in [key for key, fading in self._fading.items() if fading.until <= now]:
            del self._fading[key]
            self._touched.add(key)

    def wake(self) -> float | None:
        return min((fading.until for fading in self._fading.values()), default=None)

    def spots(self, key: Key, stamp: Stamp) -> tuple[Spot, ...]:
        """The documents of a file that is new under this name, if it is known under another."""
        fading = self._fading.get(key) or self._moved(stamp)
        return fading.spots if fading else ()

    def before(self, key: Key, current: View | None, stamp: Stamp | None) -> View | None:
        """What a file said before, as far as anybody knows."""
        fading = self._fading.get(key)
        if fading is not None:
            return _both(fading.view, current) if current is not None else fading.view
        if current is not None:
            return current
        moved = self._moved(stamp)
        if moved is not None:
            return moved.view
        return self._remembered(self._path(key)) if self._store is not None else None

    def all(self) -> Iterator[tuple[Key, View]]:
        """Every file that something is known of from before the start."""
        for path in self._store.paths() if self._store is not None else ():
            for root, name in enumerate(self._tree.paths):
                top = os.path.abspath(name)  # noqa: PTH100 - symlinks stay
                if path.startswith(top.rstrip("/") + "/"):
                    yield Key(root, path[len(top.rstrip("/")) + 1 :]), self._remembered(path)

    def persist(self, views: dict[Key, View]) -> None:
        """Writes what the files that changed say now. What is fading is kept until it has faded."""
        touched, self._touched = self._touched, set()
        if self._store is None:
            return
        for key in touched:
            view, fading = views.get(key), self._fading.get(key)
            wanted: dict[Ref, bytes | None] = dict.fromkeys(fading.view.claims) if fading else {}
            for ref, claim in view.claims.items() if view else ():
                if claim.stand_in:
                    continue
                wanted[ref] = None
                if claim.item is not None and claim.item.document is not None:
                    wanted[ref], claim.item.document = claim.item.document, None
            self._store.update(self._path(key), {ref: wanted[ref] for ref in wanted if ref.kind != "Secret"})
        self._store.flush()

    def _moved(self, stamp: Stamp | None) -> _Fading | None:
        if stamp is None:
            return None
        for fading in self._fading.values():
            if fading.stamp is not None and fading.stamp[:4] == stamp[:4]:  # a rename changes the ctime only
                return fading
        return None

    def _path(self, key: Key) -> str:
        return os.path.abspath(self._tree.path(key))  # noqa: PTH100 - symlinks stay

    def _remembered(self, path: str) -> View:
        objects: dict[Ref, object] = {}
        for ref, document in self._store.documents(path).items() if self._store is not None else ():
            decoded = decode(document)
            if decoded is not None and decoded.ref == ref and decoded.value is not None:
                objects[ref] = decoded.value
        return remembered(objects)


def _both(earlier: View, later: View) -> View:
    chunks = later.chunks if later.claims else earlier.chunks
    return View({**earlier.claims, **later.claims}, chunks)
