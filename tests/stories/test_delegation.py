"""Routes that delegate to routes: a platform team has the hosts, other teams have what is below their paths."""

from typing import Any

from daemun.report.summary import RouteLine
from support.objects.documents import gateway, listener, prefix, reference, regex, route, rule, use
from support.scenes.world import World, load, until

Doc = dict[str, Any]
INHERIT = "delegation.gateway.solo.io/inherit-parent-matcher"


def to_routes(name: str) -> Doc:
    """What stands where backends do."""
    return reference(name, group="gateway.networking.k8s.io", kind="HTTPRoute")


def delegatee(name: str, *rules: Doc, **annotations: str) -> Doc:
    """A route that anybody may delegate to."""
    found = route(name, *rules, parents=())
    if annotations:
        found["metadata"]["annotations"] = {INHERIT: annotations["inherits"]}
    return found


async def _shop(world: World) -> None:
    await world.echo("a", "b", "team/cart", "team/offers")
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    root = route("root", rule(prefix("/shop"), to=[to_routes("team/*")]), rule(to="a"), hosts=["shop.example"])
    world.write("root.yaml", root)
    world.write("team/cart.yaml", delegatee("team/cart", rule(prefix("/shop/cart"), to="team/cart")))
    await world.start()


async def test_a_team_has_what_is_below_its_path(world: World) -> None:
    await _shop(world)
    at = {"host": "shop.example"}
    assert (await world.ask("/shop/cart/1", **at)).backend == "cart"
    # Whole path elements, and what nobody has goes on to the next rule that fits.
    assert (await world.ask("/shop/cartoon", **at)).backend == "a"
    assert (await world.ask("/shop", **at)).backend == "a"
    # Hosts are the root's.
    assert (await world.ask("/shop/cart", host="other.example")).status == 404

    async with load(lambda: world.ask("/shop/cart", **at)) as steady:
        world.write(
            "team/offers.yaml", delegatee("team/offers", rule(prefix("/offers"), to="team/offers"), inherits="yes")
        )
        await world.answered_by("offers", "/shop/offers", **at)
        world.write("team/cart.yaml", delegatee("team/cart", rule(prefix("/shop/cart"), to="team/offers")))
        await world.answered_by("offers", "/shop/cart", **at)
        (world.folder / "team/offers.yaml").unlink()
        await world.answered_by("a", "/shop/offers", **at)
    assert steady.failed() == []
    line = next(one for one in reversed(world.lines) if isinstance(one, RouteLine) and one.name == "cart")
    assert (line.state, line.hostnames, line.gateways) == ("ready", ("shop.example",), ("default/gw",))


async def test_the_one_who_delegates_has_the_last_word(world: World) -> None:
    await _shop(world)
    at = {"host": "shop.example"}
    filters = [
        use("RequestHeaderModifier", set=[{"name": "x-by", "value": "root"}]),
        use("URLRewrite", path={"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}),
    ]
    root = rule(prefix("/shop"), to=[to_routes("team/*")], filters=filters)
    world.write("root.yaml", route("root", root, hosts=["shop.example"]))
    own = [use("RequestHeaderModifier", set=[{"name": "x-by", "value": "cart"}, {"name": "x-own", "value": "1"}])]
    world.write("team/cart.yaml", delegatee("team/cart", rule(prefix("/shop/cart"), to="team/cart", filters=own)))

    async def both() -> bool:
        got = await world.ask("/shop/cart/1?q=/shop", **at)
        return (got.seen["path"], got.sent("x-by"), got.sent("x-own")) == ("/cart/1?q=/shop", ["root"], ["1"])

    await until(both)


async def test_nobody_gets_out_of_what_is_delegated(world: World) -> None:
    await _shop(world)
    at = {"host": "shop.example"}
    # One alternative of the expression is elsewhere, and so is one of the matches.
    rules = [rule(regex("/shop/x|/admin"), to="team/cart"), rule(prefix("/admin"), to="team/cart")]
    world.write("team/cart.yaml", delegatee("team/cart", *rules))
    await world.answered_by("cart", "/shop/x", **at)
    assert (await world.ask("/admin", **at)).backend == "a"
    await world.problem("spec.rules[1].matches[0]", "nothing gets there")


async def test_what_is_wrong_is_said_where_it_is_wrong(world: World) -> None:
    await _shop(world)
    at = {"host": "shop.example"}
    # A host of its own: then it is for itself.
    hosts = delegatee("team/cart", rule(prefix("/shop/cart"), to="team/cart"))
    hosts["spec"]["hostnames"] = ["cart.example"]
    world.write("team/cart.yaml", hosts)
    problem = await world.problem("HTTPRoute team/cart", "spec.hostnames must be unset")
    await world.answered_by("a", "/shop/cart", **at)
    # Nobody at all: the one who delegates says so, and mends it.
    (world.folder / "team/cart.yaml").unlink()
    await world.solved(problem)
    problem = await world.problem("HTTPRoute default/root", "unresolved reference")
    world.write("team/cart.yaml", delegatee("team/cart", rule(prefix("/shop/cart"), to="team/cart")))
    await world.solved(problem)
    await world.answered_by("cart", "/shop/cart", **at)
