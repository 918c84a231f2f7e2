"""What a program complains of in its log, line by line, as it is written."""

import re
from pathlib import Path

_MOST = 1 << 16
"""Bytes that are read at once; of a log that grows faster the rest is passed over."""
_COMPLAINT = re.compile(r"\S+ \S+ (?:WARNING|ERROR|CRITICAL) [\w.]+: (?P<text>.+)")


class Overheard:
    """A log of Python's, from where it ends now. It may not be there yet, and begins anew when it is rotated."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read = self._size()

    def complaints(self) -> list[str]:
        """What was complained of since this was last asked, in whole lines that can be printed."""
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
        found = (_COMPLAINT.fullmatch(line) for line in text.decode(errors="replace").split("\n"))
        return ["".join(one if one.isprintable() else "?" for one in line["text"]) for line in found if line]

    def _size(self) -> int:
        try:
            return self._file.stat().st_size
        except OSError:
            return 0
