"""ListenerSets: what depends on the proxies, what a change costs, and what people are told; the rest are goldens."""

from typing import Any

import pytest

from daemun.base.names import GATEWAY, Ref
from daemun.explain import explain, request_from
from daemun.gatewayapi.proxies.answers import ProxyState, Rejection, RejectionKey
from daemun.gatewayapi.settings import Settings
from daemun.ir.resource import LISTENER
from daemun.report.summary import ListenerSetLine, line, where
from daemun.translate import Translation
from support.checks.render import status
from support.objects.cases import objects


def gateway(name: str, port: int) -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}}}
spec:
  gatewayClassName: daemun
  allowedListeners: {{namespaces: {{from: Same}}}}
  listeners: [{{name: http, port: {port}, protocol: HTTP, hostname: {name}.test}}]
"""


def listeners(name: str, parent: str, *ports: int, generation: int = 1) -> str:
    written = ", ".join(
        f"{{name: l{at}, port: {port}, protocol: HTTP, hostname: {name}.test}}" for at, port in enumerate(ports)
    )
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {{name: {name}, generation: {generation}}}
spec: {{parentRef: {{name: {parent}}}, listeners: [{written}]}}
"""


def route(name: str, kind: str, parent: str) -> str:
    return f"""
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}}}
spec: {{parentRefs: [{{kind: {kind}, name: {parent}}}]}}
"""


def ref(name: str, kind: str = "ListenerSet") -> Ref:
    return Ref(GATEWAY, kind, "default", name)


def made(*texts: str, **settings: Any) -> Translation:
    translation = Translation(Settings(**settings))
    change(translation, *texts)
    return translation


def change(translation: Translation, *texts: str) -> int:
    """Apply the objects, and say how many rules ran."""
    before = translation.graph.calls
    translation.apply(objects("".join(texts)).items())
    assert not translation.graph.failures
    return translation.graph.calls - before


def acknowledge(translation: Translation) -> None:
    for name, one in translation.gateways.items():
        translation.proxies.set(str(name), ProxyState(one))


def programmed(translation: Translation, name: str, kind: str = "ListenerSet", listener: str = "") -> str:
    told = status(translation.statuses[ref(name, kind)])
    return str((told["listeners"][listener] if listener else told["conditions"])["Programmed"])


def test_each_set_is_programmed_by_itself() -> None:
    translation = made(gateway("g", 80), listeners("a", "g", 80), listeners("b", "g", 80))
    acknowledge(translation)
    change(translation, listeners("a", "g", 80, generation=2))
    assert programmed(translation, "a").startswith("False Pending")
    assert programmed(translation, "b") == "True Programmed"
    assert programmed(translation, "g", "Gateway") == "True Programmed"
    acknowledge(translation)
    assert programmed(translation, "a") == "True Programmed"
    translation.proxies.delete("default/g")
    assert programmed(translation, "b").startswith("False Pending")


def reject(
    translation: Translation, owner: Ref, field: str, port: int, message: str = "Address already in use"
) -> None:
    key = RejectionKey("default/g", owner, field, LISTENER, f"port-{port}")
    translation.rejections.set(key, Rejection("default/g", owner, field, message))


def test_what_envoy_rejects_of_a_set_is_told_of_that_set() -> None:
    translation = made(gateway("g", 80), listeners("a", "g", 80, 9000), listeners("b", "g", 80))
    acknowledge(translation)
    reject(translation, ref("a"), "spec.listeners[0]", 8080, "no such chain")
    assert programmed(translation, "a", listener="l0").startswith("False Invalid")
    assert programmed(translation, "a", listener="l1") == "True Programmed"
    assert programmed(translation, "a") == "True Programmed", "it has another listener"
    assert programmed(translation, "b") == programmed(translation, "g", "Gateway") == "True Programmed"
    (problem,) = translation.problems[ref("a")]
    assert (problem.where, "no such chain" in problem.text) == ("spec.listeners[0]", True)


def test_a_port_that_cannot_be_bound_is_shared_by_all_who_listen_there() -> None:
    translation = made(gateway("g", 80), listeners("a", "g", 9000), listeners("b", "g", 9000))
    acknowledge(translation)
    reject(translation, ref("a"), "spec.listeners[0].port", 9000)
    for name in ("a", "b"):
        assert programmed(translation, name, listener="l0").startswith("False PortUnavailable")
        assert programmed(translation, name).startswith("False Invalid")
    assert programmed(translation, "g", "Gateway") == "True Programmed"


