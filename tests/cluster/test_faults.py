"""The API server, the leader or a proxy killed at a bad moment while requests flow: none fails."""

import json
import signal
from collections.abc import Iterator

import pytest

from . import crds, daemun_image, node
from .cluster import Cluster
from .commands import CHART, ECHO, helm, kubectl
from .controlplane import APISERVER
from .processes import until
from .steady import ask, steady

pytestmark = pytest.mark.timeout(600)

_SYSTEM, _OWN = "daemun-faults-system", "daemun-faults"
_HOST = "steady.example.com"
_WORLD = """
apiVersion: v1
kind: Namespace
metadata: {name: daemun-faults}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: two, namespace: daemun-faults}
data:
  replicas: "2"
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gate, namespace: daemun-faults}
spec:
  gatewayClassName: daemun
  infrastructure:
    parametersRef: {group: "", kind: ConfigMap, name: two}
  listeners:
  - {name: http, port: 80, protocol: HTTP}
"""


@pytest.fixture(scope="module")
def address(cluster: Cluster) -> Iterator[str]:
    """Daemun with a replica that stands by, and a Gateway with two proxies; where it answers."""
    daemun_image.load(daemun_image.build())
    crds.install(cluster.client())
    helm("install", "-n", _SYSTEM, "daemun", str(CHART), "--create-namespace", "--set", "replicas=2", "--wait")
    cluster.client().apply(_WORLD)
    kubectl("-n", _OWN, "apply", "-f", str(ECHO))
    _route("steady", _HOST)
    kubectl("-n", _OWN, "wait", "--for=condition=Programmed", "gateway/gate", "--timeout=90s")
    kubectl("-n", _OWN, "rollout", "status", "deployment/gate-daemun", "--timeout=90s")
    found = kubectl("-n", _OWN, "get", "gateway", "gate", "-o", "jsonpath={.status.addresses[0].value}")
    assert until(lambda: ask(found, _HOST) == "200", 60), "the gate does not answer"
    yield found
    kubectl("delete", "namespace", _OWN)
    helm("uninstall", "-n", _SYSTEM, "daemun")
    kubectl("delete", "namespace", _SYSTEM)


def test_the_api_server_is_killed(cluster: Cluster, address: str) -> None:
    with steady(address, _HOST) as client:
        cluster.processes.stop(APISERVER, signal.SIGKILL)
        client.more(300)
        cluster.start_apiserver()
        _route("after-outage", "outage.example.com")
        assert until(lambda: ask(address, "outage.example.com") == "200", 60), "it does not go on after the outage"
        client.more()
    assert client.failures == []


def test_the_leader_is_killed(address: str) -> None:
    leader = _leader()
    with steady(address, _HOST) as client:
        _route("while-killed", "killed.example.com")
        kubectl("-n", _SYSTEM, "delete", "pod", leader, "--grace-period=0", "--force")
        _route("without-leader", "leaderless.example.com")
        assert until(lambda: ask(address, "killed.example.com") == "200", 60)
        assert until(lambda: ask(address, "leaderless.example.com") == "200", 60), "standbys serve what is new"
        assert until(lambda: _leader() not in {"", leader}, 60), "nobody else leads"
        assert until(lambda: _accepted("without-leader"), 60), "the new leader writes no status"
        client.more()
    assert client.failures == []
    kubectl("-n", _SYSTEM, "rollout", "status", "deployment/daemun", "--timeout=90s")


def test_no_control_plane_at_all(address: str) -> None:
    with steady(address, _HOST) as client:
        kubectl("-n", _SYSTEM, "scale", "deployment/daemun", "--replicas=0")
        kubectl("-n", _SYSTEM, "wait", "--for=delete", "pods", "--all", "--timeout=60s")
        client.more(300)
        before = _generation_seen()
        kubectl("-n", _SYSTEM, "scale", "deployment/daemun", "--replicas=2")
        kubectl("-n", _SYSTEM, "rollout", "status", "deployment/daemun", "--timeout=90s")
        _route("after-absence", "absence.example.com")
        assert until(lambda: ask(address, "absence.example.com") == "200", 60)
        client.more()
    assert client.failures == []
    assert _generation_seen() == before, "what was programmed stays so"


def test_a_proxy_ends(address: str) -> None:
    with steady(address, _HOST) as client:
        proxy = _proxies()[0]
        client.more()
        kubectl("-n", _OWN, "delete", proxy, "--wait=false")
        kubectl("-n", _OWN, "wait", "--for=delete", proxy, "--timeout=90s")
        client.more(200)
    assert client.failures == []
    kubectl("-n", _OWN, "rollout", "status", "deployment/gate-daemun", "--timeout=90s")


def test_everything_is_upgraded(address: str) -> None:
    """A new image: the control plane's pods are replaced, and then, by the new one, the proxies'."""
    node.load(daemun_image.build(), "docker.io/library/daemun:next")
    old = _proxies()
    with steady(address, _HOST) as client:
        values = ("--set", "replicas=2", "--set", "image.tag=next")
        helm("upgrade", "-n", _SYSTEM, "daemun", str(CHART), "--wait", *values)
        assert until(lambda: _image() == "daemun:next", 60), "the proxies stay old"
        kubectl("-n", _OWN, "rollout", "status", "deployment/gate-daemun", "--timeout=180s")
        kubectl("-n", _OWN, "wait", "--for=delete", *old, "--timeout=90s")
        client.more()
    assert client.failures == []


def _proxies() -> list[str]:
    return kubectl("-n", _OWN, "get", "pods", "-l", "gateway.networking.k8s.io/gateway-name=gate", "-o", "name").split()


def _image() -> str:
    return kubectl("-n", _OWN, "get", "deployment", "gate-daemun", "-o", "jsonpath={..containers[0].image}")


def _route(name: str, host: str) -> None:
    document = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": _OWN},
        "spec": {
            "parentRefs": [{"name": "gate"}],
            "hostnames": [host],
            "rules": [{"backendRefs": [{"name": "backend", "port": 80}]}],
        },
    }
    kubectl("create", "-f", "-", stdin=json.dumps(document))


def _accepted(name: str) -> bool:
    route = json.loads(kubectl("-n", _OWN, "get", "httproute", name, "-o", "json"))
    parents = route.get("status", {}).get("parents", [])
    return any(one["type"] == "Accepted" and one["status"] == "True" for each in parents for one in each["conditions"])


def _generation_seen() -> dict[str, str]:
    """The Gateway's conditions, with the time since when they are so."""
    gateway = json.loads(kubectl("-n", _OWN, "get", "gateway", "gate", "-o", "json"))
    return {one["type"]: one["status"] + one["lastTransitionTime"] for one in gateway["status"]["conditions"]}


def _leader() -> str:
    return kubectl("-n", _SYSTEM, "get", "lease", "daemun", "-o", "jsonpath={.spec.holderIdentity}")
