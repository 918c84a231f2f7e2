"""One thing that a registry tells and goes on telling; begun anew when the registry fails."""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

import msgspec

from daemun.kube.pauses import growing
from daemun.sources.registries.registry import RegistryError

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Pace(msgspec.Struct, frozen=True):
    """Waiting times, in seconds: before the second attempt, at most between two, for the first answer, and between two
    times that all is kept on disk.
    """

    first: float = 0.2
    longest: float = 15.0
    patience: float = 10.0
    keep: float = 2.0


async def following(
    begin: Callable[[], AsyncGenerator[T, None]],
    take: Callable[[T], None],
    failed: Callable[[RegistryError], None],
    pace: Pace,
) -> None:
    """Hand on all that comes until cancelled. A plug-in's own defect is as a registry that is away."""
    failures = 0
    while True:
        after = 0.0
        try:
            async with contextlib.aclosing(begin()) as answers:
                async for found in answers:
                    failures = 0
                    take(found)
        except RegistryError as error:
            failures, after = failures + 1, error.after
            failed(error)
        except Exception as error:  # noqa: BLE001 - others' code, which is not to take us with it
            failures += 1
            if failures == 1:
                _log.error("a defect in what asks a registry", exc_info=error)
            failed(RegistryError(f"what asks it has a defect ({type(error).__name__}; the log says more)"))
        pause = growing(failures, pace.first, pace.longest, random.random())  # noqa: S311 - no secret
        await asyncio.sleep(max(pause, min(after, pace.longest)))
