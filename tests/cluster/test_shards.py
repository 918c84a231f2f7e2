"""Shards of tenants: what one is flooded with the other does not notice. See docs/patterns/sharded.md.

Figures are printed and not judged, for they are the machine's, which all of the cluster shares; what is judged is that
nothing fails, and who waits for whom.
"""

import contextlib
import http.client
import json
import os
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles

import pytest

from support.checks.pages import ROOT
from support.servers.redises import need

from . import crds, daemun_image
from .client import Client
from .cluster import Cluster
from .commands import CHART, helm, kubectl
from .processes import until
from .steady import ask

pytestmark = pytest.mark.timeout(1200)

_SYSTEM = "daemun-shards-system"
_PORTS = {"red": 8081, "blue": 8082}
_ROUTES = int(os.environ.get("DAEMUN_FLOOD_ROUTES", "1000"))
"""How many routes red makes."""
_ROUNDS, _SAMPLES, _MAKERS = 3, 1500, 8
_RESPONSE = """
apiVersion: gateway.gloo.solo.io/v1alpha1
kind: DirectResponse
metadata: {name: hello}
spec: {status: 200, body: hello}
"""


@pytest.fixture(scope="module")
def addresses(cluster: Cluster) -> Iterator[dict[str, str]]:
    """The two shards of the example, each with a route that its proxies answer themselves; where they answer."""
    need("wrk", "wrk")
    daemun_image.load(daemun_image.build())
    crds.install(cluster.client())
    helm("install", "-n", _SYSTEM, "daemun", str(CHART), "--create-namespace", "--wait")
    kubectl("apply", "-f", str(ROOT / "examples" / "sharded"))
    found = {}
    for tenant, port in _PORTS.items():
        kubectl("-n", tenant, "apply", "-f", "-", stdin=_RESPONSE)
        kubectl("-n", tenant, "wait", "--for=condition=Programmed", "gateway/gate", "--timeout=90s")
        found[tenant] = kubectl("-n", tenant, "get", "gateway", "gate", "-o", "jsonpath={.status.addresses[0].value}")
        _make(cluster.client(), tenant, "main")
        at, host = found[tenant], f"main.{tenant}.example.com"
        assert until(lambda at=at, host=host, port=port: ask(at, host, port=port) == "200", 60), tenant  # type: ignore[misc]  # mypy infers no lambda with defaults
    yield found
    for tenant in _PORTS:  # all at once, which is faster than what a namespace does
        cluster.client().delete(_path(tenant))
    kubectl("delete", "namespace", *_PORTS)
    helm("uninstall", "-n", _SYSTEM, "daemun")
    kubectl("delete", "namespace", _SYSTEM)


def test_a_flood_of_requests_and_connections(addresses: dict[str, str]) -> None:
    calm, flooded = [], []
    for _ in range(_ROUNDS):  # in turns, so that what else the machine does is in both
        calm.append(_p99(addresses["blue"]))
        with _flood(addresses["red"]):
            flooded.append(_p99(addresses["blue"]))
    _tell("a flood of red's proxies, on the same cores", calm, flooded)


