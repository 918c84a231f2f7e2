"""gRPC servers that are asked which services they have (gRPC server reflection)."""

from typing import NamedTuple


class Asked(NamedTuple):
    """Where one Upstream's servers are, any of which may answer: hosts or addresses, with ports."""

    targets: tuple[tuple[str, int], ...]
