"""What only Envoy finds wrong with a policy: it is put out alone, and its author is told."""

from test_gloo_options import option, target

from support.objects.documents import gateway, listener, prefix, route, rule
from support.scenes.world import World, until

MISTAKEN = {"requestHeadersToAdd": [{"header": {"key": "x-mistaken", "value": "%NO_SUCH_VARIABLE(x)%"}}]}


async def test_of_a_virtual_host_option_only_the_field_is_put_out(world: World) -> None:
    await world.echo("a")
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    world.write("route.yaml", route("r", rule(to="a"), hosts=["a.test"]))
    await world.start()
    await world.answered_by("a", host="a.test")
    good = {"retries": {"retryOn": "5xx", "numRetries": 2}}
    world.write(
        "option.yaml", option("VirtualHostOption", "o", target("Gateway", "gw"), headerManipulation=MISTAKEN, **good)
    )
    problem = await world.problem("VirtualHostOption default/o", "spec.options.headerManipulation", "NO_SUCH_VARIABLE")
    assert (await world.answers(200, "/retry/one/2/503", host="a.test")).backend == "a"
    world.write("option.yaml", option("VirtualHostOption", "o", target("Gateway", "gw"), **good))
    await world.solved(problem)
    assert (await world.ask("/retry/two/2/503", host="a.test")).status == 200


async def test_of_a_route_option_its_routes_stay_as_they_were_and_both_are_told(world: World) -> None:
    await world.echo("a")
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    rules = [rule(prefix("/one"), to="a"), rule(prefix("/two"), to="a")]
    world.write("route.yaml", route("r", *rules, hosts=["a.test"]), route("other", rule(to="a"), hosts=["b.test"]))
    await world.start()
    assert world.app is not None
    await world.answered_by("a", "/one", host="a.test")
    world.write("option.yaml", option("RouteOption", "o", target("HTTPRoute", "r"), headerManipulation=MISTAKEN))
    words = ("RouteOption default/o", "NO_SUCH_VARIABLE")
    await until(lambda: [one for one in world.problems() if all(word in one for word in words)])
    assert not world.app.plane.translation.graph.failures
    assert (await world.ask("/one", host="a.test")).backend == "a"
    assert (await world.ask("/", host="b.test")).backend == "a"


async def test_a_policy_that_envoy_rejects_on_a_port_is_told_and_the_port_serves_on(world: World) -> None:
    await world.echo("a")
    world.write("g.yaml", gateway("gw", listener(world.port)), route("r", rule(to="a")))
    await world.start()
    log = {"accessLog": [{"fileSink": {"path": "/nowhere/at/all"}}]}
    path = world.write("o.yaml", option("ListenerOption", "o", target("Gateway", "gw"), accessLoggingService=log))
    problem = await world.problem("ListenerOption default/o", "unable to open file '/nowhere/at/all'")
    assert (await world.ask("/")).backend == "a"
    path.unlink()
    await world.solved(problem)
