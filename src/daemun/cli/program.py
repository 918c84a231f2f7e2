"""What the programs that the chart runs have in common: their log, their connection, and how they end."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from daemun.cli.output import fail
from daemun.kube.client import KubeClient
from daemun.kube.errors import KubeError

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def log_at(level: str) -> None:
    """Log from this level on; end the program with what is wrong with it."""
    if level not in _LEVELS:
        fail(f"--log-level {level} is not a level", f"There are {', '.join(_LEVELS)}.")
    logging.basicConfig(level=_LEVELS[level], format="%(asctime)s %(levelname)s %(name)s: %(message)s")


def connect(context: str | None) -> KubeClient:
    """A connection to the cluster; end the program with what is wrong with it."""
    try:
        return KubeClient.connect(context)
    except KubeError as error:
        fail(error.text, error.mend, code=1)


def run(client: KubeClient, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do the work with a connection, until SIGTERM or SIGINT."""

    async def connected() -> None:
        async with client:
            await work()

    until_told(connected)


def until_told(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do the work until SIGTERM or SIGINT."""

    async def main() -> None:
        task = asyncio.ensure_future(work())
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(main())
