"""How much may come in, in a cluster: the chart's rate limit service in two replicas, which count in one Redis."""

import base64
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from support.objects.documents import gateway, listener, route, rule

from . import crds, daemun_image
from .auth import redis
from .cluster import Cluster
from .commands import CHART, ECHO, address_of, apply, helm, kubectl
from .place import NODE_ADDRESS
from .processes import until
from .steady import ask

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("cluster")]

_SYSTEM, _OWN = "daemun-limits-system", "daemun-limits"
_PODS = ("-n", _SYSTEM, "get", "pods", "-l", "app.kubernetes.io/name=daemun-ratelimit", "-o")
_LIMIT = 100
Doc = dict[str, Any]


@pytest.fixture(scope="module")
def gate(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a gate with a limit for each user, of so many requests a day."""
    folder = tmp_path_factory.mktemp("beside")
    daemun_image.load(daemun_image.build())
    crds.install(cluster.client())
    with redis(folder, NODE_ADDRESS) as store:
        for name in (_SYSTEM, _OWN, "gloo-system"):
            kubectl("create", "namespace", name)
        kubectl("-n", _SYSTEM, "create", "secret", "generic", "redis", f"--from-literal=url={store}")
        limits = {"enabled": True, "replicas": 2, "redis": {"secret": "redis"}}
        values = {"global": {"extensions": {"rateLimit": limits}}}
        (folder / "values.yaml").write_text(json.dumps(values))
        helm("install", "-n", _SYSTEM, "daemun", str(CHART), "-f", str(folder / "values.yaml"), "--wait")
        kubectl("-n", _OWN, "apply", "-f", str(ECHO))
        apply("gloo-system", _settings())
        apply(_OWN, *_world())
        kubectl("-n", _OWN, "wait", "--for=condition=Programmed", "gateway/gw", "--timeout=90s")
        kubectl("-n", _OWN, "rollout", "status", "deployment/gw-daemun", "deployment/backend", "--timeout=90s")
        address = address_of(_OWN, "gw-daemun")
        assert until(lambda: _outcome(address, "probe") == "200", 60), "the gate does not answer"
        yield address
        helm("uninstall", "-n", _SYSTEM, "daemun")
        kubectl("delete", "namespace", _SYSTEM, _OWN, "gloo-system")


def test_a_limit_is_exact_across_replicas(gate: str) -> None:
    assert Counter(_outcome(gate, "ann") for _ in range(_LIMIT + 30)) == {"200": _LIMIT, "429": 30}
    assert _outcome(gate, "bob") == "200"
    # Each of them was asked.
    for pod in kubectl(*_PODS, "name").split():
        said = kubectl("-n", _SYSTEM, "get", "--raw", f"/api/v1/namespaces/{_SYSTEM}/pods/{pod[4:]}:9986/proxy/metrics")
        counted = [line for line in said.splitlines() if line.startswith("daemun_ratelimit_decisions_total{")]
        assert any('outcome="ok"' in line and not line.endswith(" 0.0") for line in counted), said


def test_only_proxies_are_answered() -> None:
    address = kubectl(*_PODS, "jsonpath={.items[0].status.podIP}")
    found = kubectl("-n", _SYSTEM, "get", "secret", "daemun-xds", "-o", r"jsonpath={.data.ca\.crt}")
    authority = base64.b64decode(found)
    host = [("grpc.ssl_target_name_override", f"daemun-ratelimit.{_SYSTEM}.svc")]
    nobody = grpc.secure_channel(f"{address}:9985", grpc.ssl_channel_credentials(authority), host)
    for stranger in (grpc.insecure_channel(f"{address}:9985"), nobody):
        with pytest.raises(grpc.RpcError) as refused, stranger:
            stranger.unary_unary("/grpc.health.v1.Health/Check", None, None)(b"", timeout=10)
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE


def test_one_dies_and_the_counts_stay(gate: str) -> None:
    assert Counter(_outcome(gate, "eve") for _ in range(_LIMIT // 2)) == {"200": _LIMIT // 2}
    kubectl("-n", _SYSTEM, "delete", "--force", "--grace-period=0", kubectl(*_PODS, "name").split()[0])
    kubectl("-n", _SYSTEM, "rollout", "status", "deployment/daemun-ratelimit", "--timeout=90s")
    found = Counter(_outcome(gate, "eve") for _ in range(_LIMIT))
    # What could not be asked about was denied, as the policy says, and is not counted.
    assert found["200"] == _LIMIT // 2
    assert found["429"] + found["500"] == _LIMIT // 2


def _outcome(address: str, user: str) -> str:
    return ask(address, "limited.example", headers={"x-user": user})


def _settings() -> Doc:
    spec = {"ratelimitServer": {"denyOnFail": True, "requestTimeout": "5s"}}
    return {"apiVersion": "gloo.solo.io/v1", "kind": "Settings", "metadata": {"name": "default"}, "spec": spec}


def _world() -> Iterator[Doc]:
    per_day = {"requestsPerUnit": _LIMIT, "unit": "DAY"}
    action = {"requestHeaders": {"headerName": "x-user", "descriptorKey": "user"}}
    raw = {"descriptors": [{"key": "user", "rateLimit": per_day}], "rateLimits": [{"actions": [action]}]}
    config = {"apiVersion": "ratelimit.solo.io/v1alpha1", "kind": "RateLimitConfig", "metadata": {"name": "by-user"}}
    yield config | {"spec": {"raw": raw}}
    target = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "limited"}
    options = {"rateLimitConfigs": {"refs": [{"name": "by-user", "namespace": _OWN}]}}
    option = {"apiVersion": "gateway.solo.io/v1", "kind": "RouteOption", "metadata": {"name": "limited"}}
    yield option | {"spec": {"targetRefs": [target], "options": options}}
    yield gateway("gw", listener(80))
    yield route("limited", rule(to="backend"), hosts=["limited.example"])
