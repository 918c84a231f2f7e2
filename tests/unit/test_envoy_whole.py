"""Hosts speak to the filters for all requests of a port just where it has some."""

import pytest
from test_envoy_readers import GATE, UPSTREAMS, option, processed

from daemun.ir.resource import LISTENER, SCOPE, Side
from daemun.translate import Translation
from support.objects.cases import objects, translation
from support.objects.documents import Doc, gateway, listener, prefix, route, rule, service
from support.scenes.world import manifest

ANOTHER = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw", "sectionName": "http-8081"}


def _world(*more: Doc, path: str = "/") -> Translation:
    every = route("r", rule(prefix(path), to="a"), hosts=("hit.test", "*.wild.test"))
    ports = gateway("gw", listener(8080, name="http-8080"), listener(8081, name="http-8081"))
    return translation(objects(manifest(ports, every, service("a", 9), *UPSTREAMS, *more)))


def _sides(made: Translation, type_url: str, port: int) -> set[Side | None]:
    """The sides of a port: of its listener, or of what its host says."""
    found = set()
    for key, one in made.resources.data.items():
        if key.type_url == type_url and key.resource in {f"port-{port}", f"{port}/hit.test"}:
            found |= {leaf.side for leaf in one.leaves if leaf.identity == b"whole" or type_url == LISTENER}
    return found


def _of(port: int, on: bool) -> Side:
    return Side(f"port-{port}/whole", on)


@pytest.mark.parametrize(
    "brings",
    [processed(), option("HttpListenerOption", GATE, wasm={"filters": [{"filePath": "/a.wasm"}]})],
    ids=["a processor", "a plug-in"],
)
def test_where_there_are_some_hosts_speak(brings: Doc) -> None:
    made = _world(brings)
    assert _sides(made, LISTENER, 8080) == {_of(8080, on=True)}
    assert _sides(made, SCOPE, 8080) == {None}


def test_where_there_are_none_they_are_quiet() -> None:
    made = _world()
    assert _sides(made, LISTENER, 8080) == {None}
    assert _sides(made, SCOPE, 8080) == {_of(8080, on=False)}


def test_each_port_by_itself() -> None:
    alone = processed()
    alone["spec"]["targetRefs"] = [ANOTHER]
    made = _world(alone)
    assert _sides(made, SCOPE, 8080) == {_of(8080, on=False)}
    assert _sides(made, SCOPE, 8081) == {None}
    assert _sides(made, LISTENER, 8080) == {None}
    assert _sides(made, LISTENER, 8081) == {_of(8081, on=True)}
