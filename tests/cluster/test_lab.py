"""The lab as it is written, from helm install to curl, in a cluster as a newcomer has one. See docs/lab.md."""

import http.client
import json
from collections.abc import Iterator
from functools import partial

import pytest

from . import crds, daemun_image
from .cluster import Cluster
from .commands import CHART, LAB, await_creation, helm, kubectl
from .place import NODE_ADDRESS
from .processes import until

pytestmark = pytest.mark.timeout(600)

_RELEASE = "v1.0.0"
"""The Gateway API that the lab installs."""

CLASSIC = """
apiVersion: gloo.solo.io/v1
kind: Upstream
metadata: {name: httpbin-httpbin-8000, namespace: gloo-system}
spec: {kube: {serviceName: httpbin, serviceNamespace: httpbin, servicePort: 8000}}
---
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: default, namespace: gloo-system}
spec:
  virtualHost:
    domains: ['*']
    routes:
    - matchers: [{exact: /all-headers}]
      options: {prefixRewrite: /headers}
      routeAction: {single: {upstream: {name: httpbin-httpbin-8000, namespace: gloo-system}}}
    - matchers: [{prefix: /gone}]
      routeAction: {single: {upstream: {name: not-there, namespace: gloo-system}}}
"""


@pytest.fixture(scope="module", autouse=True)
def gateway_api(cluster: Cluster) -> Iterator[None]:
    """What the lab takes for granted: the image is to be had, and Gateway API's standard kinds are installed."""
    daemun_image.load(daemun_image.build())
    crds.remove(cluster.client(), crds.installed(cluster.client()))  # of tests before
    names = crds.install(cluster.client(), _RELEASE, "standard")
    yield
    crds.remove(cluster.client(), names)


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    """A test that failed does not stand in the way of the next one."""
    yield
    kubectl("delete", "-f", str(LAB), "--ignore-not-found")
    kubectl("-n", "gloo-system", "wait", "--for=delete", "deployments,pods", "-l", "gloo=kube-gateway", "--timeout=90s")
    helm("uninstall", "-n", "gloo-system", "gloo-gateway", "--ignore-not-found")
    kubectl("delete", "namespace", "gloo-system", "httpbin", "--ignore-not-found")


def test_the_lab() -> None:
    _install("kubeGateway.enabled=true", "gloo.disableLeaderElection=true", "discovery.enabled=false")
    assert _classes() == {"daemun": "True", "gloo-gateway": "True"}
    _serve()
    assert _conditions() == {"Accepted": "True", "ResolvedRefs": "True"}
    assert "solo.io/gloo-gateway" in kubectl("-n", "httpbin", "describe", "httproute", "httpbin")

    kubectl("delete", "-f", str(LAB))
    for kind in ("deployment", "service", "serviceaccount", "configmap"):
        kubectl("-n", "gloo-system", "wait", "--for=delete", f"{kind}/gloo-proxy-http", "--timeout=60s")
    helm("uninstall", "-n", "gloo-system", "gloo-gateway")
    kubectl("-n", "gloo-system", "wait", "--for=delete", "pods", "--all", "--timeout=90s")
    left = kubectl("get", "all,secrets,configmaps,leases,pdb", "-n", "gloo-system", "-o", "name").split()
    assert left == ["configmap/kube-root-ca.crt"]
    assert kubectl("get", "gatewayclasses", "-o", "name") == ""
    assert "gloo-gateway" not in kubectl("get", "clusterroles,clusterrolebindings", "-o", "name")


def test_rights_in_two_namespaces_are_enough() -> None:
    kubectl("create", "namespace", "httpbin")
    _install("replicas=2", "watchNamespaces={gloo-system,httpbin}")
    _serve()
    said = kubectl("-n", "gloo-system", "logs", "-l", "app.kubernetes.io/instance=gloo-gateway", "--tail=-1")
    assert said.count(" leads") == 1
    assert "forbidden" not in said


