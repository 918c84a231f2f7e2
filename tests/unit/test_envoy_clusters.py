"""Which addresses of a Service take requests."""

from daemun.api.core import EndpointSlice, Service
from daemun.base.names import Name
from daemun.envoy.endpoints import ready_endpoints, slices_of
from support.objects.cases import objects

WORLD = """
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {ports: [{port: 53, name: udp, protocol: UDP}, {port: 53, name: tcp}, {port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: a, labels: {kubernetes.io/service-name: s}}
ports: [{name: udp, port: 5301, protocol: UDP}, {name: tcp, port: 5302}, {name: "", port: 8080}]
endpoints:
- {addresses: [10.0.0.2]}
- {addresses: [10.0.0.1], conditions: {ready: true}}
- {addresses: [10.0.0.3], conditions: {ready: false}}
- {addresses: [10.0.0.4], conditions: {serving: false}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: b, labels: {kubernetes.io/service-name: s}}
addressType: FQDN
ports: [{name: tcp, port: 1}]
endpoints: [{addresses: [a.test]}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: c}
ports: [{name: tcp}]
endpoints: [{addresses: [10.0.0.9]}]
"""


def found(port: int, service: bool = True) -> list[tuple[str, int]]:
    values = list(objects(WORLD).values())
    slices = [one for one in values if isinstance(one, EndpointSlice)]
    wanted = next(one for one in values if isinstance(one, Service))
    return ready_endpoints(wanted if service else None, port, slices)


def test_ready_or_of_unknown_readiness_by_the_name_of_the_port() -> None:
    assert found(53) == [("10.0.0.1", 5302), ("10.0.0.2", 5302), ("10.0.0.4", 5302)]
    assert [port for _, port in found(80)] == [8080] * 3


def test_nothing_for_a_port_or_a_service_that_is_not_there() -> None:
    assert found(81) == []
    assert found(53, service=False) == []


def test_a_slice_belongs_to_the_service_of_its_label() -> None:
    slices = {ref.key: one for ref, one in objects(WORLD).items() if isinstance(one, EndpointSlice)}
    belongs = {name.name: list(slices_of(name, one)) for name, one in slices.items()}
    assert belongs == {"a": [Name("default", "s")], "b": [Name("default", "s")], "c": []}
