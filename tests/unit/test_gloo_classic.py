"""Classic mode in the small: labels, what nobody wrote, and RouteTables without an end."""

import json
from pathlib import Path

import pytest

from daemun.api.gloo.common import CidrRange, Expression, ExpressionOperator
from daemun.base.names import GLOO_GATEWAY, Ref
from daemun.explain import explain, request_from
from daemun.gatewayapi.proxies.answers import Rejection, RejectionKey
from daemun.gatewayapi.settings import cluster
from daemun.gloo.classic import delegation
from daemun.gloo.classic.labels import in_namespaces, selects
from daemun.gloo.classic.parts import is_range
from daemun.ir.resource import LISTENER, PartKey
from daemun.translate import Translation
from support.objects.cases import objects, translation

SERVICE = """
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: vs, namespace: default}
spec: {virtualHost: {routes: [{delegateAction: {ref: {name: t0, namespace: default}}}]}}
"""


@pytest.mark.parametrize(
    ("operator", "values", "held"),
    [
        ("Equals", ["a"], True),
        ("DoubleEquals", ["b"], False),
        ("NotEquals", ["a"], False),
        ("In", ["a", "b"], True),
        ("NotIn", ["b"], True),
        ("Exists", [], True),
        ("DoesNotExist", [], False),
        ("GreaterThan", ["1"], False),
    ],
)
def test_expressions_about_a_label(operator: ExpressionOperator, values: list[str], held: bool) -> None:
    expression = Expression("key", operator, tuple(values))
    assert selects({"key": "a", "other": "b"}, {"other": "b"}, [expression]) == held
    assert not selects({"key": "a"}, {"other": "b"}, [expression])


@pytest.mark.parametrize(("value", "more", "less"), [("3", True, False), ("2", False, False), ("1", False, True)])
def test_numbers_are_compared(value: str, more: bool, less: bool) -> None:
    assert selects({"size": value}, {}, [Expression("size", "GreaterThan", ("2",))]) == more
    assert selects({"size": value}, {}, [Expression("size", "LessThan", ("2",))]) == less


def test_without_the_label_only_what_denies_it_holds() -> None:
    found: tuple[ExpressionOperator, ...] = ("NotEquals", "NotIn", "DoesNotExist", "In", "Exists", "LessThan")
    held = [one for one in found if selects({}, {}, [Expression("key", one, ("1",))])]
    assert held == ["NotEquals", "NotIn", "DoesNotExist"]


def test_namespaces() -> None:
    assert in_namespaces("a", (), "a")
    assert not in_namespaces("b", (), "a")
    assert in_namespaces("b", ("*",), "a")
    assert in_namespaces("b", ("b", "c"), "a")


def test_gateways_that_nobody_wrote_are_there_with_the_first_virtual_service_and_tell_what_is_wrong() -> None:
    made = translation(objects(SERVICE))
    (placement,) = made.placements.values()
    assert (str(placement.ref.key), [port.number for port in placement.ports]) == (
        "gloo-system/gateway-proxy",
        [80, 443],
    )
    ref = Ref(GLOO_GATEWAY, "Gateway", "gloo-system", "gateway-proxy")
    assert ref not in made.statuses
    key = RejectionKey("gloo-system/gateway-proxy", ref, "spec.bindPort", LISTENER, "port-8080")
    made.rejections.set(key, Rejection(key.proxy, ref, key.where, "address already in use"))
    assert "address already in use" in str(made.problems[ref][0])
    written = objects(
        "apiVersion: gateway.solo.io/v1\nkind: Gateway\nmetadata: {name: mine, namespace: gloo-system}\n"
        "spec: {bindPort: 9000, httpGateway: {}}"
    )
    made.apply(written.items())
    (placement,) = made.placements.values()
    assert [port.number for port in placement.ports] == [9000]


