"""What Daemun's server of authorization says it cannot do is in the status of the policy that wants it."""

import pytest

from daemun.report.journal import ProxyLine
from support.objects.auth import api_key, auth_config, basic, users
from support.objects.documents import gateway, listener, prefix, route, rule
from support.scenes.world import World, until

POLICY = """
apiVersion: gateway.solo.io/v1
kind: RouteOption
metadata: {name: o, namespace: default}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}]
  options: {extauth: {configRef: {name: who}}}
"""


@pytest.fixture
async def scene(world: World) -> World:
    await world.echo("a")
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    world.write("route.yaml", route("r", rule(prefix("/"), to="a")))
    world.write("option.yaml", POLICY)
    world.write("key.yaml", api_key("key", "N2YwMDIx"))
    return world


async def test_a_plug_in_that_is_not_there_is_told_and_mended(scene: World) -> None:
    plug_in = {"name": "mine", "pluginAuth": {"name": "absent", "config": {}}}
    scene.write("auth.yaml", auth_config("who", plug_in))
    await scene.start(clean=False)
    told = await until(lambda: [one for one in scene.problems() if "plug-in absent" in one])
    assert "AuthConfig default/who" in told[0]
    assert "the authorization server rejected it" in told[0]
    assert (await scene.ask()).status == 500
    scene.write("auth.yaml", auth_config("who", users("ann")))
    await scene.answers(200, headers=basic("ann", "secret"))
    await until(lambda: not scene.problems())


async def test_what_the_server_complains_of_is_told(scene: World) -> None:
    """Who is asked is at a loopback address, which nobody has allowed."""
    scene.write("auth.yaml", auth_config("who", {"passThroughAuth": {"http": {"url": "http://127.0.0.1:1/"}}}))
    await scene.start()
    await scene.answers(500)
    told = await until(lambda: [one for one in scene.lines if isinstance(one, ProxyLine) and one.what == "complained"])
    assert "127.0.0.1 is this machine's own, which is not allowed" in told[0].text
    assert told[0].text.endswith("--allow-address allows it.")


async def test_what_was_good_goes_on_while_its_successor_cannot_be(scene: World) -> None:
    scene.write("auth.yaml", auth_config("who", users("ann")))
    await scene.start()
    await scene.answers(200, headers=basic("ann", "secret"))
    scene.write("auth.yaml", auth_config("who", {"name": "mine", "pluginAuth": {"name": "absent", "config": {}}}))
    await until(lambda: [one for one in scene.problems() if "plug-in absent" in one])
    assert (await scene.ask(headers=basic("ann", "secret"))).status == 200
    assert (await scene.ask()).status == 401
