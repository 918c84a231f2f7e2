"""Durations of Gloo's API, as features write them into Envoy's messages."""

from collections.abc import Iterable

from google.protobuf import duration_pb2

from daemun.base.durations import nanoseconds
from daemun.features.feature import Fault

_SECOND = 10**9
_MILLISECOND = 10**6
LONGEST = 2_562_047 * 3600 * _SECOND
"""The longest, in whole hours, that Envoy counts in nanoseconds: it refuses a second more than 2^63 of them."""


def duration(text: str) -> duration_pb2.Duration:
    """As Envoy has it."""
    whole = nanoseconds(text)
    return duration_pb2.Duration(seconds=whole // _SECOND, nanos=whole % _SECOND)


def duration_faults(text: str | None, where: str, *, least: int = 0) -> Iterable[Fault]:
    """A duration that Envoy could not read, or that is shorter than so many nanoseconds.

    What is less than a millisecond Envoy takes for zero, which is no limit at all where it is one.
    """
    if text is None:
        return
    whole = nanoseconds(text)
    if whole > LONGEST:
        yield where, f"{text} is longer than can be measured", "Use less."
    elif whole < least or 0 < whole < _MILLISECOND:
        yield where, f"{text} is too short", "Use at least 1ms."
