"""How a program of the chart ends before it has begun; it imports nothing that takes its time."""

import signal
import sys


def end_when_told() -> None:
    """End at once on SIGTERM, until the work has a way of its own.

    The first process of a container is not ended by a signal that it does not handle.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
