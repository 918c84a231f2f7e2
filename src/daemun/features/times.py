"""Durations of Gloo's API, as features write them into Envoy's messages."""

from collections.abc import Iterable

from google.protobuf import duration_pb2

from daemun.base.durations import nanoseconds
from daemun.features.feature import Fault

_SECOND = 10**9
_LONGEST = 315_576_000_000 * _SECOND
"""The longest that a Duration of protobuf can hold."""


def duration(text: str) -> duration_pb2.Duration:
    """As Envoy has it."""
    whole = nanoseconds(text)
    return duration_pb2.Duration(seconds=whole // _SECOND, nanos=whole % _SECOND)


def duration_faults(text: str | None, where: str, *, least: int = 0) -> Iterable[Fault]:
    """A duration that Envoy could not read, or that is shorter than so many nanoseconds."""
    if text is None:
        return
    whole = nanoseconds(text)
    if whole > _LONGEST:
        yield where, f"{text} is longer than can be measured", "Use less."
    elif whole < least:
        yield where, f"{text} is too short", "Use at least 1ms."
