"""Stories of templates that are wrong: who is told, what is closed, and what comes back."""

from support.objects.documents import Doc, gateway, listener, prefix, route, rule
from support.scenes.world import World, until


def option(template: str) -> Doc:
    """A policy for route `bad`, with this template for a header."""
    headers = {"passthrough": {}, "headers": {"x-a": {"text": template}}}
    stages = {"regular": {"requestTransforms": [{"requestTransformation": {"transformationTemplate": headers}}]}}
    target = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "bad"}
    spec = {"targetRefs": [target], "options": {"stagedTransformations": stages}}
    return {"apiVersion": "gateway.solo.io/v1", "kind": "RouteOption", "metadata": {"name": "bad"}, "spec": spec}


async def test_a_template_that_cannot_be_read_closes_its_route_until_it_is_mended(world: World) -> None:
    await world.echo("a")
    world.write("gate.yaml", gateway("gw", listener(world.port)))
    world.write("good.yaml", route("good", rule(prefix("/good"), to="a")))
    world.write("bad.yaml", route("bad", rule(prefix("/bad"), to="a")), option("a\n {{ b"))
    await world.start(clean=False)
    await world.problem("bad.yaml:36: RouteOption", "headers.x-a.text: line 2, column 6: expected the end of {{")
    assert (await world.ask("/bad")).status == 500
    assert (await world.ask("/good")).status == 200
    world.write("bad.yaml", route("bad", rule(prefix("/bad"), to="a")), option("{{ 1 }}"))

    async def transformed() -> bool:
        answer = await world.ask("/bad")
        return answer.status == 200 and answer.sent("x-a") == ["1"]

    await until(transformed)
    assert (await world.ask("/good")).sent("x-a") == []
