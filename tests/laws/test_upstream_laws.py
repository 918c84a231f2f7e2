"""Upstreams obey the laws of the translation, and cost one cluster for all their routes."""

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from daemun.api.decode import decode
from daemun.base.names import GATEWAY, GLOO, Ref
from daemun.flow import Delta
from daemun.gatewayapi.settings import Settings
from daemun.ir.resource import CLUSTER, ENDPOINT, Part, PartKey
from daemun.translate import Translation
from support.checks.rebuilt import equals_rebuilt, same_in_any_order
from support.envoys import envoy
from support.objects.cases import translation
from support.objects.documents import Doc, gateway, hosts, listener, route, rule, to_upstream, upstream
from support.worlds import CORE, change
from support.worlds.upstreams import GATE, ROUTE, anything

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


histories = st.lists(st.lists(st.tuples(anything, st.integers(0, 5)), min_size=1, max_size=8), min_size=1, max_size=6)


@given(histories)
def test_incremental_equals_rebuilt(history: list[Any]) -> None:
    equals_rebuilt([[(GATE, 1)], *history], Settings())


@given(st.lists(anything, max_size=14), st.randoms(use_true_random=False))
def test_the_order_in_which_objects_come_does_not_matter(documents: list[Any], shuffled: random.Random) -> None:
    same_in_any_order([GATE, *CORE, *documents], shuffled)


def test_envoy_takes_whatever_is_made(tmp_path: Path) -> None:
    made: list[tuple[Any, Translation]] = []

    @settings(max_examples=100, phases=[Phase.generate])
    @given(st.lists(anything, min_size=6, max_size=16))
    def gather(documents: list[Any]) -> None:
        items = dict(change(document, False) for document in [GATE, ROUTE, *CORE, *documents])
        made.append((documents, translation({ref: value for ref, value in items.items() if value is not None})))

    gather()
    served = [one for _, one in made if any(key.resource.startswith("upstream/") for key in one.resources)]
    assert len(served) > len(made) / 50, "hardly anything that Envoy could refuse"
    if envoy.faults((one for _, one in made), tmp_path):
        refused = [(told, documents) for documents, one in made if (told := envoy.faults([one], tmp_path))]
        pytest.fail(str(refused[0]) if refused else "only all together are refused")
