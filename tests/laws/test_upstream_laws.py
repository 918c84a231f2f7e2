"""What an Upstream costs: one cluster for all its routes, and of a change of it just that cluster."""

from typing import Any

from daemun.api.decode import decode
from daemun.base.names import GATEWAY, GLOO, Ref
from daemun.flow import Delta
from daemun.ir.resource import CLUSTER, ENDPOINT, Part, PartKey
from daemun.translate import Translation
from support.cases import translation
from support.documents import Doc, gateway, hosts, listener, route, rule, to_upstream, upstream

ROUTES = 1000
SHARED = Ref(GLOO, "Upstream", "default", "shared")


def thing(document: Doc) -> tuple[Ref, Any]:
    decoded = decode(document)
    assert decoded is not None
    assert decoded.value is not None, decoded.problems
    return decoded.ref, decoded.value


def many() -> Translation:
    routes = [
        route(f"r{number}", rule(to=[to_upstream("shared")]), hosts=[f"h{number}.example.com"])
        for number in range(ROUTES)
    ]
    documents = [gateway("gw", listener(8080)), upstream("shared", static=hosts(80)), *routes]
    return translation(dict(map(thing, documents)))


def of_type(made: Translation, type_url: str) -> list[str]:
    return [key.resource for key in made.resources if key.type_url == type_url]


def test_one_upstream_is_one_cluster_and_its_change_touches_nothing_else() -> None:
    made = many()
    assert of_type(made, CLUSTER) == ["upstream/default/shared"]
    touched: list[PartKey] = []
    routes: list[Ref] = []

    def on_parts(delta: Delta[PartKey, Part]) -> None:
        touched.extend(delta)

    made.resources.subscribe(on_parts)
    made.routes.subscribe(routes.extend)
    touched.clear()
    routes.clear()

    made.apply([thing(upstream("shared", static=hosts(80), connectionConfig={"connectTimeout": "1s"}))])
    assert [(one.type_url, one.resource) for one in touched] == [(CLUSTER, "upstream/default/shared")]
    touched.clear()
    made.apply([thing(upstream("shared", static=hosts(80, 81), connectionConfig={"connectTimeout": "1s"}))])
    assert [(one.type_url, one.resource) for one in touched] == [(ENDPOINT, "upstream/default/shared")]
    assert routes == [], "no route is resolved anew"


def test_one_that_becomes_unusable_takes_its_routes_along_and_back() -> None:
    made = many()
    ref = Ref(GATEWAY, "HTTPRoute", "default", "r7")
    made.apply([thing(upstream("shared"))])
    assert of_type(made, CLUSTER) == []
    assert made.routes[ref].not_resolved[0].reason == "BackendNotFound"
    made.apply([thing(upstream("shared", static=hosts(80)))])
    assert of_type(made, CLUSTER) == ["upstream/default/shared"]
    assert made.routes[ref].not_resolved == ()
    made.apply([(SHARED, None)])
    assert of_type(made, CLUSTER) == []
