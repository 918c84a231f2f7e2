"""Durations: Gateway API's (`1h30m`, `0s`; GEP-2257), Go's, which Gloo reads (`1.5s`), and those in headers of HTTP."""

import re
from fractions import Fraction

_PART = re.compile(r"([0-9]{1,5})(h|ms|m|s)")
_MILLISECONDS = {"h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}


def milliseconds(text: str) -> int:
    """A duration, already checked against GEP-2257's pattern, in milliseconds."""
    return sum(int(amount) * _MILLISECONDS[unit] for amount, unit in _PART.findall(text))


_GO_PART = re.compile(r"([0-9.]+)(ns|us|µs|ms|s|m|h)")
_NANOSECONDS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


def nanoseconds(text: str) -> int:
    """A duration as Go writes it, already checked (`api.gloo.scalars.Duration`), in nanoseconds; less is cut off."""
    return sum(int(Fraction(amount) * _NANOSECONDS[unit]) for amount, unit in _GO_PART.findall(text))


def seconds_asked(text: str, digits: int = 5) -> float | None:
    """The seconds that a server asks to be left alone for, in a header such as `Retry-After`; a date, or what has more
    digits, is none.
    """
    return float(text) if text.isascii() and text.isdigit() and len(text) <= digits else None
