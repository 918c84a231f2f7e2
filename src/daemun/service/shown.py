"""What a server shows of files, such as its certificate: they are read again, since kubelet swaps what is renewed."""

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

LOOK_SECONDS = 30.0
T = TypeVar("T")
_log = logging.getLogger(__name__)


async def follow(read: Callable[[], T], show: Callable[[T], None]) -> None:
    """Show what the files hold whenever that has changed, until cancelled. What cannot be shown is not: the last stays.

    Open connections stay open.
    """
    shown = read()
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            now = read()
            if now != shown:
                show(now)
                shown = now
        except (OSError, ValueError) as error:
            _log.warning("The certificate stays as it was: %s", error)
