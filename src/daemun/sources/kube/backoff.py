"""How long to wait: between two attempts, for a sign of life, for changes that come together."""

import random

import msgspec

from daemun.kube.errors import ApiError, KubeError, UnreachableError
from daemun.kube.pauses import growing


class Pace(msgspec.Struct, frozen=True):
    """All waiting times of the source, in seconds."""

    first: float = 0.2
    """Before the second attempt; every further one doubles it."""
    unreachable: float = 3.0
    """The longest wait for a server that does not answer: when it is back, nobody should wait for us."""
    refused: float = 30.0
    """The longest wait for a server that refuses: it is there, but may have too much to do."""
    silence: float = 55.0
    """A watch is over before; one that says nothing for so long, not even that it ends, is broken."""
    healthy: float = 5.0
    """A watch that lasted that long was not in vain."""
    look: float = 10.0
    """Between two looks at which kinds there are."""
    again: float = 2.0
    """The same, when a kind seems to have vanished."""
    soon: float = 0.002
    """A change that comes after others waits this long for those that come with it."""
    rest: float = 0.05
    """The longest pause between two batches: a storm of changes comes in few of them. After it, a change is alone."""
    ease: float = 4.0
    """That many times as long as a batch took is the pause after it, if that is shorter."""
    patience: float = 10.0
    """How long everything waits for an object that the server fails to give."""


class Backoff:
    """Waits twice as long each time, with jitter, so that many clients of one server do not come back together."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._unreachable = self._refused = 0

    def reset(self) -> None:
        """It went well."""
        self._unreachable = self._refused = 0

    def after(self, error: KubeError) -> float:
        """How long to wait after this failure; never less than the server asks for."""
        if isinstance(error, UnreachableError):
            self._unreachable, self._refused = self._unreachable + 1, 0
            attempt, longest = self._unreachable, self._pace.unreachable
        else:
            self._refused += 1
            attempt, longest = self._refused, self._pace.refused
        pause = growing(attempt, self._pace.first, longest, random.random())  # noqa: S311 - not a secret
        return pause + error.retry_after if isinstance(error, ApiError) else pause
