"""Log files that stay bounded while Envoy writes to them, and their last lines."""

import os
from pathlib import Path

NAMES = ("envoy.log", "access.log")
_CHUNK = 1 << 16


def former(path: Path) -> Path:
    """Where the older half of a log is."""
    return path.with_name(path.name + ".1")


def rotate(path: Path, limit: int) -> bool:
    """Move what is in the log aside when it is longer than `limit`.

    It is copied and then emptied, because Envoy holds it open for appending: a line written between the two is lost,
    but nobody has to be told, and a keeper that hangs stalls no proxy.
    """
    try:
        if path.stat().st_size <= limit:
            return False
        with path.open("rb") as old, former(path).open("wb") as new:
            while chunk := old.read(1 << 20):
                new.write(chunk)
        os.truncate(path, 0)
    except FileNotFoundError:
        return False
    return True


def tail(path: Path, lines: int) -> list[str]:
    """The last lines of a log, across its rotation; none when there is no such log."""
    found = _last(path, lines)
    if len(found) < lines:
        found = _last(former(path), lines - len(found)) + found
    return found


def _last(path: Path, lines: int) -> list[str]:
    try:
        with path.open("rb") as file:
            position = file.seek(0, os.SEEK_END)
            data = b""
            while position and data.count(b"\n") <= lines:
                step = min(_CHUNK, position)
                position -= step
                file.seek(position)
                data = file.read(step) + data
    except FileNotFoundError:
        return []
    text = data.decode(errors="replace").splitlines()
    return text[-lines:] if lines > 0 else []
