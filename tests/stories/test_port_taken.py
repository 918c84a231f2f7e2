"""A port that somebody else begins to listen on between Envoy's taking it and Envoy's listening on it."""

import socket

import pytest

from daemun.xds.messages import Response
from support.objects.documents import gateway, listener, prefix, route, rule
from support.scenes.world import World, until
from support.servers.ports import free_port


async def test_a_listener_that_envoy_gave_up_is_told_of_and_comes_when_its_port_is_free(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Envoy acknowledges such a listener, gives it up, and says so in its log alone."""
    await world.echo("a")
    world.write("gateway.yaml", gateway("gw", listener(world.port)))
    world.write("route.yaml", route("r", rule(prefix("/"), to="a")))
    await world.start()
    assert world.app is not None
    xds, port, encode = world.app.plane.xds, free_port(), Response.encode

    def held(response: Response) -> bytes:
        """What the new listener needs does not come: so long it has its port, and does not listen."""
        if any(one.name == f"port-{port}" for one in response.resources):
            xds._whole.clear()
        return encode(response)

    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        with monkeypatch.context() as patch:
            patch.setattr(Response, "encode", held)
            world.write("gateway.yaml", gateway("gw", listener(world.port), listener(port, "second")))
            await until(lambda: f"add/update listener 'port-{port}'" in world._logs())
            other.listen()
        xds._whole.set()
        told = await world.problem("Gateway default/gw", "Address already in use")
        assert world.condition("Gateway", "gw", "Programmed", "second")[0] == "False"
    await world.answered_by("a", port=port, seconds=60)
    await world.solved(told)
    assert world.condition("Gateway", "gw", "Programmed", "second")[0] == "True"
