"""What a stream tells the rest of the program: which configuration a proxy took, refused, or took after all."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from daemun.ir.origin import Origin


class Acked(msgspec.Struct, frozen=True):
    """The proxy has this resource at this version."""

    type_url: str
    resource: str
    version: str


class Rejected(msgspec.Struct, frozen=True):
    """Envoy refused the piece of configuration that came from `origin`; `message` is Envoy's own text.

    The proxy goes on with what it had of it, or with its fallback.
    """

    origin: Origin
    type_url: str
    resource: str
    message: str


class Restored(msgspec.Struct, frozen=True):
    """What was rejected from this origin is no longer a problem: Envoy took it, or it is not wanted any more."""

    origin: Origin
    type_url: str
    resource: str


class Drifted(msgspec.Struct, frozen=True):
    """The proxy may not have what it should, which is sent to it again.

    `why` is `unanswered` (in time), `different` (from what is wanted, though nothing is under way), or `unknown` (the
    proxy says that it has something else than it acknowledged last).
    """

    type_url: str
    resource: str
    why: Literal["unanswered", "different", "unknown"]

    @property
    def kind(self) -> str:
        """The type without its package."""
        return self.type_url.rpartition(".")[2]


def in_words(drift: Iterable[Drifted]) -> str:
    """The first of what has drifted, and how much more that is: a proxy may have lost all it had at once."""
    first, *others = sorted({f"{one.kind} {one.resource} ({one.why})" for one in drift})
    return f"{first} and {len(others)} more" if others else first


Event = Acked | Rejected | Restored | Drifted
