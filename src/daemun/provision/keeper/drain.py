"""Let an Envoy finish what it has begun."""

import asyncio
import re
from collections.abc import Callable
from time import monotonic

from daemun.provision import admin

_STATS = "/stats?type=Gauges&usedonly&filter=downstream_(rq%7Ccx)_active$"
_GAUGE = re.compile(rb"^(http|listener)\.(.+)\.downstream_(rq|cx)_active: (\d+)$", re.MULTILINE)


def active(stats: bytes) -> int:
    """How much is under way: HTTP requests, and connections that are not HTTP. Idle keep-alive connections are not.

    Of the gauges of a listener only those of the whole are read, not those of its workers.
    """
    requests = connections = http = 0
    for kind, prefix, what, digits in _GAUGE.findall(stats):
        if prefix == b"admin" or prefix.startswith(b"admin.") or b".worker_" in prefix:
            continue
        if kind == b"listener":
            connections += int(digits)
        elif what == b"cx":
            http += int(digits)
        else:
            requests += int(digits)
    return requests + max(0, connections - http)


async def drain(path: str, pid: int, deadline: Callable[[], float]) -> bool:
    """Close the listeners of the Envoy `pid` and wait until nothing is under way; False when time ran out.

    New connections are refused from now on. Answers on old ones carry `Connection: close` or a GOAWAY, because the
    proxy fails its health check. `deadline` is asked again and again, so that a second stop can cut the wait short.
    """
    pause, steps = 0.01, ["/healthcheck/fail", "/drain_listeners"]
    while True:
        try:
            while steps:
                await admin.request(path, steps[0], method="POST", pid=pid, seconds=_left(deadline))
                del steps[0]
            if not active(await admin.request(path, _STATS, pid=pid, seconds=_left(deadline))):
                return True
        except admin.BusyError:
            pass  # it is asked again
        except admin.AdminError:
            return False  # it has ended: there is nothing to wait for
        if monotonic() >= deadline():
            return False
        await asyncio.sleep(min(pause, max(0.0, deadline() - monotonic())))
        pause = min(pause * 1.5, 0.2)


def _left(deadline: Callable[[], float]) -> float:
    return max(0.1, min(5.0, deadline() - monotonic()))
