"""F4: a watch falls silent: its connection stays open, and nothing comes any more.

It passes when that is noticed within 60 s, what happened meanwhile is not missed, and a steady client has no failed
request. A watch that is well says something sooner, though nothing happens; otherwise each would begin again in vain.
"""

from daemun.sources.kube.backoff import Pace
from daemun.sources.kube.reflector import WATCH_SECONDS
from support.api.doorman import Doorman
from support.scenes.gate import Gate

NOTICED = 60.0


async def test_what_happened_in_silence_is_served_within_a_minute(gate: Gate) -> None:
    async with Doorman(gate.api.client) as doorman:
        await gate.serve(doorman.kubeconfig(gate.folder / "config"))
        [daemun] = gate.replicas
        lists = await daemun.total("daemun_watch_lists_total")
        with gate.steady():
            doorman.stall()
            gate.route("missed", "/missed")
            await gate.serves("missed", "/missed", NOTICED)
        assert await daemun.total("daemun_watch_lists_total") == lists, "the watch goes on where it was"
        assert await gate.removed() == 0


def test_a_watch_that_is_well_is_not_mistaken_for_a_silent_one() -> None:
    assert WATCH_SECONDS[1] < Pace().silence < NOTICED
