"""The commands that look, on a live cluster: what is there, what is in force, what a change would do; and no rights."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cluster.api import ApiServer
from daemun.cli.main import app

_WORLD = """
apiVersion: v1
kind: Namespace
metadata: {name: viewed}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gate, namespace: viewed}
spec:
  gatewayClassName: daemun
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: viewed}
spec: {ports: [{name: main, port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: viewed}
spec:
  parentRefs: [{name: gate}]
  hostnames: [shop.example.com]
  rules:
  - backendRefs: [{name: shop, port: 80}]
    timeouts: {request: 2s}
"""
_CHANGE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: viewed}
spec:
  parentRefs: [{name: gate}]
  hostnames: [shop.example.com]
  rules:
  - filters: [{type: RequestRedirect, requestRedirect: {statusCode: 301, hostname: elsewhere.example.com}}]
"""
_SUITE = """
cases:
- request: {url: "http://shop.example.com/"}
  expect: {route: viewed/shop, backend: viewed/shop}
"""


@pytest.fixture(autouse=True)
def live(module_api_server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster with a Gateway and a route, which is that of the kubeconfig."""
    monkeypatch.setenv("KUBECONFIG", str(module_api_server.kubeconfig))
    module_api_server.client.apply(_WORLD)


def run(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == code, (result.output, result.exception)
    return result.stdout or result.stderr


def test_what_there_is() -> None:
    header, line = run("get", "routes", "-n", "viewed").splitlines()
    assert header.split("\t")[:2] == ["KIND", "NAME"]
    assert line.split("\t") == ["HTTPRoute", "viewed/shop", "shop.example.com", "viewed/gate", "ready"]
    assert run("get", "gateways", "viewed/gate", "-o", "name") == "gateway/viewed/gate\n"
    (one,) = json.loads(run("get", "upstreams", "-n", "viewed", "-o", "json"))
    assert one["view"]["state"] == "NoEndpoints"
    told = run("tree", "--gateway", "viewed/gate", code=1)
    assert "HTTPRoute viewed/shop" in told
    assert "! no endpoint is ready" in told


def test_what_is_in_force_and_what_is_wrong() -> None:
    assert 'timeouts {"request": "2s"}' in run("policy", "viewed/shop")
    assert "warning[D0903]: HTTPRoute viewed/shop" in run("check")
    assert "There are: gateway/viewed/gate" in run("get", "gateways", "nobody", code=1)


def test_what_a_change_would_do(tmp_path: Path) -> None:
    change, suite = tmp_path / "change.yaml", tmp_path / "shop.routes.yaml"
    change.write_text(_CHANGE)
    suite.write_text(_SUITE)
    told = run("diff", str(change), code=1)
    assert "~ HTTPRoute viewed/shop" in told
    assert "+ redirected with 301 to http://elsewhere.example.com/" in told
    assert "1 tests, 0 failed" in run("test", str(suite), "--kube-context", "daemun")
    assert "1 tests, 1 failed" in run("test", str(suite), "--kube-context", "daemun", "-f", str(change), code=1)


def test_a_proxy_without_a_pod() -> None:
    assert run("proxy", "url", "viewed/gate") == ""
    assert "has no pod that runs" in run("proxy", "logs", "viewed/gate", code=1)


def test_somebody_who_may_read_nothing(module_api_server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(module_api_server.user("nobody-at-all")))
    told = run("get", "routes", code=1)
    assert "forbidden" in told
    assert "Traceback" not in told
