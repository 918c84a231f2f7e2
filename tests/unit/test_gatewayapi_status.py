"""Conditions that depend on what the proxies say; those that depend on the objects alone are in the goldens."""

from typing import Any

from daemun.api.status import GatewayClassStatus, GatewayStatus, RouteStatus
from daemun.base.names import GATEWAY, Ref
from daemun.gatewayapi.findings import Finding, joined
from daemun.gatewayapi.proxies.answers import ProxyState, Rejection, RejectionKey, reason_for
from daemun.gatewayapi.settings import Settings, cluster
from daemun.gatewayapi.status.supported import FEATURES
from daemun.ir.resource import LISTENER
from daemun.translate import Translation
from support.checks.render import status
from support.objects.cases import objects

WORLD = """
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: c, generation: 5}
spec: {controllerName: daemun.dev/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g, generation: 3}
spec:
  gatewayClassName: c
  listeners: [{name: one, port: 80, protocol: HTTP}, {name: two, port: 81, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r, generation: 7}
spec: {parentRefs: [{name: g}]}
"""
CLASS = Ref(GATEWAY, "GatewayClass", "", "c")
GATE = Ref(GATEWAY, "Gateway", "default", "g")
ROUTE = Ref(GATEWAY, "HTTPRoute", "default", "r")


def made(settings: Settings | None = None) -> Translation:
    translation = Translation(settings or Settings())
    translation.apply(objects(WORLD).items())
    return translation


def acknowledge(translation: Translation) -> None:
    translation.proxies.set("default/g", ProxyState(translation.gateways[GATE.key]))


def reject(translation: Translation, ref: Ref, where: str, message: str, address: str = "") -> None:
    resource = f"port-808{where[-7]}{address and f'@{address}'}" if where.endswith(".port") else ""
    key = RejectionKey("default/g", ref, where, LISTENER, resource)
    translation.rejections.set(key, Rejection("default/g", ref, where, message))


def seen(translation: Translation) -> Any:
    return status(translation.statuses[GATE])


def test_programmed_waits_for_the_proxy() -> None:
    translation = made()
    pending = "False Pending: the proxy has not acknowledged its configuration yet."
    assert seen(translation)["conditions"]["Programmed"] == pending
    assert seen(translation)["listeners"]["one"]["Programmed"] == pending
    acknowledge(translation)
    assert seen(translation)["conditions"]["Programmed"] == "True Programmed"
    assert seen(translation)["listeners"]["one"]["Programmed"] == "True Programmed"


def test_in_a_cluster_whoever_waits_is_told_where_to_look() -> None:
    pending = seen(made(cluster(str)))["listeners"]["one"]["Programmed"]
    assert pending.endswith("kubectl -n default describe pods -l gateway.networking.k8s.io/gateway-name")


def test_programmed_never_speaks_of_a_generation_that_the_proxy_has_not_seen() -> None:
    translation = made()
    acknowledge(translation)
    translation.apply(objects(WORLD.replace("generation: 3", "generation: 4")).items())
    assert seen(translation)["conditions"]["Programmed"].startswith("False Pending")
    acknowledge(translation)
    assert seen(translation)["conditions"]["Programmed"] == "True Programmed"
    translation.apply([(ROUTE, None)])
    assert seen(translation)["conditions"]["Programmed"] == "True Programmed", "routes make it not flicker"


def test_a_rejected_listener() -> None:
    translation = made()
    acknowledge(translation)
    reject(translation, GATE, "spec.listeners[1].port", "cannot bind: Address already in use")
    found = seen(translation)
    assert found["listeners"]["one"]["Programmed"] == "True Programmed"
    assert found["listeners"]["two"]["Programmed"].startswith(
        "False PortUnavailable: spec.listeners[1].port: Envoy: cannot"
    )
    assert found["conditions"]["Programmed"] == "True Programmed"
    reject(translation, GATE, "spec.listeners[0].port", "cannot bind: Cannot assign requested address")
    assert seen(translation)["conditions"]["Programmed"].startswith("False AddressNotUsable")


