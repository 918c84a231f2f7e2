"""WebSockets that a listener or a route does not want, for hosts whose route is found at once, and for all others."""

import pytest
import pytest_asyncio

from support.clients.client import websocket
from support.objects.documents import Doc, exact, gateway, listener, prefix, route, rule, values
from support.scenes.world import World
from support.servers.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")
_OFF = [{"websocket": {"enabled": False}}]
_ON = [{"websocket": {}}]
_HOSTS = {"exact": "one.example.com", "wildcard": "*.wild.example.com", "any": ""}
_ASKED = {"exact": "one.example.com", "wildcard": "x.wild.example.com", "any": "other.org"}
_SPECIAL = exact("/ws", queryParams=values(special="yes"))


def option(kind: str, name: str, target: Doc, **options: object) -> Doc:
    """A policy of Gloo's for one thing."""
    spec = {"targetRefs": [{"group": "gateway.networking.k8s.io", **target}], "options": options}
    return {"apiVersion": "gateway.solo.io/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def special(name: str, host: str, section: str, upgrades: list[Doc]) -> list[Doc]:
    """A route at one of the ports that says itself which upgrades there are."""
    made = route(name, rule(_SPECIAL, to="a"), hosts=[host] if host else [], parents=[{"name": "gw"}])
    made["spec"]["parentRefs"][0]["sectionName"] = section
    return [made, option("RouteOption", name, {"kind": "HTTPRoute", "name": name}, upgrades=upgrades)]


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def off(shared: World) -> int:
    """A port where WebSockets are off, beside one where they are on; at both a route of each host says otherwise."""
    port = free_port()
    await shared.echo("a")
    target = {"kind": "Gateway", "name": "gw", "sectionName": "off"}
    shared.write(
        "gw.yaml",
        gateway("gw", listener(shared.port, "on"), listener(port, "off")),
        option("HttpListenerOption", "off", target, httpConnectionManagerSettings={"upgrades": _OFF}),
    )
    for what, host in _HOSTS.items():
        plain = route(what, rule(prefix("/"), to="a"), hosts=[host] if host else [])
        shared.write(f"{what}.yaml", plain, *special(f"{what}-1", host, "on", _OFF))
        shared.write(f"{what}-2.yaml", *special(f"{what}-2", host, "off", _ON))
    await shared.start()
    return port


@pytest.mark.parametrize("what", _HOSTS)
@pytest.mark.parametrize("at", ["on", "off"])
@pytest.mark.parametrize("path", ["/ws", "/ws?special=yes"])
async def test_listeners_and_their_routes_say_whether_there_are_any(
    shared: World, off: int, what: str, at: str, path: str
) -> None:
    port = off if at == "off" else shared.port
    got, frame = await websocket(port, path, "hello", host=_ASKED[what])
    wanted = (at == "on") != ("special" in path)
    assert (got.status, frame) == ((101, "hello") if wanted else (403, ""))
    plain = await shared.ask(path, port=port, host=_ASKED[what])
    assert plain.status == 200, "who asks for no upgrade is served"
