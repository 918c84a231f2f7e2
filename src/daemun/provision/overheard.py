"""What a program says in its log, line by line, as it is written."""

import re
from pathlib import Path

_MOST = 1 << 16
"""Bytes that are read at once; of a log that grows faster the rest is passed over."""
COMPLAINT = re.compile(r"\S+ \S+ (?:WARNING|ERROR|CRITICAL) [\w.]+: (?P<text>.+)")
"""What Daemun's own servers complain of."""
LOST = re.compile(r".*\bfinal pre-worker listener init for listener '(?P<text>[^']+)' failed: .*")
"""The listener that an Envoy has given up after it had acknowledged it: somebody else has begun to listen there."""


class Overheard:
    """A log, from where it ends now. It may not be there yet, and begins anew when it is rotated.

    Of lines that are `wanted` the group `text` is told.
    """

    def __init__(self, file: Path, wanted: re.Pattern[str] = COMPLAINT) -> None:
        self._file, self._wanted = file, wanted
        self._read = self._size()

    def news(self) -> list[str]:
        """What was said since this was last asked, in whole lines that can be printed."""
        size = self._size()
        if size == self._read:
            return []
        begin = max(self._read if size > self._read else 0, size - _MOST)
        try:
            with self._file.open("rb") as log:
                log.seek(begin)
                text, end, _ = log.read(size - begin).rpartition(b"\n")
        except OSError:
            return []
        self._read = begin + len(text) + len(end)
        found = (self._wanted.fullmatch(line) for line in text.decode(errors="replace").split("\n"))
        return ["".join(one if one.isprintable() else "?" for one in line["text"]) for line in found if line]

    def _size(self) -> int:
        try:
            return self._file.stat().st_size
        except OSError:
            return 0
