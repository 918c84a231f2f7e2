"""Classic mode obeys the same laws: rebuilt equals incremental, order is no matter, a change costs what it touches."""

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from daemun.gatewayapi.resolved import ResolvedRoute
from daemun.gatewayapi.settings import Settings
from daemun.translate import Translation
from support.checks.rebuilt import equals_rebuilt, same_in_any_order
from support.envoys import envoy
from support.objects.cases import documents, translation
from support.worlds import CORE, change, world
from support.worlds.classic import classic
from support.worlds.crowds import thresholds

any_world = st.one_of(classic, classic, classic, world)
histories = st.lists(st.lists(st.tuples(any_world, st.integers(0, 5)), min_size=1, max_size=8), min_size=1, max_size=6)


@pytest.mark.parametrize("hosts", [0, 50])
@given(history=histories)
def test_incremental_equals_rebuilt(hosts: int, history: list[Any]) -> None:
    with thresholds(hosts, hosts):
        equals_rebuilt(history, Settings())


@given(st.lists(any_world, max_size=14), st.randoms(use_true_random=False))
def test_the_order_in_which_objects_come_does_not_matter(documents: list[Any], shuffled: random.Random) -> None:
    same_in_any_order(CORE + documents, shuffled)


def test_envoy_takes_whatever_is_made(tmp_path: Path) -> None:
    made: list[tuple[Any, Translation]] = []

    @settings(max_examples=100, phases=[Phase.generate])
    @given(st.lists(classic, min_size=4, max_size=14))
    def gather(documents: list[Any]) -> None:
        items = dict(change(document, False) for document in CORE + documents)
        made.append((documents, translation({ref: value for ref, value in items.items() if value is not None})))

    gather()
    if envoy.faults((one for _, one in made), tmp_path):
        refused = [(documents, fault) for documents, one in made if (fault := envoy.faults([one], tmp_path))]
        pytest.fail(str(refused[:1]) or "only all together are refused")
    served = [one for _, one in made if any(ref.kind == "VirtualService" for ref, _ in one.routes.items())]
    # Two thirds of them, give or take one in six: what there is at least says only that this law is about something.
    assert len(served) > len(made) / 10, "hardly anything that Envoy could refuse"


MANY = """
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: http, namespace: gloo-system}
spec: {bindPort: 8080, httpGateway: {}}
---
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: vs}
spec:
  virtualHost:
    domains: [HOST]
    routes: [{matchers: [{prefix: PATH}], delegateAction: {ref: {name: NAME, namespace: default}}}]
---
apiVersion: gateway.solo.io/v1
kind: RouteTable
metadata: {name: rt, namespace: default}
spec: {routes: [{matchers: [{prefix: PATH}], routeAction: {single: {kube: {ref: {name: s}, port: 80}}}}]}
---
apiVersion: v1
kind: Service
metadata: {name: s, namespace: default}
spec: {ports: [{port: 80}]}
"""


def costs(services: int) -> tuple[dict[str, int], dict[str, int]]:
    """How many rules run for one change among so many VirtualServices, and how many parts of resources change."""
    texts = dict(zip(("gateway", "service", "table", "backend"), MANY.split("---\n"), strict=True))

    def named(which: str, number: int = 0, path: str = "/") -> Any:
        text = texts[which].replace("HOST", f"h{number}.test").replace("PATH", path).replace("NAME", f"n{number}")
        (document,) = documents(text)
        document["metadata"] |= {} if which in {"gateway", "backend"} else {"name": f"n{number}"}
        return change(document, False)

    made = Translation()
    changed: list[int] = []
    made.resources.subscribe(lambda delta: changed.append(len(delta)))
    made.apply([named("gateway"), named("backend")])
    for number in range(services):
        made.apply([named("table", number), named("service", number)])
    some = services // 2
    calls, parts = {}, {}

    def cost(name: str, *items: Any) -> None:
        before = made.graph.calls
        changed.clear()
        made.apply(items)
        calls[name], parts[name] = made.graph.calls - before, sum(changed)

    cost("a changed route", named("service", some, "/new"), named("table", some, "/new/more"))
    cost("a changed RouteTable", named("table", some, "/new"))
    cost("one gone", (named("service", some)[0], None))
    cost("a new one", named("service", some, "/new"))
    cost("nothing", named("service", some, "/new"))
    return calls, parts


