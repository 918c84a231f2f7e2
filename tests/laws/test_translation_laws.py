"""The translation as a whole: rebuilt equals incremental, order is no matter, nothing raises, changes are cheap."""

import json
import random
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from daemun.api.decode import decode
from daemun.gatewayapi.settings import Settings, cluster
from daemun.translate import Translation
from support.checks.rebuilt import equals_rebuilt, same_in_any_order
from support.envoys import envoy
from support.objects.cases import documents, translation
from support.worlds import CORE, change, world
from support.worlds.crowds import thresholds
from support.worlds.route_objects import delegation_world

histories = st.lists(st.lists(st.tuples(world, st.integers(0, 5)), min_size=1, max_size=6), min_size=1, max_size=6)
kinds_of_place = st.sampled_from([Settings(), cluster(json.loads, frozenset({8443}))])


@pytest.mark.parametrize("hosts", [0, 50])
@given(histories, kinds_of_place)
def test_incremental_equals_rebuilt(hosts: int, history: list[Any], place: Settings) -> None:
    with thresholds(hosts, hosts):
        equals_rebuilt(history, place)


@given(st.lists(st.lists(st.tuples(delegation_world, st.integers(0, 5)), min_size=1, max_size=5), max_size=6))
def test_incremental_equals_rebuilt_where_routes_delegate(history: list[Any]) -> None:
    equals_rebuilt(history, Settings())


@given(st.lists(world, max_size=12), st.randoms(use_true_random=False))
def test_the_order_in_which_objects_come_does_not_matter(documents: list[Any], shuffled: random.Random) -> None:
    same_in_any_order(CORE + documents, shuffled)


odd_texts = st.one_of(
    st.text(max_size=5),
    st.sampled_from(
        ["\ud800", "\x00", "a\nb", "", " ", "*", "%", "/../", "0", "1e999", "=", "2026-01-01", "é", "x" * 300]
    ),
)
odd_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.sampled_from([0, 1, -1, 65536, 2**31, 2**32, 2**63]),
    st.floats(),
    odd_texts,
    st.just([]),
    st.just({}),
    st.lists(odd_texts, max_size=2),
    st.dictionaries(st.one_of(odd_texts, st.integers()), odd_texts, max_size=2),
)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A manifest in which something at a random place is something else, gone, or too much."""
    document = deepcopy(draw(world))
    for _ in range(draw(st.integers(1, 3))):
        at: Any = document
        while True:
            inner = list(at) if isinstance(at, dict) else list(range(len(at)))
            if not inner:
                break
            key = draw(st.sampled_from(inner))
            if isinstance(at[key], dict | list) and at[key] and draw(st.integers(0, 3)):
                at = at[key]
                continue
            how = draw(st.sampled_from(["replace", "replace", "drop", "add"]))
            if how == "replace":
                at[key] = draw(odd_values)
            elif how == "drop":
                del at[key]
            elif isinstance(at, dict):
                at[draw(st.sampled_from(["extra", "name", "type", "port", "namespace", 7]))] = draw(odd_values)
            else:
                at.append(draw(odd_values))
            break
    return document


@settings(max_examples=400)
@given(st.one_of(mutated(), odd_values))
def test_whatever_a_document_holds_it_is_a_value_or_a_problem(document: Any) -> None:
    decoded = decode(document)
    if decoded is None:
        return
    assert (decoded.value is None) == bool(decoded.problems)
    for problem in decoded.problems:
        assert problem.text
        str(problem).encode()  # it can be printed


@settings(max_examples=300)
@given(st.lists(st.one_of(world, delegation_world), max_size=6), mutated())
def test_no_rule_raises_for_anything_that_can_be_decoded(documents: list[Any], odd: Any) -> None:
    made = Translation(Settings(assume_programmed=True))
    made.apply(change(document, False) for document in CORE + documents)
    decoded = decode(odd)
    if decoded is not None:
        made.apply([(decoded.ref, decoded.value)])
    assert not made.graph.failures


MANY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g}
spec:
  gatewayClassName: daemun
  listeners:
  - {name: http, port: 8080, protocol: HTTP}
  - {name: tls, port: 8443, protocol: TLS, tls: {mode: Passthrough}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec: {parentRefs: [{name: g}], hostnames: [HOST], rules: [{backendRefs: [{name: s, port: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: s, labels: {kubernetes.io/service-name: s}}
endpoints: [{addresses: [10.0.0.1]}]
ports: [{port: 8000}]
"""


