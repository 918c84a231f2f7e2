"""Run before a proxy's pod ends: let it finish what it has begun.

    python3 -m daemun.provision.kube.drain SOCKET SECONDS

While the pod's end spreads through the cluster, new connections still arrive: so first the proxy only says on every
connection that it should be the last, then it takes no new ones, then what is under way is waited for.
"""

import asyncio
import contextlib
import sys
from time import monotonic

from daemun.provision import admin
from daemun.provision.keeper.drain import drain

SPREADING_SECONDS = 10.0
"""How long it takes until nobody sends new connections to a pod that is to end: kube-proxy on every node, also a busy
one, and load balancers that ask a node every few seconds whether it still has a proxy."""


async def run(path: str, seconds: float, spreading: float = SPREADING_SECONDS) -> bool:
    """Drain the Envoy whose admin socket this is; False when something was still under way at the end."""
    deadline = monotonic() + seconds
    with contextlib.suppress(admin.AdminError):  # who is asked in vain may still serve: nothing is cut short
        await admin.request(path, "/healthcheck/fail", method="POST")
    await asyncio.sleep(min(spreading, seconds / 2))
    return await drain(path, 0, lambda: deadline)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], float(sys.argv[2])))
