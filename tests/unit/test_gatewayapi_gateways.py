"""What people are told of Gateways and routes that nobody serves, or not wholly."""

from daemun.base.names import Ref
from daemun.gatewayapi.settings import Settings
from daemun.ir.problem import Problem
from daemun.translate import Translation
from support.objects.cases import objects

GATE = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gate}
"""


def problems(text: str) -> list[Problem]:
    translation = Translation(Settings(assume_programmed=True))
    translation.apply(objects(text).items())
    assert not translation.graph.failures
    return [problem for found in translation.problems.values() for problem in found]


def test_what_is_left_alone_without_harm_is_a_warning() -> None:
    found = problems(
        GATE
        + """
spec:
  gatewayClassName: daemun
  listeners:
  - {name: tls, port: 443, protocol: HTTPS, tls: {options: {example.com/ciphers: strong}}}
"""
    )
    warnings = {problem.where for problem in found if problem.warning}
    assert warnings == {"spec.listeners[0].tls.options"}


def test_a_class_that_does_not_exist_is_named() -> None:
    listeners = "  listeners: [{name: http, port: 80, protocol: HTTP}]"
    (found,) = problems(f"{GATE}spec:\n  gatewayClassName: nobodys\n{listeners}")
    assert (found.ref, found.where) == (
        Ref("gateway.networking.k8s.io", "Gateway", "default", "gate"),
        "spec.gatewayClassName",
    )
    assert "nobodys" in found.text


def test_a_route_without_parents_is_named_unless_a_default_gateway_takes_it() -> None:
    route = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\nspec: "
    (found,) = problems(route + "{}")
    assert (found.warning, found.where) == (True, "spec.parentRefs")
    (found,) = problems(route + "{useDefaultGateways: All}")
    assert (found.warning, found.where) == (True, "spec.useDefaultGateways")
    listeners = "listeners: [{name: http, port: 80, protocol: HTTP}]"
    default = f"{GATE}spec: {{gatewayClassName: daemun, defaultScope: All, {listeners}}}\n---\n"
    rules = "{useDefaultGateways: All, rules: [{filters: [{type: RequestRedirect, requestRedirect: {port: 1}}]}]}"
    assert problems(default + route + rules) == []