def test_a_proxy_is_of_one_api_and_whoever_asks_for_it_by_the_other_is_told() -> None:
    gateway = (
        "---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n"
        "metadata: {name: gateway-proxy, namespace: gloo-system}\n"
        "spec: {gatewayClassName: gloo-gateway, listeners: [{name: http, port: 80, protocol: HTTP}]}\n"
    )
    made = Translation(cluster(str))
    made.apply(objects(SERVICE + gateway).items())
    (told,) = made.problems[Ref(GLOO_GATEWAY, "Gateway", "gloo-system", "gateway-proxy")]
    assert "proxy gloo-system/gateway-proxy is that of Gateway API's Gateway" in told.text
    assert [placement.ref.kind for placement in made.placements.values()] == ["Gateway"]


def test_a_port_is_the_gateways_whoever_answers_its_handshakes() -> None:
    gateway = "apiVersion: gateway.solo.io/v1\nkind: Gateway\nmetadata: {name: tls, namespace: gloo-system}\n"
    written = objects(f"{gateway}spec: {{bindPort: 9443, ssl: true, httpGateway: {{}}}}\n---\n" + SERVICE)
    service = "---\n" + SERVICE.replace("spec: {", "spec: {sslConfig: {secretRef: {name: one}}, ").replace(
        "name: vs", "name: tls"
    )
    base = objects(Path(__file__).parents[1] / "golden" / "base.yaml")
    secrets = {ref: one for ref, one in base.items() if ref.kind == "Secret"}
    made = translation({**written, **objects(service), **secrets})
    head = made.resources[PartKey("gloo-system/gateway-proxy", LISTENER, "port-9443")].leaves[0]
    assert str(head.origin) == "Gateway.gateway.solo.io gloo-system/tls spec.bindPort"


def test_route_tables_that_multiply_come_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delegation, "MOST", 200)
    table = """---
apiVersion: gateway.solo.io/v1
kind: RouteTable
metadata: {name: tNUMBER, namespace: default}
spec:
  routes:
  - {delegateAction: {ref: {name: tNEXT, namespace: default}}}
  - {delegateAction: {ref: {name: tNEXT, namespace: default}}}
"""
    tables = [table.replace("NUMBER", str(at)).replace("NEXT", str(at + 1)) for at in range(40)]
    made = translation(objects(SERVICE + "".join(tables)))
    told = made.problems[Ref(GLOO_GATEWAY, "VirtualService", "default", "vs")]
    assert [one.code for one in told] == ["TooManyRoutes"]


def test_limbs_count_for_how_many_routes_there_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delegation, "MOST", 200)
    route = "{matchers: [{prefix: /a}], directResponseAction: {status: 204}}"
    table = f"""---
apiVersion: gateway.solo.io/v1
kind: RouteTable
metadata: {{name: tNUMBER, namespace: default, labels: {{of: vs}}}}
spec: {{routes: [{", ".join([route] * 10)}]}}
"""
    selected = SERVICE.replace("{ref: {name: t0, namespace: default}}", "{selector: {labels: {of: vs}}}")
    assert selected != SERVICE
    for count, told in ((20, []), (60, ["TooManyRoutes"])):
        tables = [table.replace("NUMBER", str(at)) for at in range(count)]
        made = translation(objects(selected + "".join(tables)))
        problems = made.problems.get(Ref(GLOO_GATEWAY, "VirtualService", "default", "vs"), ())
        assert [one.code for one in problems] == told
        assert 200 <= sum(len(one.route.rules) for one in made.routes.values()) < 400


def test_in_a_cluster_a_request_to_the_services_port_is_explained() -> None:
    made = Translation(cluster(json.loads, assume_programmed=True))
    answer = "{matchers: [{prefix: /}], directResponseAction: {status: 204}}"
    made.apply(objects(SERVICE.replace("{delegateAction: {ref: {name: t0, namespace: default}}}", answer)).items())
    assert explain(made, request_from("GET", "http://any.test/")).outcome.status == 204
    assert explain(made, request_from("GET", "http://any.test:81/")).outcome.kind == "refused"


@pytest.mark.parametrize(
    ("prefix", "length", "held"),
    [("10.0.0.0", 8, True), ("10.0.0.0", 33, False), ("fd00::", 64, True), ("x", None, False), ("::1%eth0", 1, False)],
)
def test_ranges_of_addresses(prefix: str, length: int | None, held: bool) -> None:
    assert is_range(CidrRange(prefix, length)) is held
