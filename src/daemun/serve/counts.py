"""What the xDS server did so far, for metrics."""

from collections import Counter

import msgspec

from daemun.xds.messages import Request


class Counts(msgspec.Struct):
    """Streams, and what came back on them, by type of resource."""

    opened: int = 0
    closed: int = 0
    refused: int = 0
    """Streams of nobody that is known."""
    stuck: int = 0
    """Streams that were ended because their client did not answer any more."""
    acks: Counter[str] = msgspec.field(default_factory=Counter)
    nacks: Counter[str] = msgspec.field(default_factory=Counter)

    def heard(self, request: Request) -> None:
        """A client said something: perhaps that it took a response, or that it did not."""
        if request.response_nonce:
            answers = self.acks if request.error_detail is None else self.nacks
            answers[request.type_url.rpartition(".")[2]] += 1
