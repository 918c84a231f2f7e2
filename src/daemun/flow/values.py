"""The words that collections and their deltas are written in."""

from collections.abc import Hashable
from enum import Enum
from typing import Final, TypeAlias, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
I = TypeVar("I", bound=Hashable)  # noqa: E741 - index value; K and V are taken


class Missing(Enum):
    """The value of a key that is not there, so that None stays an ordinary value."""

    MISSING = "missing"

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing.MISSING

Delta: TypeAlias = dict[K, tuple[V | Missing, V | Missing]]
"""What changed in a batch: key to (old, new)."""

STEP = 16
"""How many rules run until it is asked whether to rest."""
LIGHT_STEP = 512
"""The same for entries that are only moved."""