def test_a_flood_on_cores_of_its_own(addresses: dict[str, str]) -> None:
    """As tenants have them whose proxies are on nodes of their own."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        pytest.skip("needs two cores")
    _pin(_envoy("red"), cores[0])
    _pin(_envoy("blue"), cores[1])
    _pin(os.getpid(), cores[1])
    try:
        calm, flooded = [], []
        for _ in range(_ROUNDS):
            calm.append(_p99(addresses["blue"]))
            with _flood(addresses["red"], "taskset", "-c", str(cores[0])):
                flooded.append(_p99(addresses["blue"]))
    finally:
        for pid in (_envoy("red"), _envoy("blue"), os.getpid()):
            _pin(pid, *cores)
    _tell("a flood of red's proxies, on a core of its own", calm, flooded)


def test_a_flood_of_routes(cluster: Cluster, addresses: dict[str, str]) -> None:
    calm, flooded, waited = [_p99(addresses["blue"])], [], []
    with _routes(cluster.client()) as making:
        while making.is_alive():
            begun = time.monotonic()
            name = f"new{len(waited)}"
            _make(cluster.client(), "blue", name)
            assert until(lambda name=name: ask(addresses["blue"], f"{name}.blue.example.com", port=8082) == "200", 60)  # type: ignore[misc]  # mypy infers no lambda with defaults
            waited.append(time.monotonic() - begun)
            flooded.append(_p99(addresses["blue"]))
    _tell(f"while {_ROUTES} routes of red are made", calm, flooded)
    print(f"blue's new routes were served after {[round(one, 2) for one in waited]} s")
    last = f"r{_ROUTES - 1}.red.example.com"
    assert until(lambda: ask(addresses["red"], last, port=8081) == "200", 600), "red's are served too"
    _tell("with all of them there", calm, [_p99(addresses["blue"]) for _ in range(_ROUNDS)])


def _p99(address: str) -> float:
    """Milliseconds that 99 of 100 requests to blue take, on one connection; none may fail."""
    connection = http.client.HTTPConnection(address, _PORTS["blue"], timeout=30)
    took = []
    try:
        for _ in range(_SAMPLES):
            begun = time.perf_counter()
            connection.request("GET", "/", headers={"Host": "main.blue.example.com"})
            response = connection.getresponse()
            response.read()
            took.append((time.perf_counter() - begun) * 1000)
            assert response.status == 200
    finally:
        connection.close()
    return quantiles(took, n=100)[98]


@contextmanager
def _flood(address: str, *around: str) -> Iterator[None]:
    """1,900 connections with requests as fast as they go. Who asks gives way to who answers."""
    host = "Host: main.red.example.com"
    command = ["nice", "-n", "19", "wrk", "-t", "1", "-c", "1900", "-d", "120s", "-H", host, f"http://{address}:8081/"]
    process = subprocess.Popen([*around, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert until(lambda: _connections() > 1500, 60), f"there is no flood, but {_connections()} connections"
        yield
    finally:
        process.terminate()
        process.wait()


def _envoy(tenant: str) -> int:
    """The process of a tenant's proxy."""
    selector = "gateway.networking.k8s.io/gateway-name=gate"
    pod = json.loads(kubectl("-n", tenant, "get", "pods", "-l", selector, "-o", "json"))["items"][0]["metadata"]["uid"]
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            ours = (entry / "comm").read_text().startswith("envoy")
            if ours and pod in (entry / "cgroup").read_text().replace("_", "-"):
                return int(entry.name)
    raise AssertionError(f"no process of {tenant}'s proxy")


def _pin(pid: int, *cores: int) -> None:
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), cores)


def _connections() -> int:
    """How many connections red's proxies have now."""
    pods = json.loads(
        kubectl("-n", "red", "get", "pods", "-l", "gateway.networking.k8s.io/gateway-name=gate", "-o", "json")
    )
    total = 0
    for pod in pods["items"]:
        with urllib.request.urlopen(f"http://{pod['status']['podIP']}:19001/metrics", timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        total += sum(int(line.split()[-1]) for line in lines if line.startswith("envoy_http_downstream_cx_active{"))
    return total


@contextmanager
def _routes(client: Client) -> Iterator[threading.Thread]:
    """Many routes of red, as fast as the API server takes them."""

    def some(first: int) -> None:
        connection = client._connection(60)
        try:
            for number in range(first, _ROUTES, _MAKERS):
                document = json.dumps(_document("red", f"r{number}"))
                connection.request("POST", _path("red"), document, {"content-type": "application/json"})
                answer = connection.getresponse()
                said = answer.read()
                assert answer.status == 201, said
        finally:
            connection.close()

    def make() -> None:
        with ThreadPoolExecutor(_MAKERS) as pool:
            list(pool.map(some, range(_MAKERS)))

    thread = threading.Thread(target=make)
    thread.start()
    yield thread
    thread.join()


def _make(client: Client, tenant: str, name: str) -> None:
    client.create(_path(tenant), _document(tenant, name))


def _path(tenant: str) -> str:
    return f"/apis/gateway.networking.k8s.io/v1/namespaces/{tenant}/httproutes"


def _document(tenant: str, name: str) -> dict[str, object]:
    response = {"group": "gateway.gloo.solo.io", "kind": "DirectResponse", "name": "hello"}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": tenant},
        "spec": {
            "parentRefs": [{"name": "gate"}],
            "hostnames": [f"{name}.{tenant}.example.com"],
            "rules": [{"filters": [{"type": "ExtensionRef", "extensionRef": response}]}],
        },
    }


def _tell(what: str, calm: list[float], flooded: list[float]) -> None:
    ratio = sorted(flooded)[len(flooded) // 2] / sorted(calm)[len(calm) // 2]
    said = [[round(one, 2) for one in some] for some in (calm, flooded)]
    print(f"{what}: blue's p99 {said[0]} ms before, {said[1]} ms then: x {ratio:.2f}")