def test_a_change_costs_what_it_touches_not_what_exists() -> None:
    few, many = costs(50), costs(1000)
    assert few == many
    calls, parts = many
    assert calls["nothing"] == 0
    assert max(calls.values()) <= 24  # about one for each kind of thing that is made of an object
    assert parts["a changed route"] == parts["a changed RouteTable"] == 1


def costs_of_tables(tables: int, delegated: str) -> tuple[dict[str, int], dict[str, int]]:
    """How many rules run for one change of a VirtualService that delegates to so many RouteTables, and how many of the
    routes of all are resolved and encoded again.
    """
    gateway, _, _, backend = documents(MANY)

    def written(kind: str, name: str, **spec: Any) -> Any:
        labels = {"of": "vs"} if kind == "RouteTable" else {}
        metadata = {"name": name, "namespace": "default", "labels": labels}
        document = {"apiVersion": "gateway.solo.io/v1", "kind": kind, "metadata": metadata, "spec": spec}
        return change(document, False)

    def table(number: int, *paths: str) -> Any:
        to = {"single": {"kube": {"ref": {"name": "s"}, "port": 80}}}
        refs = {"delegateOptions": [{"name": f"o{number}", "namespace": "default"}]}
        routes = [
            {"matchers": [{"prefix": f"/{number}/{path}"}], "routeAction": to, "optionsConfigRefs": refs}
            for path in paths
        ]
        return written("RouteTable", f"t{number}", routes=routes)

    def service(status: int) -> Any:
        names = [{"ref": {"name": f"t{number}", "namespace": "default"}} for number in range(tables)]
        selected = [{"selector": {"labels": {"of": "vs"}, "namespaces": ["default"]}}]
        further = [{"ref": {"name": "middle", "namespace": "default"}}]
        actions = {"by name": names, "by label": selected, "by another": further}[delegated]
        answer = {"matchers": [{"exact": "/own"}], "directResponseAction": {"status": status}}
        return written("VirtualService", "vs", virtualHost={"domains": ["a.test"], "routes": [answer, *below(actions)]})

    def below(actions: list[Any]) -> list[Any]:
        return [{"matchers": [{"prefix": "/"}], "delegateAction": one} for one in actions]

    def middle() -> Any:
        every = [{"ref": {"name": f"t{number}", "namespace": "default"}} for number in range(tables)]
        path, document = written("RouteTable", "middle", routes=below(every))
        return path, msgspec.structs.replace(document, metadata=msgspec.structs.replace(document.metadata, labels={}))

    def option(number: int, timeout: str) -> Any:
        return written("RouteOption", f"o{number}", options={"timeout": timeout})

    made = Translation()
    made.apply([change(gateway, False), change(backend, False), service(200), middle()])
    made.apply([item for number in range(tables) for item in (table(number, "a", "b"), option(number, "1s"))])
    resolved: list[int] = []
    made.routes.subscribe(lambda delta: resolved.append(sum(rules_of(new) for _, new in delta.values())))
    some = tables // 2
    calls, routes = {}, {}

    def cost(name: str, *items: Any) -> None:
        before = made.graph.calls
        resolved.clear()
        made.apply(items)
        calls[name], routes[name] = made.graph.calls - before, sum(resolved)

    cost("a changed route", table(some, "a", "new"))
    cost("a changed RouteOption", option(some, "2s"))
    cost("one of them gone", (table(some)[0], None))
    cost("a new one", table(some, "a", "b"))
    cost("what the VirtualService does besides", service(204))
    cost("nothing", table(some, "a", "b"))
    assert not made.graph.failures
    return calls, routes


def rules_of(route: Any) -> int:
    """How many rules a route has; none if it is gone."""
    return len(route.route.rules) if isinstance(route, ResolvedRoute) else 0


@pytest.mark.parametrize("delegated", ["by name", "by label", "by another"])
def test_a_route_table_costs_what_it_has_itself_not_what_its_virtual_service_has(delegated: str) -> None:
    few, many = costs_of_tables(50, delegated), costs_of_tables(500, delegated)
    assert few == many
    calls, routes = many
    assert calls["nothing"] == 0
    assert max(calls.values()) < 25
    assert routes["a changed route"] == routes["a changed RouteOption"] == routes["a new one"] == 2
    assert routes["what the VirtualService does besides"] == 1
