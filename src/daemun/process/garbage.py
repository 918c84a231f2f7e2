"""Python's collector of garbage in a control plane: what lives long here are trees, with hardly a cycle to be found.

Looking through them again and again while 10,000 routes are built would double the time, and everything waits for it.
"""

import contextlib
import ctypes
import gc
import time
from collections.abc import Callable, Iterator

THRESHOLDS = (10_000, 5, 2_000)
"""Little is looked at together."""
_WORTH = 50_000
"""Objects, more or less, that are put aside when they were built at once."""
_PAUSE_SECONDS = 0.5
_looked = 0.0
"""When `now_and_then` did last what it does."""
_most = 0
"""Of objects that were built at once and put aside."""


@contextlib.contextmanager
def building() -> Iterator[Callable[[], None]]:
    """Much is built at once, and lives long. What it gives is to be called now and then, where it rests.

    What was built first is put aside and never looked at again, with any cycles in it that are garbage by then. So that
    is done only when there is more than twice as much as ever before: were it done again and again as things come and
    go, such garbage would pile up. What is built later is looked through as it comes, a little at a time.
    """
    global _most  # noqa: PLW0603 - it is as global as the collector
    gc.disable()
    try:
        yield _look
    finally:
        if (built := gc.get_count()[0]) > max(_WORTH, 2 * _most):
            gc.freeze()  # to count all that are put aside takes a tenth of a second
            _most = built
        gc.enable()
        give_back()


def now_and_then() -> None:
    """Look through what is new, at most twice a second; to be called where something small is done.

    The collector counts what is made less what is freed. Where things that live long are replaced all the time, as
    the queries that wait at a registry, that is nothing, and a million of new ones would be looked through at once.
    """
    global _looked  # noqa: PLW0603 - as above
    now = time.monotonic()
    if gc.isenabled() and now - _looked > _PAUSE_SECONDS:
        gc.collect(1)
        _looked = now


def give_back() -> None:
    """Return what was needed for a moment to the system: glibc keeps it otherwise. It takes a millisecond or two."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _look() -> None:
    """Look through what is new, if this is not the first build; after that it counts as old."""
    if _most and gc.get_count()[0] > THRESHOLDS[0]:
        gc.collect(1)
