"""Shares of requests, as features write them into Envoy's messages."""

from collections.abc import Iterable

from envoy.config.core.v3 import base_pb2 as core_v3
from envoy.type.v3 import percent_pb2

from daemun.features.feature import Fault

_MILLION = 1_000_000


def millionths(numerator: int) -> percent_pb2.FractionalPercent:
    """A share in millionths."""
    return percent_pb2.FractionalPercent(numerator=numerator, denominator=percent_pb2.FractionalPercent.MILLION)


def percent(value: float) -> percent_pb2.FractionalPercent:
    """A share in percent."""
    return millionths(round(value * _MILLION / 100))


def always(value: float = 100) -> core_v3.RuntimeFractionalPercent:
    """A share in percent that Envoy's runtime does not change."""
    return core_v3.RuntimeFractionalPercent(default_value=percent(value))


def percent_faults(value: float | None, where: str) -> Iterable[Fault]:
    """A share that is none."""
    if value is not None and not 0 <= value <= 100:
        yield where, f"{value:g} is not a percentage", "Use a number from 0 to 100."
