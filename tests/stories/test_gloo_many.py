"""Gloo's option policies where hosts and routes are many: in shards, in the directory, and by both."""

import pytest
from test_gloo_options import SHOP, having, option, target

from support.objects.documents import gateway, listener, prefix, route, rule
from support.scenes.world import World
from support.worlds.crowds import thresholds

FOREIGN = {"origin": "http://evil.example"}


@pytest.mark.parametrize("host", ["crowd.test", "x.wild.test", "deep.x.wild.test"])
async def test_options_of_hosts_and_routes(world: World, host: str) -> None:
    with thresholds(1, 1):
        await world.echo("a")
        world.write("gateway.yaml", gateway("gw", listener(world.port)))
        rules = [
            rule(prefix("/free"), to="a", filters=[having("free")]),
            rule(prefix("/one"), to="a"),
            rule(prefix("/"), to="a", filters=[having("abort")]),
        ]
        hosts = ["crowd.test", "*.wild.test", "*.other.test"]
        for number, one in enumerate(rules):
            world.write(f"route-{number}.yaml", route(f"r{number}", one, hosts=hosts))
        csrf = {"filterEnabled": {"defaultValue": {"numerator": 100}}}
        cors = {"allowOrigin": [SHOP], "allowMethods": ["GET"]}
        added = {"requestHeadersToAdd": [{"header": {"key": "x-host", "value": "host"}}]}
        world.write(
            "options.yaml",
            option("VirtualHostOption", "o", target("Gateway", "gw"), csrf=csrf, cors=cors, headerManipulation=added),
            option("RouteOption", "free", csrf={}),
            option("RouteOption", "abort", faults={"abort": {"percentage": 100, "httpStatus": 418}}),
        )
        await world.start()
        assert (await world.ask("/one", "POST", host=host, headers=FOREIGN)).status == 403
        got = await world.ask("/one", host=host, headers={"origin": SHOP})
        assert got.sent("x-host") == ["host"]
        assert got.headers["access-control-allow-origin"] == SHOP
        assert (await world.ask("/free", "POST", host=host, headers=FOREIGN)).backend == "a"
        assert (await world.ask("/else", host=host)).status == 418
        guarded = option("VirtualHostOption", "o", target("Gateway", "gw"), waf={"requestHeadersOnly": True})
        (world.folder / "options.yaml").unlink()
        world.write("guarded.yaml", guarded)
        await world.answers(500, "/one", host=host)