def costs(routes: int, kind: str) -> dict[str, int]:
    """How many rules run for one change among so many routes, each with a host, a Service and endpoints of its own."""
    gateway, route, service, slices = documents(MANY)
    route["kind"] = kind

    def named(document: Any, number: int, **more: Any) -> Any:
        metadata = {"name": f"n{number}"}
        if document is slices:
            metadata["labels"] = {"kubernetes.io/service-name": f"n{number}"}
        return change({**document, "metadata": metadata, **more}, False)

    def spec(number: int, path: str) -> Any:
        backends = [{"name": f"n{number}", "port": 80}, {"name": f"n{number}", "port": 80, "weight": len(path)}]
        rules: list[Any] = [{"backendRefs": backends}]
        if kind == "HTTPRoute":
            rules[0]["matches"] = [{"path": {"value": path}}]
        return {"parentRefs": [{"name": "g"}], "hostnames": [f"h{number}.test"], "rules": rules}

    made = Translation()
    made.apply([change(gateway, False)])
    for number in range(routes):
        items = [named(service, number), named(slices, number), named(route, number, spec=spec(number, "/"))]
        made.apply(items)

    def cost(*items: Any) -> int:
        before = made.graph.calls
        made.apply(items)
        return made.graph.calls - before

    some = routes // 2
    ref, _ = named(route, some)
    return {
        "a changed rule": cost(named(route, some, spec=spec(some, "/new"))),
        "new endpoints": cost(named(slices, some, endpoints=[{"addresses": ["10.0.0.2"]}])),
        "a Service gone": cost((named(service, some)[0], None)),
        "a route gone": cost((ref, None)),
        "a new route": cost(named(route, some, spec=spec(some, "/"))),
        "nothing": cost(named(route, some, spec=spec(some, "/"))),
    }


@pytest.mark.parametrize("kind", ["HTTPRoute", "TLSRoute"])
def test_a_change_costs_what_it_touches_not_what_exists(kind: str) -> None:
    few, many = costs(100, kind), costs(2000, kind)
    assert few == many
    assert many["nothing"] == 0
    assert max(many.values()) < 20


OPTIONS = """
apiVersion: gateway.solo.io/v1
kind: RouteOption
metadata: {name: o}
spec: {targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}], options: {timeout: 1s}}
---
apiVersion: gateway.solo.io/v1
kind: VirtualHostOption
metadata: {name: v}
spec: {targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: NAME}], options: {retries: {retryOn: 5xx}}}
"""


def costs_of_options(routes: int) -> dict[str, int]:
    """How many rules run for one change among so many routes, each with a RouteOption and two Gateways of hosts."""
    gateway, route, service, slices = documents(MANY)
    route_option, host_option = documents(OPTIONS)

    def named(document: Any, name: str, **spec: Any) -> Any:
        return change({**document, "metadata": {"name": name}, "spec": {**document["spec"], **spec}}, False)

    def attached(number: int, timeout: str) -> Any:
        target = {**route_option["spec"]["targetRefs"][0], "name": f"n{number}"}
        return named(route_option, f"n{number}", targetRefs=[target], options={"timeout": timeout})

    def for_hosts(on: str) -> Any:
        target = {**host_option["spec"]["targetRefs"][0], "name": "small"}
        return named(host_option, "v", targetRefs=[target], options={"retries": {"retryOn": on}})

    def served(number: int, by: str) -> Any:
        return named(route, f"n{number}", parentRefs=[{"name": by}], hostnames=[f"h{number}.test"])

    made = Translation()
    ports = [{**one, "port": one["port"] + 1} for one in gateway["spec"]["listeners"]]
    made.apply([change(gateway, False), named(gateway, "small", listeners=ports)])
    made.apply([change(service, False), change(slices, False), served(routes, "small")])
    for number in range(routes):
        made.apply([served(number, "g"), attached(number, "1s")])

    def cost(*items: Any) -> int:
        before = made.graph.calls
        made.apply(items)
        return made.graph.calls - before

    some = routes // 2
    return {
        "a changed RouteOption": cost(attached(some, "2s")),
        "a RouteOption gone": cost((attached(some, "2s")[0], None)),
        "a new RouteOption": cost(attached(some, "1s")),
        "a route with one": cost(named(route, f"n{some}", parentRefs=[{"name": "g"}], hostnames=["other.test"])),
        "a VirtualHostOption for others": cost(for_hosts("5xx")),
        "another for the same": cost(for_hosts("reset")),
    }


def test_a_policy_costs_what_it_is_for() -> None:
    few, many = costs_of_options(50), costs_of_options(1000)
    assert few == many
    assert all(0 < cost < 25 for cost in many.values()), many


@pytest.mark.parametrize("change", ["a changed rule", "new endpoints"])
def test_a_change_is_seen_at_all(change: str) -> None:
    assert costs(3, "HTTPRoute")[change] > 0


def test_envoy_takes_whatever_is_made(tmp_path: Path) -> None:
    made: list[tuple[Any, Translation]] = []

    @settings(max_examples=150, phases=[Phase.generate])
    @given(st.lists(st.one_of(world, world, mutated()), min_size=3, max_size=12))
    def gather(documents: list[Any]) -> None:
        decoded = [one for one in map(decode, CORE + documents) if one]
        made.append((documents, translation({one.ref: one.value for one in decoded if one.value})))

    gather()
    if envoy.faults((one for _, one in made), tmp_path):
        refused = [(documents, fault) for documents, one in made if (fault := envoy.faults([one], tmp_path))]
        pytest.fail(str(refused[:1]) or "only all together are refused")
    assert sum(bool(one.resources) for _, one in made) > len(made) / 2, "hardly anything that Envoy could refuse"