def costs(others: int) -> dict[str, int]:
    """How many rules run for a change of one ListenerSet among so many Gateways, sets and routes."""
    texts = [gateway("g", 80), listeners("a", "g", 9000), route("r", "ListenerSet", "a"), route("s", "Gateway", "g")]
    for at in range(others):
        port = 10000 + 2 * at
        texts += [gateway(f"g{at}", port), listeners(f"a{at}", f"g{at}", port, port + 1)]
        texts += [route(f"r{at}", "ListenerSet", f"a{at}"), route(f"s{at}", "Gateway", f"g{at}")]
    translation = made(*texts)
    return {
        "a port more": change(translation, listeners("a", "g", 9000, 9001)),
        "nothing": change(translation, listeners("a", "g", 9000, 9001)),
        "a new one": change(translation, listeners("b", "g", 9000)),
    }


def test_a_change_of_a_set_costs_what_it_touches() -> None:
    few, many = costs(2), costs(100)
    assert few == many
    assert many["nothing"] == 0


@pytest.mark.parametrize("kind", ["ListenerSet", "Gateway"])
def test_routes_of_others_on_the_same_gateway_are_not_looked_at_again(kind: str) -> None:
    def cost(routes: int) -> int:
        texts = [route(f"r{at}", kind, "b" if kind == "ListenerSet" else "g") for at in range(routes)]
        translation = made(gateway("g", 80), listeners("a", "g", 9000), listeners("b", "g", 9000), *texts)
        return change(translation, listeners("a", "g", 9001))

    assert cost(3) == cost(50)


def test_the_line_of_a_set() -> None:
    translation = made(
        gateway("g", 80), listeners("a", "g", 9000), listeners("lost", "nobody", 1), assume_programmed=True
    )
    told = line(translation, ref("a"))
    assert told == ListenerSetLine("default", "a", "ready", "default/g", ("http://127.0.0.1:9000 (a.test)",), 0)
    assert where(told) == "http://127.0.0.1:9000 (a.test) via default/g"
    lost = line(translation, ref("lost"))
    assert lost is not None
    assert (lost.state, where(lost)) == ("ParentNotAccepted", "")


def test_a_parent_that_is_no_gateway_is_named() -> None:
    text = listeners("a", "g", 9000).replace("parentRef: {name: g}", "parentRef: {name: g, kind: Service, group: ''}")
    translation = made(text)
    (problem,) = translation.problems[ref("a")]
    assert (problem.warning, problem.where) == (True, "spec.parentRef")
    assert ref("a") not in translation.statuses


def test_sets_of_other_controllers_are_left_alone() -> None:
    theirs = gateway("g", 80).replace("gatewayClassName: daemun", "gatewayClassName: theirs")
    translation = made(theirs, listeners("a", "g", 9000), route("r", "ListenerSet", "a"))
    assert not translation.statuses
    elsewhere = made(listeners("a", "g", 9000), route("r", "ListenerSet", "b"), sole=False)
    assert not elsewhere.statuses


def test_explain_names_the_owner_of_a_listener() -> None:
    translation = made(
        gateway("g", 80), listeners("a", "g", 80), route("r", "ListenerSet", "a"), route("s", "Gateway", "g")
    )
    told = explain(translation, request_from("GET", "http://a.test/"))
    assert told.entry is not None
    assert told.host is not None
    assert (told.entry.owner, told.entry.listener) == (ref("a"), "l0")
    assert "belongs to listener l0 of ListenerSet default/a (a.test), the most specific of 2" in told.host.why
    assert [near.why for near in told.near] == []
    bad = made(gateway("g", 80), listeners("a", "g", 9000).replace("HTTP,", "FTP,"))
    refused = explain(bad, request_from("GET", "http://a.test:9000/"))
    assert "listener l0 of ListenerSet default/a does not serve" in refused.outcome.why


def test_in_a_cluster_a_set_is_programmed_when_its_gateway_is_reached() -> None:
    translation = made(gateway("g", 80), listeners("a", "g", 9000), clustered=True, shared_host=False, port_shift=0)
    acknowledge(translation)
    assert programmed(translation, "a").startswith("False ParentNotProgrammed: spec.parentRef: Service ")
    (placement,) = translation.placements.values()
    service = "apiVersion: v1\nkind: Service\nspec: {type: LoadBalancer, ports: [{port: 80}]}"
    metadata = f"metadata: {{name: {placement.name}}}\nstatus: {{loadBalancer: {{ingress: [{{ip: 192.0.2.1}}]}}}}"
    change(translation, f"{service}\n{metadata}")
    assert programmed(translation, "a") == "True Programmed"
    bad = "infrastructure: {parametersRef: {group: '', kind: ConfigMap, name: missing}}\n  listeners"
    change(translation, gateway("g", 80).replace("listeners: [", f"{bad}: [", 1))
    told = status(translation.statuses[ref("a")])["conditions"]
    assert told["Accepted"].startswith("False ParentNotAccepted")
    assert told["Programmed"].startswith("False ParentNotProgrammed")
