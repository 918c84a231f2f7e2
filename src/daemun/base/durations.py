"""Gateway API durations: `1h30m`, `500ms`, `0s` (GEP-2257)."""

import re

_PART = re.compile(r"([0-9]{1,5})(h|ms|m|s)")
_MILLISECONDS = {"h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}


def milliseconds(text: str) -> int:
    """A duration, already checked against GEP-2257's pattern, in milliseconds."""
    return sum(int(amount) * _MILLISECONDS[unit] for amount, unit in _PART.findall(text))
