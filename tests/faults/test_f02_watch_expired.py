"""F2: a watch is too old (410 Gone): the API server says so when it begins, or by an ERROR event while it runs.

It passes when every kind is listed just once more, only differences are taken, no proxy is told to give anything up,
and a steady client has no failed request.
"""

from support.api.doorman import Doorman
from support.scenes.gate import Gate
from support.scenes.world import until


async def test_an_error_event_within_every_watch_is_one_list_each_and_no_news(gate: Gate) -> None:
    async with Doorman(gate.api.client) as doorman:
        await gate.serve(doorman.kubeconfig(gate.folder / "config"))
        [daemun] = gate.replicas
        before = await daemun.figures("daemun_watch_lists_total")
        acks, removed = await daemun.total("daemun_xds_acks_total"), await gate.removed()

        async def listed(times: int) -> bool:
            return await daemun.figures("daemun_watch_lists_total") == {
                kind: lists + times for kind, lists in before.items()
            }

        watches = doorman.watches
        assert watches >= len(before), "every kind is watched"
        with gate.steady():
            doorman.expire()
            await until(lambda: listed(1))
            assert await daemun.total("daemun_xds_acks_total") == acks, "a list without news sends nothing"
            await until(lambda: doorman.watches == watches)
            doorman.expire()
            gate.route("comes", "/comes")
            await gate.serves("comes", "/comes")
            await until(lambda: listed(2))
            gate.route("comes", "/on")
            await gate.serves("comes", "/on")
            assert await listed(2), "what happens afterwards comes by the watch"
        assert await gate.removed() == removed


async def test_versions_that_are_too_old_to_begin_with_are_listed_again(gate: Gate) -> None:
    async with Doorman(gate.api.client) as doorman:
        await gate.serve(doorman.kubeconfig(gate.folder / "config"))
        [daemun] = gate.replicas
        lists, removed = await daemun.total("daemun_watch_lists_total"), await gate.removed()
        with gate.steady():
            doorman.expired = True
            kinds = doorman.watches
            doorman.expire()

            async def listed() -> bool:
                return await daemun.total("daemun_watch_lists_total") >= lists + 2 * kinds

            await until(listed)
            gate.route("comes", "/comes")
            await gate.serves("comes", "/comes")
            doorman.expired = False
            gate.route("comes", "/on")
            await gate.serves("comes", "/on")
        assert await gate.removed() == removed
