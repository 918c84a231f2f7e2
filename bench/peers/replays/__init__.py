"""What is measured of every peer. A new one is a file and a line in ALL.

The names and questions are those of gateway-api-bench, by John Howard; the code is not.
"""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from bench.peers.replays import attached, churn, failover, flips, listener_sets, propagation, restart, scale, traffic
from bench.peers.world import World


class Replay(NamedTuple):
    """A benchmark. `at` is the place of its size in the list of sizes; None is all of them."""

    name: str
    measure: Callable[[World], Awaitable[dict[str, Any]]]
    at: int | None = None


TOGETHER = {"traffic": traffic.measure}
"""Those of proxies alone: control planes rest, so that all peers can take turns."""
ALL = (
    Replay("failover", failover.measure, at=0),
    Replay("flips", flips.measure, at=0),
    Replay("listener_sets", listener_sets.measure, at=0),
    Replay("attached", attached.measure, at=0),
    Replay("propagation", propagation.idle),
    Replay("propagation_under_load", propagation.under_load),
    Replay("scale", scale.measure),
    Replay("restart", restart.measure, at=1),
    Replay("churn", churn.measure, at=0),
)
