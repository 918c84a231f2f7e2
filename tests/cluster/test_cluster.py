"""The cluster is a real one: pods run and reach each other, by every kind of address that a Service has."""

import http.client
import select
import signal
import socket
import subprocess
from collections.abc import Iterator

import pytest

from .balancer import ON_REQUEST
from .client import Document
from .cluster import Cluster
from .controlplane import APISERVER
from .node import PAUSE
from .place import NODE_ADDRESS
from .processes import until
from .stock import ECHO

_NAMESPACE = "test-cluster"
_SERVICES = f"/api/v1/namespaces/{_NAMESPACE}/services"


@pytest.fixture(scope="module", autouse=True)
def echo(cluster: Cluster) -> Iterator[None]:
    """A pod that answers HTTP, and one with a shell and no rights."""
    client = cluster.client()
    client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _NAMESPACE}})
    _pod(cluster, "echo", {"image": ECHO, "env": [{"name": "POD_NAME", "value": "echo"}]})
    nothing = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    _pod(cluster, "shell", {"image": PAUSE, "securityContext": {**nothing, "runAsNonRoot": True, "runAsUser": 65532}})
    assert until(lambda: _ready(cluster, "echo") and _ready(cluster, "shell"), 60)
    yield
    client.delete(f"/api/v1/namespaces/{_NAMESPACE}")


def test_a_service_answers_by_name_inside_a_pod(cluster: Cluster) -> None:
    _service(cluster, "by-name")
    assert '"pod": "echo"' in _kubectl("exec", "shell", "--", "wget", "-qO-", "http://by-name/")


def test_a_node_port_answers(cluster: Cluster) -> None:
    made = _service(cluster, "by-port", type="NodePort")
    assert _answers(NODE_ADDRESS, made["spec"]["ports"][0]["nodePort"])


def test_a_load_balancer_gets_an_address_that_answers(cluster: Cluster) -> None:
    _service(cluster, "balanced", type="LoadBalancer")
    assert until(lambda: _address(cluster, "balanced") is not None, 60)
    assert _answers(_address(cluster, "balanced") or "", 80)


def test_a_load_balancer_gets_the_address_it_asks_for_or_none(cluster: Cluster) -> None:
    _service(cluster, "usable", type="LoadBalancer", loadBalancerIP=ON_REQUEST[7])
    _service(cluster, "unusable", type="LoadBalancer", loadBalancerIP="192.0.2.1")
    _service(cluster, "later", type="LoadBalancer")
    assert until(lambda: _address(cluster, "later") is not None, 60)
    assert _address(cluster, "usable") == ON_REQUEST[7]
    assert _address(cluster, "unusable") is None


def test_a_connection_that_was_not_sent_on_gets_through_when_it_is_tried_again(cluster: Cluster) -> None:
    """For a moment now and then the kernel does not see kube-proxy's rules; here they do not exist yet."""
    address = ON_REQUEST[8]
    with socket.socket() as early:
        early.setblocking(False)
        early.connect_ex((address, 80))
        _service(cluster, "missed", type="LoadBalancer", loadBalancerIP=address)
        assert _answers(address, 80)
        _, ready, _ = select.select([], [early], [], 20)
        assert ready
        assert early.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


def test_logs_tell_who_asked(cluster: Cluster) -> None:
    _service(cluster, "logged")
    _kubectl("exec", "shell", "--", "wget", "-qO-", "http://logged/a-path-to-find")
    assert "a-path-to-find" in _kubectl("logs", "echo")


def test_services_answer_while_the_api_server_is_dead_and_it_comes_back(cluster: Cluster) -> None:
    made = _service(cluster, "without-api", type="NodePort")
    port = made["spec"]["ports"][0]["nodePort"]
    assert _answers(NODE_ADDRESS, port)
    cluster.processes.stop(APISERVER, signal.SIGKILL)
    try:
        assert _answers(NODE_ADDRESS, port)
    finally:
        cluster.start_apiserver()
    assert cluster.client().get(_SERVICES)["items"]


def _pod(cluster: Cluster, name: str, container: Document) -> None:
    meta = {"name": name, "namespace": _NAMESPACE, "labels": {"app": name}}
    spec = {"containers": [{"name": name, **container}], "terminationGracePeriodSeconds": 0}
    cluster.client().apply({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})


def _ready(cluster: Cluster, name: str) -> bool:
    status = cluster.client().get(f"/api/v1/namespaces/{_NAMESPACE}/pods/{name}")["status"]
    return any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions", []))


def _service(cluster: Cluster, name: str, **spec: str) -> Document:
    meta = {"name": name, "namespace": _NAMESPACE}
    ports = [{"port": 80, "targetPort": 3000}]
    whole = {"selector": {"app": "echo"}, "ports": ports, **spec}
    return cluster.client().apply({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": whole})[0]


def _address(cluster: Cluster, service: str) -> str | None:
    status = cluster.client().get(f"{_SERVICES}/{service}")["status"]
    ingress = status["loadBalancer"].get("ingress")
    return ingress[0]["ip"] if ingress else None


def _answers(address: str, port: int) -> bool:
    """Whether the pod answers there, as soon as kube-proxy knows."""

    def once() -> bool:
        connection = http.client.HTTPConnection(address, port, timeout=2)
        try:
            connection.request("GET", "/")
            return b'"pod": "echo"' in connection.getresponse().read()
        except OSError:
            return False
        finally:
            connection.close()

    return until(once, 60)


def _kubectl(*arguments: str) -> str:
    command = ["kubectl", "--namespace", _NAMESPACE, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
