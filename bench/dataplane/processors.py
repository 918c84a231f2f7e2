"""Who runs on which of the machine's processors."""

import contextlib
import os
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def apart() -> Iterator[Callable[[], contextlib.AbstractContextManager[None]]]:
    """What begins here has the first processor, and so one worker; what begins in the block that is handed out has the
    others. On which workers a connection and the one behind it come to be would else be more than what is measured.
    """
    every = sorted(os.sched_getaffinity(0))

    @contextlib.contextmanager
    def others() -> Iterator[None]:
        os.sched_setaffinity(0, every[1:] or every)
        yield

    os.sched_setaffinity(0, every[:1])
    try:
        yield others
    finally:
        os.sched_setaffinity(0, every)
