"""A mesh on one machine: what its proxy does with what is no HTTP. The rest is told by docs/patterns/mesh.md."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from support.checks.pages import ALONE, ROOT
from support.clients.meshed import GREETING

MANIFESTS = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {daemun.dev/mesh: enabled}}
---
apiVersion: v1
kind: Service
metadata: {name: mixed, namespace: shop}
spec: {clusterIP: 10.96.0.10, ports: [{port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: mixed, namespace: shop}
spec:
  parentRefs: [{group: "", kind: Service, name: mixed}]
  rules: [{filters: [{type: RequestRedirect, requestRedirect: {hostname: a.example}}]}]
"""


def test_what_is_no_http_passes_and_servers_may_speak_first(tmp_path: Path) -> None:
    if subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs a network namespace: root may make one")
    (tmp_path / "mesh.yaml").write_text(MANIFESTS)
    command = [*ALONE, sys.executable, "-m", "support.clients.meshed", str(tmp_path)]
    with tempfile.TemporaryDirectory(prefix="dmn-mesh-") as short:  # sockets are in it
        own = {"XDG_RUNTIME_DIR": short, "XDG_STATE_HOME": short}
        own["PYTHONPATH"] = os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(ROOT / "tests")])
        env = os.environ | own
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180, env=env, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["silent"] == GREETING.decode()
    assert told["tls"] == "said: \x16\x03\x01\x00\x05hello"
    assert told["http"].startswith("HTTP/1.1 302 Found")
    assert "location: http://a.example/" in told["http"]