ONE, TWO = "127.0.0.1", "127.0.0.2"
IN_USE = "cannot bind: Address already in use"


def with_two_addresses() -> Translation:
    translation = Translation(Settings())
    addresses = f"addresses: [{{value: {ONE}}}, {{value: {TWO}}}]"
    spec = "spec:\n  gatewayClassName: c\n"
    translation.apply(objects(WORLD.replace(spec, f"{spec}  {addresses}\n")).items())
    acknowledge(translation)
    return translation


def test_a_port_that_is_taken_at_one_of_two_addresses_is_served_at_the_other_one() -> None:
    translation = with_two_addresses()
    reject(translation, GATE, "spec.listeners[0].port", IN_USE, TWO)
    found = seen(translation)
    assert found["listeners"]["one"]["Programmed"] == (
        f"False PortUnavailable: listener one is served at {ONE} and not at {TWO}. spec.listeners[0].port: Envoy: "
        f"{IN_USE}. It is tried again now and then. End what has the port there, or choose another one."
    )
    assert found["listeners"]["two"]["Programmed"] == found["conditions"]["Programmed"] == "True Programmed"
    reject(translation, GATE, "spec.listeners[1].port", IN_USE, TWO)
    assert seen(translation)["conditions"]["Programmed"] == (
        f"False AddressNotUsable: {ONE} serves one, two, {TWO} serves no listener; see the status of the listeners."
    )
    for at in (0, 1):
        reject(translation, GATE, f"spec.listeners[{at}].port", IN_USE)
    assert seen(translation)["conditions"]["Programmed"].startswith("False Invalid: no listener is programmed")


def test_a_listener_that_is_not_good_serves_at_no_address() -> None:
    translation = with_two_addresses()
    reject(translation, GATE, "spec.listeners[0].port", IN_USE, TWO)
    reject(translation, GATE, "spec.listeners[1].port", "no such file", TWO)
    assert seen(translation)["conditions"]["Programmed"] == (
        f"False AddressNotUsable: {ONE} serves one, {TWO} serves no listener; see the status of the listeners."
    )


def test_a_rejected_route() -> None:
    translation = made()
    reject(translation, ROUTE, "spec.rules[0].matches[0]", "no such thing")
    ((parent),) = status(translation.statuses[ROUTE])
    assert parent["Accepted"] == "True Accepted"
    assert parent["Programmed"] == "False Invalid: spec.rules[0].matches[0]: Envoy: no such thing."
    assert parent["PartiallyInvalid"].startswith("True UnsupportedValue: Dropped Rule(s): spec.rules[0]")
    translation.rejections.replace({})
    assert "Programmed" not in status(translation.statuses[ROUTE])[0]


def test_every_condition_has_the_generation_of_its_object() -> None:
    found = made().statuses
    gateway, route, clazz = found[GATE], found[ROUTE], found[CLASS]
    assert isinstance(gateway, GatewayStatus)
    assert isinstance(route, RouteStatus)
    assert isinstance(clazz, GatewayClassStatus)
    of_listeners = [one for listener in gateway.listeners for one in listener.conditions]
    assert {one.observed_generation for one in (*gateway.conditions, *of_listeners)} == {3}
    assert {one.observed_generation for one in route.parents[0].conditions} == {7}
    assert {one.observed_generation for one in clazz.conditions} == {5}


def test_features_are_sorted_as_the_api_wants_and_said_once() -> None:
    assert list(FEATURES) == sorted(set(FEATURES))


def test_reasons_for_what_envoy_says() -> None:
    assert reason_for("... Address already in use") == "PortUnavailable"
    assert reason_for("Cannot assign requested address") == "AddressNotUsable"
    assert reason_for("anything else") == "Invalid"


def test_a_message_tells_the_first_few_findings_and_fits_into_a_condition() -> None:
    findings = [Finding("R", f"f{number}", "is wrong", "Mend it.") for number in range(5)]
    assert joined(findings) == " ".join(f"f{number}: is wrong. Mend it." for number in range(3)) + " And 2 more."
    assert len(joined([Finding("R", "", "x" * 40_000)])) <= 32_768
