"""Stories of transformations in classic objects: of a VirtualService, its routes, and their destinations."""

import yaml

from support.objects.documents import Doc
from support.scenes.world import World, until


def stage(**headers: str) -> Doc:
    """A stage that sets headers of requests."""
    found = {name.replace("_", "-"): {"text": text} for name, text in headers.items()}
    template = {"passthrough": {}, "headers": found}
    return {"requestTransforms": [{"requestTransformation": {"transformationTemplate": template}}]}


def options(**stages: Doc | bool) -> Doc:
    """Options with these stages."""
    return {"stagedTransformations": stages}


def to(name: str) -> Doc:
    """A destination."""
    return {"kube": {"ref": {"name": name, "namespace": "default"}, "port": 80}}


def service(name: str, own: Doc, *routes: Doc) -> Doc:
    """A VirtualService for the domain of its name."""
    host = {"domains": [f"{name}.test"], "options": own, "routes": list(routes)}
    meta = {"name": name, "namespace": "gloo-system"}
    return {
        "apiVersion": "gateway.solo.io/v1",
        "kind": "VirtualService",
        "metadata": meta,
        "spec": {"virtualHost": host},
    }


def route(path: str, **fields: Doc) -> Doc:
    """A route by prefix."""
    return {"matchers": [{"prefix": path}], "routeAction": {"single": to("a")}, **fields}


async def test_those_of_a_service_are_there_without_any_of_a_route_and_give_way_to_them(world: World) -> None:
    await world.echo("a")
    meta = {"name": "gateway-proxy", "namespace": "gloo-system"}
    spec = {"bindPort": world.port, "httpGateway": {}, "proxyNames": ["gateway-proxy"]}
    gate = {"apiVersion": "gateway.solo.io/v1", "kind": "Gateway", "metadata": meta, "spec": spec}
    own = options(early=stage(x_early="host"), regular=stage(x_regular="host"))
    world.write("gate.yaml", yaml.safe_dump(gate), yaml.safe_dump(service("one", own, route("/"))))
    await world.start(clean=False)
    got = await world.ask("/", host="one.test")
    assert (got.sent("x-early"), got.sent("x-regular")) == (["host"], ["host"])

    shares = {
        "multi": {
            "destinations": [
                {"weight": 1, "destination": to("a"), "options": options(regular=stage(x_regular="share"))}
            ]
        }
    }
    routes = (
        route("/mine", options=options(regular=stage(x_regular="route"))),
        route("/both", options=options(inheritTransformation=True, regular=stage(x_regular="route"))),
        route("/share", options=options(regular=stage(x_regular="route")), routeAction=shares),
    )
    world.write("two.yaml", yaml.safe_dump(service("two", own, *routes)))

    async def served() -> bool:
        return (await world.ask("/share", host="two.test")).status == 200

    await until(served)
    expected = {"/mine": ([], ["route"]), "/both": (["host"], ["route"]), "/share": ([], ["share"])}
    for path, sent in expected.items():
        got = await world.ask(path, host="two.test")
        assert (got.sent("x-early"), got.sent("x-regular")) == sent


async def test_a_route_table_s_come_before_those_of_who_delegates_to_it_and_of_the_service(world: World) -> None:
    def only(who: str) -> Doc:
        held = stage(x_who=who)
        held["requestTransforms"][0]["matcher"] = {"prefix": "/", "headers": [{"name": f"x-{who}"}]}
        return options(inheritTransformation=True, regular=held)

    await world.echo("a")
    meta = {"name": "gateway-proxy", "namespace": "gloo-system"}
    spec = {"bindPort": world.port, "httpGateway": {}, "proxyNames": ["gateway-proxy"]}
    gate = {"apiVersion": "gateway.solo.io/v1", "kind": "Gateway", "metadata": meta, "spec": spec}
    delegates = {
        "matchers": [{"prefix": "/down"}],
        "delegateAction": {"ref": {"name": "table", "namespace": "gloo-system"}},
        "options": only("parent"),
    }
    table = gate | {
        "kind": "RouteTable",
        "metadata": {"name": "table", "namespace": "gloo-system"},
        "spec": {"routes": [route("/down", options=only("table"))]},
    }
    one = service("one", options(regular=stage(x_who="host")), delegates)
    world.write("all.yaml", *map(yaml.safe_dump, (gate, one, table)))
    await world.start(clean=False)
    for headers, who in (
        ({"x-table": "1", "x-parent": "1"}, "table"),
        ({"x-parent": "1"}, "parent"),
        ({"x-other": "1"}, "host"),
    ):
        assert (await world.ask("/down", host="one.test", headers=headers)).sent("x-who") == [who]
