"""F3: the API server is slow: 5 s for each call, refusals (429), answers that break off, 4 KiB a second.

It passes when it is asked less and less often and not by all watches together, nothing piles up, what it does say is
served, and a steady client has no failed request.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import pairwise

import pytest

from support.api.doorman import Doorman, Request
from support.scenes.gate import Gate
from support.scenes.world import until

FLAT = 32 << 20


@pytest.fixture
async def doorman(gate: Gate) -> AsyncIterator[Doorman]:
    """Between the API server and who serves the gate."""
    async with Doorman(gate.api.client) as one:
        await gate.serve(one.kubeconfig(gate.folder / "config"))
        yield one


async def test_who_is_refused_asks_less_and_less_often_and_not_together_with_others(
    gate: Gate, doorman: Doorman
) -> None:
    with gate.steady():
        doorman.refuses = True
        doorman.requests.clear()
        doorman.expire()
        await until(lambda: min(map(len, _gaps(doorman.requests).values()), default=0) >= 6)
        gaps = [each[:6] for each in _gaps(doorman.requests).values()]
        # At least sixteen times as long, of which a busy machine may lengthen the first.
        assert all(each[5] > 2 * each[0] for each in gaps), gaps
        assert len({round(each[5], 2) for each in gaps}) > len(gaps) / 2, "all of them pause as long"
        doorman.refuses = False
        gate.route("comes", "/comes")
        await gate.serves("comes", "/comes")


async def test_what_breaks_off_comes_again(gate: Gate, doorman: Doorman) -> None:
    [daemun] = gate.replicas
    with gate.steady():
        breaks = await daemun.total("daemun_watch_breaks_total")
        doorman.breaks_after = 200
        kinds = doorman.watches
        doorman.expire()
        gate.route("comes", "/comes")

        async def broken() -> bool:
            return await daemun.total("daemun_watch_breaks_total") >= breaks + 3 * kinds

        await until(broken)
        assert await gate.where("comes") == "404", "half a line is not a route"
        doorman.breaks_after = 0
        await gate.serves("comes", "/comes")


async def test_a_slow_answer_is_waited_for_and_nothing_piles_up(gate: Gate, doorman: Doorman) -> None:
    [daemun] = gate.replicas
    memory = await daemun.total("process_resident_memory_bytes")
    with gate.steady():
        doorman.rate = 4096
        for number in range(10):
            gate.route("changes", f"/{number}")
            gate.route(f"other-{number}")
        await gate.serves("changes", "/9")
        await gate.serves("other-9", "/")
        doorman.pause = 5.0
        doorman.expire()
        gate.route("changes", "/on")
        await gate.serves("changes", "/on")
    assert await daemun.total("process_resident_memory_bytes") < memory + FLAT


def _gaps(requests: Sequence[Request]) -> Mapping[str, list[float]]:
    """By the path of each list, how long it took until it was asked for again."""
    times = defaultdict(list)
    for request in requests:
        if not request.watches and request.target.rsplit("/", 1)[-1] in {"httproutes", "services", "endpointslices"}:
            times[request.target].append(request.when)
    return {target: [after - before for before, after in pairwise(each)] for target, each in times.items()}
