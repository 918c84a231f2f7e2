"""The last good objects of each file, on disk, for a start that finds a file broken.

The objects are spread over a fixed number of small files by a hash of their names, so a change rewrites a few
kilobytes and never everything. Nothing here is needed to run: a file that is missing or damaged counts as empty, and
failing to write is a warning. Secrets are never handed to this module.
"""

from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

import msgspec

from daemun.base.names import Ref
from daemun.process.disk import replace
from daemun.sources.beneath import MAX_BYTES

SHARDS = 256


class Entry(msgspec.Struct, frozen=True):
    """One object of one file, as it was written."""

    path: str
    ref: Ref
    document: msgspec.Raw

    @property
    def key(self) -> tuple[str, Ref]:
        return self.path, self.ref


_DECODER = msgspec.json.Decoder(list[Entry])


class LastGood:
    """The store in `folder`. Read when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.failure = ""
        self._stored: dict[str, dict[Ref, bytes]] | None = None
        self._pending: dict[int, dict[tuple[str, Ref], bytes | None]] = {}

    def paths(self) -> list[str]:
        """The files something is remembered of."""
        return list(self._index())

    def documents(self, path: str) -> dict[Ref, object]:
        """What is remembered of a file."""
        found: dict[Ref, object] = {}
        for shard in sorted({_shard(ref) for ref in self._index().get(path, ())}):
            for entry in self._read(shard):
                if entry.path == path and entry.ref.kind != "Secret":
                    found[entry.ref] = msgspec.json.decode(entry.document)
        return found

    def update(self, path: str, documents: dict[Ref, bytes | None]) -> None:
        """Says what is good in a file now, as JSON; a document that is None has not changed. `flush` writes it."""
        index = self._index()
        stored = index.setdefault(path, {})
        for ref, raw in documents.items():
            if raw is None:
                if ref not in stored:  # the file was renamed: its objects are known by its former name
                    self._change(path, ref, b"")
                    stored[ref] = b""
                continue
            digest = _digest(raw)
            if stored.get(ref) != digest:
                stored[ref] = digest
                self._change(path, ref, raw)
        for ref in [ref for ref in stored if ref not in documents]:
            del stored[ref]
            self._change(path, ref, None)
        if not stored:
            del index[path]

    def flush(self) -> None:
        """Writes what `update` was told. What cannot be written is tried again the next time."""
        try:
            while self._pending:
                shard, changes = next(iter(self._pending.items()))
                self._rewrite(shard, changes)
                del self._pending[shard]
            self.failure = ""
        except OSError as error:
            self.failure = f"last good objects cannot be kept: {error.strerror}"

    def _change(self, path: str, ref: Ref, raw: bytes | None) -> None:
        self._pending.setdefault(_shard(ref), {})[path, ref] = raw

    def _index(self) -> dict[str, dict[Ref, bytes]]:
        if self._stored is None:
            self._stored = {}
            for shard in range(SHARDS):
                for entry in self._read(shard):
                    self._stored.setdefault(entry.path, {})[entry.ref] = _digest(bytes(entry.document))
        return self._stored

    def _file(self, shard: int) -> Path:
        return self.folder / f"{shard:02x}.json"

    def _read(self, shard: int) -> list[Entry]:
        try:
            with self._file(shard).open("rb") as file:
                return _DECODER.decode(file.read(4 * MAX_BYTES))
        except (OSError, msgspec.MsgspecError, RecursionError):
            return []

    def _rewrite(self, shard: int, changes: dict[tuple[str, Ref], bytes | None]) -> None:
        before = self._read(shard)
        entries = {entry.key: entry for entry in before}
        by_ref = {entry.ref: entry.document for entry in before}
        for (path, ref), raw in changes.items():
            if raw is None:
                entries.pop((path, ref), None)
                continue
            document = msgspec.Raw(raw) if raw else by_ref.get(ref)
            if document is not None:
                entries[path, ref] = Entry(path, ref, document)
        self._write(shard, entries.values())

    def _write(self, shard: int, entries: Iterable[Entry]) -> None:
        ordered = sorted(entries, key=lambda entry: entry.key)
        if ordered:
            replace(self._file(shard), msgspec.json.encode(ordered))
        else:
            self._file(shard).unlink(missing_ok=True)


def _shard(ref: Ref) -> int:
    return blake2b("\0".join(ref).encode("utf-8", "surrogatepass"), digest_size=1).digest()[0]


def _digest(raw: bytes) -> bytes:
    return blake2b(raw, digest_size=8).digest()
