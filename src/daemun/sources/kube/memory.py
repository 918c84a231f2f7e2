"""What the API server said last, on disk, for a start while it is away.

The objects are spread over a fixed number of files by a hash of their names, so a change rewrites a few of them. They
are written only when they are complete, and read only if all of them were: half a cluster is worse than none, because
what is missing would be taken from the proxies.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from hashlib import blake2b

import msgspec

from daemun.api.kinds import BY_NAME
from daemun.base.names import Ref
from daemun.disk import DamagedError, Shelf

SHARDS = 256
GATHER_SECONDS = 1.0
"""Changes that come together are written together."""
_RETRY_SECONDS = 30.0
_WHOLE = "whole"
"""Is there once everything was written for the first time."""
_log = logging.getLogger(__name__)


class _Entry(msgspec.Struct, frozen=True):
    ref: Ref
    document: msgspec.Raw


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
        self._fresh = True
        self._trouble = ""

    @property
    def pending(self) -> int:
        """How many changes are not written yet."""
        return len(self._pending) + len(self._writing)

    def note(self, changes: Mapping[Ref, object | None]) -> None:
        """These are so now; None: gone."""
        self._pending.update(changes)
        self._some.set()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._some.wait()
            await asyncio.sleep(GATHER_SECONDS)
            if not self._complete():
                continue
            self._some.clear()
            changes = self._writing = self._pending
            self._pending = {}
            try:
                await asyncio.to_thread(self._write, changes)
                self._trouble = ""
            except (OSError, DamagedError) as error:
                if str(error) != self._trouble:
                    self._trouble = str(error)
                    _log.warning("What is known of the cluster cannot be kept for a start without it: %s", error)
                self._pending = {**changes, **self._pending}
                self._some.set()
            self._writing = {}
            if self._trouble:
                await asyncio.sleep(_RETRY_SECONDS)

    def recall(self) -> dict[Ref, object] | None:
        """Everything that was noted; None if that is not known. It takes a while: not for the event loop."""
        try:
            if self._shelf.get(_WHOLE) is None:
                return None
            found = [entry for shard in range(SHARDS) for entry in self._read(shard).items()]
            return {
                ref: msgspec.json.decode(raw, type=BY_NAME[ref.group, ref.kind].type)
                for ref, raw in found
                if (ref.group, ref.kind) in BY_NAME
            }
        except (OSError, DamagedError, msgspec.MsgspecError) as error:
            _log.warning("What was known of the cluster cannot be read: %s", error)
            return None

    def _write(self, changes: Changes) -> None:
        fresh = self._fresh
        shards: dict[int, Changes] = {shard: {} for shard in range(SHARDS)} if fresh else {}
        for ref, value in changes.items():
            shards.setdefault(_shard(ref), {})[ref] = value
        for shard, changed in shards.items():
            entries = {} if fresh else self._read(shard)
            for ref, value in changed.items():
                if value is None:
                    entries.pop(ref, None)
                else:
                    entries[ref] = msgspec.Raw(msgspec.json.encode(value))
            listed = [_Entry(ref, entries[ref]) for ref in sorted(entries)]
            self._shelf.put(f"{shard:02x}", msgspec.json.encode(listed))
        if fresh:
            self._shelf.put(_WHOLE, b"")
            self._fresh = False

    def _read(self, shard: int) -> dict[Ref, msgspec.Raw]:
        return {entry.ref: entry.document for entry in _ENTRIES.decode(self._shelf.get(f"{shard:02x}") or b"[]")}


def _shard(ref: Ref) -> int:
    return blake2b("\0".join(ref).encode(), digest_size=1).digest()[0]
