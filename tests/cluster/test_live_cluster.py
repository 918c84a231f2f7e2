"""`daemun check`, `explain` and `translate` of a live cluster, with files laid over it: what would this change do?"""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cluster.api import ApiServer
from daemun.cli.main import app

_WORLD = """
apiVersion: v1
kind: Namespace
metadata: {name: looked-at}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gate, namespace: looked-at}
spec:
  gatewayClassName: daemun
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: looked-at}
spec:
  parentRefs: [{name: gate}]
  hostnames: [shop.example.com]
  rules:
  - filters: [{type: RequestRedirect, requestRedirect: {statusCode: 302, hostname: there.example.com}}]
"""
_RIVAL = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: zz-rival, namespace: looked-at}
spec:
  parentRefs: [{name: gate}]
  hostnames: [shop.example.com]
  rules:
  - filters: [{type: RequestRedirect, requestRedirect: {statusCode: 301, hostname: elsewhere.example.com}}]
"""


@pytest.fixture
def live(module_api_server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """The context of a cluster with a Gateway and a route."""
    monkeypatch.setenv("KUBECONFIG", str(module_api_server.kubeconfig))
    module_api_server.client.apply(_WORLD)
    return "daemun"


def run(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == code, result.output
    return result.stdout


def test_the_cluster_alone(live: str) -> None:
    told = run("check", "--kube-context", live)
    assert "HTTPRoute looked-at/shop" in told
    assert "ready" in told
    found = json.loads(run("explain", "GET", "http://shop.example.com/", "--kube-context", live, "-o", "json"))
    assert found["winner"]["route"] == "HTTPRoute looked-at/shop"
    assert "there.example.com" in run("translate", "--kube-context", live, "--gateway", "looked-at/gate")


def test_a_new_object_is_the_youngest(live: str, tmp_path: Path) -> None:
    file = tmp_path / "rival.yaml"
    file.write_text(_RIVAL)
    words = ("explain", str(file), "GET", "http://shop.example.com/", "--kube-context", live, "-o", "json")
    assert json.loads(run(*words))["winner"]["route"] == "HTTPRoute looked-at/shop"


def test_an_object_that_is_there_is_replaced(live: str, tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(_RIVAL.replace("zz-rival", "shop"))
    told = run("translate", str(file), "--kube-context", live, "--gateway", "looked-at/gate")
    assert "elsewhere.example.com" in told
    assert "there.example.com" not in told.replace("elsewhere.example.com", "")


def test_a_context_that_is_not_there(live: str) -> None:
    run("check", "--kube-context", f"not-{live}", code=1)
