"""What the API server said last, on disk, for a start while it is away.

The objects are spread over a fixed number of files by a hash of their names. A change is added to a journal, which
costs a tenth of writing such a file anew; when it has grown, what has changed is written into the files, and another
journal begins. They are written only when they are complete, and read only if all of them were: half a cluster is worse
than none, because what is missing would be taken from the proxies.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Mapping
from hashlib import blake2b

import msgspec

from daemun.api.kinds import BY_NAME
from daemun.base.names import Ref
from daemun.process.disk import DamagedError, Shelf

SHARDS = 256
GATHER_SECONDS = 1.0
"""Changes that come together are written together."""
JOURNAL_BYTES = 1 << 20
"""What a journal grows to, and a little more: some thousands of changes, read in some hundredths of a second."""
_PIECE = 100
"""Objects that are added to it at once."""
_RETRY_SECONDS = 30.0
_WHOLE = "whole"
"""Is there once everything was written for the first time, and names the journal of what came after."""
_JOURNAL = "journal-"
_log = logging.getLogger(__name__)


class _Entry(msgspec.Struct, frozen=True):
    ref: Ref
    document: msgspec.Raw
    """In the journal it may be null: the object is gone."""


_GONE = msgspec.Raw(b"null")
_ENTRIES = msgspec.json.Decoder(list[_Entry])

Changes = dict[Ref, object | None]


class KubeMemory:
    """Objects on a shelf. `note` tells what has changed; the first call, everything there is."""

    def __init__(self, shelf: Shelf, complete: Callable[[], bool]) -> None:
        self._shelf = shelf
        self._complete = complete
        self._pending: Changes = {}
        self._writing: Changes = {}
        self._some = asyncio.Event()
        self._gathering: asyncio.TimerHandle | None = None
        self._fresh = True
        self._since: Changes = {}  # all that is not in the files
        self._journal = ""  # none if to this one nothing can be added
        self._pieces = self._length = 0  # of it
        self._turn = threading.Lock()  # who reads would miss a journal that ends
        self._trouble = ""

    @property
    def pending(self) -> int:
        """How many changes are not written yet."""
        return len(self._pending) + len(self._writing)

    def note(self, changes: Mapping[Ref, object | None]) -> None:
        """These are so now; None: gone."""
        self._pending.update(changes)
        if self._gathering is None:  # nobody is woken now: what has changed is on its way to proxies
            self._gathering = asyncio.get_running_loop().call_later(GATHER_SECONDS, self._gathered)

    def _gathered(self) -> None:
        self._gathering = None
        self._some.set()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._some.wait()
            if not self._complete():
                await asyncio.sleep(GATHER_SECONDS)
                continue
            self._some.clear()
            changes = self._writing = self._pending
            self._pending = {}
            try:
                await asyncio.to_thread(self._write, changes)
                self._trouble = ""
            except (OSError, DamagedError) as error:
                trouble = str((isinstance(error, OSError) and error.strerror) or error)  # not of which file: any may be
                if trouble != self._trouble:
                    self._trouble = trouble
                    _log.warning("What is known of the cluster cannot be kept for a start without it: %s", trouble)
                self._pending = {**changes, **self._pending}
                self._some.set()
            self._writing = {}
            if self._trouble:
                await asyncio.sleep(_RETRY_SECONDS)

    def recall(self) -> dict[Ref, object] | None:
        """Everything that was noted; None if that is not known. It takes a while: not for the event loop."""
        try:
            with self._turn:
                found = self._found()
            if found is None:
                return None
            return {
                ref: msgspec.json.decode(raw, type=BY_NAME[ref.group, ref.kind].type)
                for ref, raw in found.items()
                if (ref.group, ref.kind) in BY_NAME
            }
        except (OSError, DamagedError, msgspec.MsgspecError) as error:
            _log.warning("What was known of the cluster cannot be read: %s", error)
            return None

    def _found(self) -> dict[Ref, msgspec.Raw] | None:
        journal = self._shelf.get(_WHOLE)
        if journal is None:
            return None
        found = {ref: raw for shard in range(SHARDS) for ref, raw in self._read(shard).items()}
        for piece in self._shelf.pieces(journal.decode()) if journal else ():
            _put(found, _decoded(piece))
        return found

    def _write(self, changes: Changes) -> None:
        with self._turn:
            self._since.update(changes)
            if not self._journal or not self._added(list(changes.items())):
                self._fold()

    def _added(self, changes: list[tuple[Ref, object | None]]) -> bool:
        """Whether all of that is in the journal now, which may grow on."""
        journal, self._journal = self._journal, ""
        try:
            for start in range(0, len(changes), _PIECE):
                entries = [_Entry(ref, _document(value)) for ref, value in changes[start : start + _PIECE]]
                self._length += self._shelf.add(journal, self._pieces, msgspec.json.encode(entries))
                self._pieces += 1
                if self._length > JOURNAL_BYTES:
                    return False
        except OSError:  # be it that the disk is full: the files say why, if it is still so
            return False
        self._journal = journal
        return True

    def _fold(self) -> None:
        """Write what has changed into the files. A crash in the middle leaves the journal before, which then says again
        what some of them say already."""
        if not self._fresh and self._shelf.get(_WHOLE) is None:
            raise OSError("somebody has removed what was kept, and it is not all known here")
        shards: dict[int, Changes] = {shard: {} for shard in range(SHARDS)} if self._fresh else {}
        for ref, value in self._since.items():
            shards.setdefault(_shard(ref), {})[ref] = value
        for shard, changed in shards.items():
            entries = {} if self._fresh else self._read(shard)
            _put(entries, {ref: _document(value) for ref, value in changed.items()})
            listed = [_Entry(ref, entries[ref]) for ref in sorted(entries)]
            self._shelf.put(f"{shard:02x}", msgspec.json.encode(listed))
        journal = f"{_JOURNAL}{os.urandom(8).hex()}"
        self._shelf.begin(journal)
        self._shelf.put(_WHOLE, journal.encode())
        self._fresh, self._since, self._journal, self._pieces, self._length = False, {}, journal, 0, 0
        for name in self._shelf.named(_JOURNAL):
            if name != journal:
                self._shelf.remove(name)

    def _read(self, shard: int) -> dict[Ref, msgspec.Raw]:
        found = self._shelf.get(f"{shard:02x}")
        if found is None:
            raise DamagedError(f"{shard:02x} is gone, and all of them were written")
        return _decoded(found)


def _decoded(text: bytes) -> dict[Ref, msgspec.Raw]:
    return {entry.ref: entry.document for entry in _ENTRIES.decode(text)}


def _document(value: object | None) -> msgspec.Raw:
    return _GONE if value is None else msgspec.Raw(msgspec.json.encode(value))


def _put(entries: dict[Ref, msgspec.Raw], changes: Mapping[Ref, msgspec.Raw]) -> None:
    """Have the entries as they are after these changes."""
    for ref, document in changes.items():
        if document == _GONE:
            entries.pop(ref, None)
        else:
            entries[ref] = document


def _shard(ref: Ref) -> int:
    return blake2b("\0".join(ref).encode(), digest_size=1).digest()[0]
