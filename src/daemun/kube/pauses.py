"""How long to wait before trying again: longer each time, and not for as long as everybody else."""

_MOST_DOUBLINGS = 16


def growing(attempt: int, first: float, longest: float, jitter: float) -> float:
    """Seconds to wait after the last of so many failures in a row: up to `first`, doubled each time, up to `longest`.

    `jitter`, between 0 and 1, draws it from the upper half of that, so that many clients of one server do not come back
    together.
    """
    return min(longest, first * 2.0 ** min(attempt - 1, _MOST_DOUBLINGS)) * (0.5 + jitter / 2)
