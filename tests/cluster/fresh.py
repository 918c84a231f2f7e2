"""Commands in a cluster that is there only for them, and that ends however they do."""

import contextlib
import signal
import subprocess
from collections.abc import Sequence

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What people, programs and closed terminals say to end us."""
_SECONDS = 60.0


def interruptible() -> None:
    """Have all that ends us end us in the same way, by a KeyboardInterrupt; also if whoever started us ignores it."""
    for one in ENDS:
        signal.signal(one, signal.default_int_handler)


def fresh(program: Sequence[str], *commands: Sequence[str]) -> int:
    """`up`, then commands as long as they succeed, and `down` in any case, which nobody can interrupt.

    Each is a run of the program in a session of its own: what is meant to end us is told to it by us, once.
    """
    interruptible()
    try:
        return next((code for one in (["up"], *commands) if (code := _call([*program, *one]))), 0)
    finally:
        for one in ENDS:
            signal.signal(one, signal.SIG_IGN)
        _call([*program, "down"])
        interruptible()


def _call(command: Sequence[str]) -> int:
    child = subprocess.Popen(command, start_new_session=True)
    try:
        return child.wait()
    except KeyboardInterrupt:
        child.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_SECONDS)
        child.kill()
        child.wait()
        raise