def test_classic_resources_with_values_of_gloo() -> None:
    """Gloo's hello world, which has no Gateway of its own, and its chart's values."""
    _install("gateway.enabled=true", "settings.invalidConfigPolicy.replaceInvalidRoutes=true", "settings.create=true")
    kubectl("apply", "-f", str(LAB / "httpbin.yaml"))
    _ready("httpbin", "httpbin")
    kubectl("apply", "-f", "-", stdin=CLASSIC)
    await_creation("gloo-system", "deployment/gateway-proxy", "service/gateway-proxy")
    _ready("gloo-system", "gateway-proxy")
    port = _node_port("gateway-proxy")
    assert until(lambda: _get(port, "/all-headers") == 200, 60), "the classic proxy does not answer"
    assert _get(port, "/headers") == 404, "only what is routed is there"
    assert _get(port, "/gone") == 404, "what leads to nothing answers as the Settings say"
    for kind, state in (("virtualservice", "Warning"), ("upstream", "Accepted"), ("settings", "Accepted")):
        assert until(partial(_is, kind, state), 60), kind


def _is(kind: str, state: str) -> bool:
    """Whether there is one object of Gloo's of this kind, and in this state."""
    path = "jsonpath={.items[*].status.statuses.gloo-system.state}"
    return kubectl("-n", "gloo-system", "get", kind, "-o", path) == state


def _install(*values: str) -> None:
    flags = [word for value in values for word in ("--set", value)]
    helm("install", "-n", "gloo-system", "gloo-gateway", str(CHART), "--create-namespace", *flags)
    _ready("gloo-system", "gloo-gateway")


def _serve() -> None:
    """The middle of the lab: a service, a gate, a route, and requests."""
    kubectl("apply", "-f", str(LAB / "httpbin.yaml"))
    kubectl("apply", "-f", str(LAB / "gateway.yaml"))
    _ready("httpbin", "httpbin")
    await_creation("gloo-system", "deployment/gloo-proxy-http", "service/gloo-proxy-http")
    _ready("gloo-system", "gloo-proxy-http")
    kubectl("-n", "gloo-system", "wait", "--for=condition=Programmed", "gateway/http", "--timeout=60s")
    kubectl("apply", "-f", str(LAB / "httproute.yaml"))
    port = _node_port()
    assert until(lambda: _get(port, "/get") == 200, 60), "the gate does not answer"
    assert _get(port, "/headers") == 404, "only /get is routed"
    assert _get(port, "/get", "www.example.com") == 404, "only api.example.com is routed"


def _ready(namespace: str, deployment: str) -> None:
    kubectl("-n", namespace, "rollout", "status", f"deployment/{deployment}", "--timeout=90s")


def _classes() -> dict[str, str]:
    """The GatewayClasses, and whether they are accepted."""
    kubectl("wait", "--for=condition=Accepted", "gatewayclass", "--all", "--timeout=60s")
    classes = json.loads(kubectl("get", "gatewayclasses", "-o", "json"))["items"]
    return {one["metadata"]["name"]: _statuses(one["status"])["Accepted"] for one in classes}


def _conditions() -> dict[str, str]:
    """What is said of the route, for its only parent."""
    parents = json.loads(kubectl("-n", "httpbin", "get", "httproute", "httpbin", "-o", "json"))["status"]["parents"]
    assert len(parents) == 1
    return _statuses(parents[0])


def _statuses(status: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    return {one["type"]: one["status"] for one in status["conditions"]}


def _node_port(service: str = "gloo-proxy-http") -> int:
    """That of the Service's first port."""
    return int(kubectl("-n", "gloo-system", "get", "service", service, "-o", "jsonpath={.spec.ports[0].nodePort}"))


def _get(port: int, path: str, host: str = "api.example.com") -> int | None:
    """The status of an answer; None if there is no answer."""
    connection = http.client.HTTPConnection(NODE_ADDRESS, port, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": host})
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()
