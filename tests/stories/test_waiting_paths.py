"""A host with many routes, to which one is added whose rules are in several scopes and of which one waits."""

import pytest

from support.objects.documents import gateway, listener, prefix, route, rule, to_upstream
from support.scenes.world import World, load
from support.servers.slow import Slow
from support.worlds.crowds import thresholds

HOST = "crowded.example"


@pytest.mark.asyncio
async def test_what_is_meant_for_a_rule_that_waits_is_not_answered_by_a_broader_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemun.serve.server.HOLD", 240.0)
    await world.echo("a", "b")
    slow = Slow("slow")
    await slow.start()
    world.closing(slow.stop)
    with thresholds(routes=2):
        world.write("gateway.yaml", gateway("gw", listener(world.port)))
        for name in "pqr":
            world.write(f"{name}.yaml", route(name, rule(prefix(f"/{name}"), to="a"), hosts=[HOST]))
        await world.start()
        await world.answered_by("a", "/p", host=HOST)
        async with load(lambda: world.ask("/new/one", host=HOST)) as asked:
            rules = rule(prefix("/"), to="b"), rule(prefix("/new/one"), to=[to_upstream("slow")])
            world.write("new.yaml", slow.upstream(), route("new", *rules, hosts=[HOST]))
            await slow.asked.wait()
            await asked.more(50)
            slow.ready.set()
            await world.answered_by("slow", "/new/one", host=HOST)
            await world.answered_by("b", "/other", host=HOST)
        assert {getattr(one, "backend", one) for one in asked.answers} == {"", "slow"}
        assert {getattr(one, "status", one) for one in asked.answers} == {404, 200}
