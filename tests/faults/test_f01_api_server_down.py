"""F1: the API server is away.

It passes when a steady client has no failed request meanwhile, and when what is changed as soon as the API server is
back is served within 5 s. (The outage is half a minute instead of ten.)
"""

import asyncio
import time

from support.scenes.gate import Gate

OUTAGE = 30.0
CAUGHT_UP = 5.0


async def test_nothing_fails_and_changes_are_served_soon_after_its_return(gate: Gate) -> None:
    await gate.serve()
    gate.route("goes", "/goes")
    await gate.serves("goes", "/goes")
    [daemun] = gate.replicas
    with gate.steady():
        await asyncio.to_thread(gate.api.kill)
        await asyncio.sleep(OUTAGE)
        assert await daemun.ready(), "it is as ready as before: what it has is good"
        assert await gate.where("goes") == "/goes"
        await asyncio.to_thread(gate.api.start)
        back = time.monotonic()
        gate.route("comes", "/comes")
        gate.remove("goes")
        await gate.serves("comes", "/comes", CAUGHT_UP)
        await gate.serves("goes", "404", CAUGHT_UP)
        print(f"caught up {time.monotonic() - back:.1f} s after it was back")
