"""`daemun proxy` and `daemun explain --live` with proxies that are pods."""

import json
from collections.abc import Iterator

import pytest

from . import crds, daemun_image
from .cluster import Cluster
from .commands import CHART, ECHO, CommandError, daemun, helm, kubectl
from .processes import until
from .steady import ask

pytestmark = pytest.mark.timeout(600)

_SYSTEM, _OWN = "cli-system", "cli-own"
_WORLD = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: daemun
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: echo}
spec:
  parentRefs: [{name: gw}]
  hostnames: [cli.example]
  rules:
  - matches: [{path: {type: PathPrefix, value: /in}}]
    filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-set, value: here}]}}]
    backendRefs: [{name: backend, port: 80}]
"""


@pytest.fixture(scope="module", autouse=True)
def gate(cluster: Cluster) -> Iterator[None]:
    """Daemun with a Gateway and a backend."""
    daemun_image.load(daemun_image.build())
    crds.install(cluster.client())
    for name in (_SYSTEM, _OWN):
        kubectl("create", "namespace", name)
    helm("install", "-n", _SYSTEM, "daemun", str(CHART), "--wait")
    kubectl("-n", _OWN, "apply", "-f", str(ECHO))
    kubectl("-n", _OWN, "apply", "-f", "-", stdin=_WORLD)
    kubectl("-n", _OWN, "wait", "--for=condition=Programmed", "gateway/gw", "--timeout=90s")
    kubectl("-n", _OWN, "rollout", "status", "deployment/gw-daemun", "deployment/backend", "--timeout=90s")
    form = "jsonpath={.status.loadBalancer.ingress[0].ip}"
    kubectl("-n", _OWN, "wait", f"--for={form}", "service/gw-daemun", "--timeout=60s")
    address = kubectl("-n", _OWN, "get", "service", "gw-daemun", "-o", form)
    assert until(lambda: ask(address, "cli.example", "/in") == "200", 60), "the gate does not answer"
    yield
    helm("uninstall", "-n", _SYSTEM, "daemun")
    kubectl("delete", "namespace", _SYSTEM, _OWN)


def test_a_proxy_that_is_a_pod() -> None:
    url = daemun("proxy", "url", f"{_OWN}/gw").strip()
    assert url.startswith("http://")
    assert daemun("proxy", "address", f"{_OWN}/gw").strip() == f"{url.removeprefix('http://')}:80"
    assert "all dependencies initialized" in daemun("proxy", "logs", f"{_OWN}/gw", "--tail", "10000")
    assert "downstream_rq_2xx" in daemun("proxy", "stats", f"{_OWN}/gw", "--match", "downstream_rq_2xx")
    assert f"service/{_OWN}/backend/80" in daemun("proxy", "config", f"{_OWN}/gw")
    assert "0 differences" in daemun("proxy", "diff", f"{_OWN}/gw")
    with pytest.raises(CommandError, match="is no running pod"):
        daemun("proxy", "logs", f"{_OWN}/gw", "--pod", "nobody")


def test_what_really_happened_to_a_request() -> None:
    found = json.loads(daemun("explain", "GET", "http://cli.example/in/side", "--live", "-o", "json"))
    assert found["happened"]["cluster"] == f"service/{_OWN}/backend/80"
    assert ["x-set", "here"] in found["happened"]["sent"]
    assert {one["verdict"] for one in found["compared"]} == {"as it should be"}
    assert "endpoint" in {one["what"] for one in found["compared"]}
    log = daemun("proxy", "logs", f"{_OWN}/gw", "--tail", "5")
    assert ask_again() == "200"
    assert daemun("proxy", "logs", f"{_OWN}/gw", "--tail", "5") == log


def ask_again() -> str:
    """A request that nobody follows, which leaves nothing in the log."""
    return ask(daemun("proxy", "address", f"{_OWN}/gw").strip().rpartition(":")[0], "cli.example", "/in")


def test_the_views_of_what_is_served() -> None:
    told = daemun("tree", "--gateway", f"{_OWN}/gw")
    assert "Service cli-own/backend" in told
    assert "!" not in told
    assert f"{_OWN}/gw" in daemun("get", "proxies")
