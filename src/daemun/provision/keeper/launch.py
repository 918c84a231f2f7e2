"""Become a keeper: leave the terminal's session, wait for the predecessor's Envoys to be gone, then serve.

The lock is inherited by every Envoy. So it is free only when the former keeper *and* all its Envoys have ended, and a
new Envoy never meets an old one on its port.
"""

import asyncio
import fcntl
import os
import socket
import sys
import time
import traceback
from pathlib import Path

from daemun.provision.keeper.server import Keeper

SOCKET = "keeper.sock"
_PATIENCE = 30.0
"""How long a predecessor's Envoys may take to drain."""


def main(directory: Path) -> int:
    """Start a keeper for the state directory; return 0 once one answers on its socket."""
    told, tell = os.pipe()
    if os.fork():
        os.close(tell)
        with os.fdopen(told, "rb") as pipe:
            answer = pipe.read().decode(errors="replace")
        if answer == "ok":
            return 0
        sys.stderr.write(answer or "the keeper ended at once\n")
        return 1
    os.close(told)
    try:
        os.setsid()  # Ctrl-C in the terminal is meant for Daemun, which drains first
        os.umask(0o077)
        _detach(directory / "keeper.log")
        lock = _lock(directory)
        if lock >= 0:
            asyncio.run(Keeper(directory / SOCKET, lock).serve(lambda: _answer(tell, "ok")))
        else:
            _answer(tell, "ok")
    except BaseException:  # noqa: BLE001 - whatever it was, the one who waits must be told
        text = traceback.format_exc()
        sys.stderr.write(text)
        sys.stderr.flush()
        _answer(tell, text)
        os._exit(1)
    os._exit(0)


def _answer(tell: int, text: str) -> None:
    try:
        os.write(tell, text.encode())
        os.close(tell)
    except OSError:
        pass  # it was told before, or does not wait any more


def _detach(log: Path) -> None:
    """Keep no file of Daemun's open: whoever reads its output must see it end when Daemun does."""
    null = os.open(os.devnull, os.O_RDWR)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(null, 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.chdir(log.parent)


def _lock(directory: Path) -> int:
    """The handle of the lock, or -1 when a living keeper holds it and answers."""
    handle = os.open(directory / "keeper.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if _answers(directory / SOCKET):
                return -1
            time.sleep(0.02)
        else:
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
            return handle
    pid = os.pread(handle, 32, 0).decode(errors="replace").strip()
    raise TimeoutError(f"An earlier keeper (process {pid}) or its Envoys do not end. Stop it: kill -9 {pid}")


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True
