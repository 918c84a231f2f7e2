"""Daemun as a program of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DAEMUN = (sys.executable, "-m", "daemun")


@contextmanager
def daemun(base: Path, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`daemun up` for a folder, with its state below `base`."""
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(base), "XDG_STATE_HOME": str(base / "state")}
    process = subprocess.Popen([*DAEMUN, "up", str(folder), "-o", "json"], stdout=subprocess.DEVNULL, env=environment)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
