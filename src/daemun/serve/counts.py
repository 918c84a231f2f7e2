"""What the xDS server did so far, for metrics."""

from collections import Counter

import msgspec

from daemun.ir import auth, quotas
from daemun.ir.resource import TYPES
from daemun.xds.messages import Request

_TYPES = frozenset((*TYPES, auth.CHAIN, quotas.LIMITS))
OTHER = "other"
"""What clients may say of types that are not served counts together: they can think of any number of them."""


class Counts(msgspec.Struct):
    """Streams, and what came back on them, by type of resource."""

    opened: int = 0
    closed: int = 0
    refused: int = 0
    """Streams of nobody that is known."""
    stuck: int = 0
    """Streams that were ended because their client did not answer any more, or took nothing of what was written."""
    acks: Counter[str] = msgspec.field(default_factory=Counter)
    nacks: Counter[str] = msgspec.field(default_factory=Counter)

    def heard(self, request: Request) -> None:
        """A client said something: perhaps that it took a response, or that it did not."""
        if request.response_nonce:
            answers = self.acks if request.error_detail is None else self.nacks
            answers[request.type_url.rpartition(".")[2] if request.type_url in _TYPES else OTHER] += 1
